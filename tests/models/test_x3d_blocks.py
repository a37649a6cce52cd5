import torch
from torch import nn

from pytorchvideo_clone.layers.squeeze_excitation import SqueezeExcitation
from pytorchvideo_clone.models.x3d_blocks import (
    create_x3d_bottleneck_block,
    create_x3d_res_block,
    create_x3d_res_stage,
    create_x3d_stem,
)


def test_stem_is_spatial_then_temporal_under_the_names_of_the_checkpoints() -> None:
    conv = create_x3d_stem(in_channels=3, out_channels=8).conv
    assert conv.conv_t.kernel_size == (1, 3, 3)
    assert conv.conv_xy.kernel_size == (5, 1, 1)
    x = torch.randn(1, 3, 4, 8, 8)
    torch.testing.assert_close(conv(x), conv.conv_xy(conv.conv_t(x)))


def test_norm_settings_reach_the_shortcut() -> None:
    block = create_x3d_res_block(
        dim_in=8, dim_inner=18, dim_out=16, norm_eps=0.5, norm_momentum=0.25
    )
    assert (block.branch1_norm.eps, block.branch1_norm.momentum) == (0.5, 0.25)


def test_shortcut_has_a_norm_only_between_different_widths() -> None:
    same = create_x3d_res_block(dim_in=8, dim_inner=18, dim_out=8)
    assert same.branch1_conv is not None
    assert same.branch1_norm is None
    kept = create_x3d_res_block(dim_in=8, dim_inner=18, dim_out=8, conv_stride=(1, 1, 1))
    assert kept.branch1_conv is None
    forced = create_x3d_res_block(
        dim_in=8, dim_inner=18, dim_out=8, conv_stride=(1, 1, 1), use_shortcut=False
    )
    assert forced.branch1_conv is None


def test_every_second_block_squeezes_and_the_bottleneck_can_be_replaced() -> None:
    seen = []

    def bottleneck(**kwargs) -> nn.Module:
        seen.append((kwargs["se_ratio"], kwargs["conv_stride"], kwargs["inner_act"]))
        return create_x3d_bottleneck_block(**kwargs)

    stage = create_x3d_res_stage(
        depth=3,
        dim_in=8,
        dim_inner=18,
        dim_out=8,
        bottleneck=bottleneck,
        se_ratio=0.5,
        inner_act=nn.Tanh,
    )
    assert seen == [
        (0.5, (1, 2, 2), nn.Tanh),
        (0.0, (1, 1, 1), nn.Tanh),
        (0.5, (1, 1, 1), nn.Tanh),
    ]
    squeezed = [
        any(isinstance(module, SqueezeExcitation) for module in block.modules())
        for block in stage.res_blocks
    ]
    assert squeezed == [True, False, True]
