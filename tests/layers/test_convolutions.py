import pytest
import torch
from torch import nn
from torch.nn import functional

from pytorchvideo_clone.layers.convolutions import (
    Conv2plus1d,
    ConvReduce3D,
    create_conv_2plus1d,
)


@pytest.mark.parametrize("method", ["sum", "cat"])
def test_parallel_convolutions_are_reduced(method: str) -> None:
    conv = ConvReduce3D(
        in_channels=2,
        out_channels=3,
        kernel_size=((3, 1, 1), (1, 3, 3)),
        padding=((1, 0, 0), (0, 1, 1)),
        bias=(False, None),
        reduction_method=method,
    )
    x = torch.randn(1, 2, 4, 5, 5)
    outputs = [branch(x) for branch in conv.convs]
    expected = outputs[0] + outputs[1] if method == "sum" else torch.cat(outputs, 1)
    torch.testing.assert_close(conv(x), expected)
    assert conv.convs[0].bias is None
    assert conv.convs[1].bias is not None


def test_unknown_reduction_and_wrong_lengths_are_refused() -> None:
    sizes = ((3, 1, 1), (1, 3, 3))
    with pytest.raises(ValueError, match=r"'mean'.*'sum' or 'cat'"):
        ConvReduce3D(in_channels=1, out_channels=1, kernel_size=sizes, reduction_method="mean")
    with pytest.raises(ValueError, match="stride has 1 entries for 2 branches"):
        ConvReduce3D(in_channels=1, out_channels=1, kernel_size=sizes, stride=((1, 1, 1),))


def test_order_of_the_factors_can_be_swapped_but_the_keys_stay() -> None:
    layers = {
        "conv_t": nn.Conv3d(2, 2, (3, 1, 1), bias=False),
        "activation": nn.ReLU(),
        "conv_xy": nn.Conv3d(2, 2, (1, 3, 3), bias=False),
    }
    x = torch.randn(1, 2, 4, 5, 5)
    for xy_first in (False, True):
        conv = Conv2plus1d(**layers, conv_xy_first=xy_first)
        first, last = ("conv_xy", "conv_t") if xy_first else ("conv_t", "conv_xy")
        torch.testing.assert_close(conv(x), layers[last](functional.relu(layers[first](x))))
        assert list(conv.state_dict()) == ["conv_t.weight", "conv_xy.weight"]


def test_factorized_convolution_has_the_asked_inner_width_and_norm() -> None:
    conv = create_conv_2plus1d(
        in_channels=2, out_channels=3, inner_channels=5, norm_eps=0.5, norm_momentum=0.25
    )
    assert conv.conv_t.weight.shape == (5, 2, 3, 1, 1)
    assert conv.conv_xy.weight.shape == (3, 5, 1, 3, 3)
    assert (conv.norm.num_features, conv.norm.eps, conv.norm.momentum) == (5, 0.5, 0.25)


def test_factorized_convolution_refuses_groups_with_a_sentence() -> None:
    with pytest.raises(AssertionError, match="groups is 2"):
        create_conv_2plus1d(in_channels=4, out_channels=4, groups=2)
