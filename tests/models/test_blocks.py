from functools import partial

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.blocks import (
    SeparableBottleneckBlock,
    create_acoustic_bottleneck_block,
    create_bottleneck_block,
    create_res_block,
)


def test_bottleneck_takes_other_convolutions_norms_and_activations() -> None:
    block = create_bottleneck_block(
        dim_in=4,
        dim_inner=4,
        dim_out=8,
        conv_a=partial(nn.Conv3d, padding_mode="replicate"),
        norm=nn.InstanceNorm3d,
        norm_eps=0.5,
        norm_momentum=0.25,
        activation=nn.Tanh,
    )
    assert block.conv_a.padding_mode == "replicate"
    for norm in (block.norm_a, block.norm_b, block.norm_c):
        assert isinstance(norm, nn.InstanceNorm3d)
        assert (norm.eps, norm.momentum) == (0.5, 0.25)
    assert isinstance(block.act_a, nn.Tanh)
    assert isinstance(block.act_b, nn.Tanh)


def test_acoustic_bottleneck_adds_frequency_and_time() -> None:
    block = create_acoustic_bottleneck_block(
        dim_in=4,
        dim_inner=4,
        dim_out=8,
        conv_b_kernel_size=(3, 1, 5),
        conv_b_padding=(1, 0, 2),
        norm=None,
        activation=None,
    )
    assert [conv.kernel_size for conv in block.conv_b] == [(1, 1, 5), (3, 1, 1)]
    x = torch.randn(1, 4, 6, 1, 9)
    inner = block.conv_a(x)
    expected = block.conv_c(block.conv_b[0](inner) + block.conv_b[1](inner))
    torch.testing.assert_close(block(x), expected)


def test_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="'mean'"):
        SeparableBottleneckBlock(
            conv_a=None,
            norm_a=None,
            act_a=None,
            conv_b=nn.ModuleList(),
            norm_b=[],
            act_b=[],
            conv_c=None,
            norm_c=None,
            reduce_method="mean",
        )


def test_res_block_passes_every_argument_on() -> None:
    seen = {}

    def bottleneck(**kwargs) -> nn.Module:
        seen.update(kwargs)
        return nn.Identity()

    given = {
        "dim_in": 4,
        "dim_inner": 2,
        "dim_out": 4,
        "conv_a_kernel_size": (5, 1, 1),
        "conv_a_stride": (1, 1, 1),
        "conv_a_padding": (2, 0, 0),
        "conv_a": nn.ConvTranspose3d,
        "conv_b_kernel_size": (1, 5, 5),
        "conv_b_stride": (1, 1, 1),
        "conv_b_padding": (0, 2, 2),
        "conv_b_num_groups": 2,
        "conv_b_dilation": (1, 2, 2),
        "conv_b": nn.ConvTranspose3d,
        "conv_c": nn.ConvTranspose3d,
        "norm": nn.InstanceNorm3d,
        "norm_eps": 0.5,
        "norm_momentum": 0.25,
    }
    block = create_res_block(
        **given, bottleneck=bottleneck, activation_bottleneck=nn.Tanh, activation_block=nn.GELU
    )
    assert seen == {**given, "activation": nn.Tanh}
    assert isinstance(block.activation, nn.GELU)
    assert block.branch1_conv is None


def test_shortcut_has_the_stride_of_both_convolutions_and_the_norm() -> None:
    block = create_res_block(
        dim_in=4,
        dim_inner=2,
        dim_out=4,
        bottleneck=create_bottleneck_block,
        conv_skip=partial(nn.Conv3d, padding_mode="replicate"),
        norm_eps=0.5,
    )
    assert block.branch1_conv.stride == (2, 2, 2)
    assert block.branch1_conv.padding_mode == "replicate"
    assert block.branch1_norm.eps == 0.5
