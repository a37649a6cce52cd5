import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import EfficientBlockBase, NoOpConvertBlock


def test_a_block_must_say_how_it_converts_and_computes() -> None:
    with pytest.raises(TypeError, match="abstract"):
        EfficientBlockBase()


def test_a_wrapped_module_stays_as_it_is() -> None:
    block = NoOpConvertBlock(nn.Linear(3, 2))
    x = torch.randn(4, 3)
    expected = block(x)
    block.convert((4, 3), convert_for_quantize=True)
    block.convert((4, 3))
    assert torch.equal(block(x), expected)
    assert list(block.state_dict()) == ["model.weight", "model.bias"]
