import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import SqueezeExcitation
from pytorchvideo_clone.layers import SqueezeExcitation as PlainSqueezeExcitation


def test_it_is_the_squeeze_and_excitation_of_the_models() -> None:
    block, plain = SqueezeExcitation(8, 3, is_3d=True), PlainSqueezeExcitation(8, 3, is_3d=True)
    plain.block.load_state_dict(block.se.block.state_dict())
    x = torch.randn(2, 8, 3, 4, 5)
    torch.testing.assert_close(block(x), plain(x))


@pytest.mark.parametrize("shape", [(2, 8, 3, 4, 5), (2, 8, 4, 5)])
def test_converted_it_computes_the_same_with_linear_layers(shape: tuple[int, ...]) -> None:
    block = SqueezeExcitation(8, is_3d=len(shape) == 5, activation=nn.Tanh())
    x = torch.randn(shape)
    expected = block(x)
    block.convert(shape)
    kinds = [type(layer) for layer in block.se.block]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Sigmoid]
    torch.testing.assert_close(block(x), expected)
    torch.testing.assert_close(block(x[:1]), expected[:1])


def test_it_converts_once() -> None:
    block = SqueezeExcitation(8)
    block.convert((1, 8, 2, 2))
    with pytest.raises(AssertionError, match="converted already"):
        block.convert((1, 8, 2, 2))
