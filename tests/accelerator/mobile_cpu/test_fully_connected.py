import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import FullyConnected


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_a_linear_layer_before_and_after_conversion(bias: bool) -> None:
    block, linear = FullyConnected(6, 4, bias=bias), nn.Linear(6, 4, bias=bias)
    block.model.load_state_dict(linear.state_dict())
    x = torch.randn(3, 6)
    assert torch.equal(block(x), linear(x))
    block.convert((3, 6))
    assert torch.equal(block(x), linear(x))
