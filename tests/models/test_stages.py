import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.blocks import create_bottleneck_block
from pytorchvideo_clone.models.stages import (
    create_res_stage,
    depths_of,
    make_stages,
    same_padding,
)

SIZES = {
    "bottleneck": create_bottleneck_block,
    "conv_a_kernel_size": (3, 1, 1),
    "conv_a_stride": (1, 1, 1),
    "conv_b_kernel_size": (1, 3, 3),
    "conv_b_stride": (1, 1, 1),
}


def test_only_the_first_block_changes_width_and_size() -> None:
    stage = create_res_stage(
        depth=3, dim_in=4, dim_inner=2, dim_out=8, bottleneck=create_bottleneck_block
    )
    strides = [block.branch2.conv_b.stride for block in stage.res_blocks]
    assert strides == [(1, 2, 2), (1, 1, 1), (1, 1, 1)]
    assert [block.branch1_conv is None for block in stage.res_blocks] == [False, True, True]
    assert stage(torch.randn(1, 4, 4, 8, 8)).shape == (1, 8, 2, 4, 4)


def test_blocks_take_kernels_in_turns() -> None:
    stage = create_res_stage(
        depth=3,
        dim_in=4,
        dim_inner=2,
        dim_out=8,
        bottleneck=create_bottleneck_block,
        conv_a_kernel_size=((3, 1, 1), (1, 1, 1)),
        conv_a_padding=((1, 0, 0), (0, 0, 0)),
    )
    kernels = [block.branch2.conv_a.kernel_size[0] for block in stage.res_blocks]
    assert kernels == [3, 1, 3]
    with pytest.raises(ValueError, match="2 kernel sizes and 1 paddings"):
        create_res_stage(
            depth=3,
            dim_in=4,
            dim_inner=2,
            dim_out=8,
            bottleneck=create_bottleneck_block,
            conv_a_kernel_size=((3, 1, 1), (1, 1, 1)),
        )


def test_widths_double_and_fused_channels_enter() -> None:
    stages = list(make_stages((1, 2), dim_in=4, dims_fused=(1, 3), bottleneck_ratio=2, **SIZES))
    first, second = (stage.res_blocks[0].branch2 for stage in stages)
    assert first.conv_a.weight.shape[:2] == (8, 5)
    assert first.conv_c.weight.shape[:2] == (16, 8)
    assert second.conv_a.weight.shape[:2] == (16, 19)
    assert len(stages[1].res_blocks) == 2


def test_settings_are_one_for_all_or_one_a_stage() -> None:
    stages = list(
        make_stages(
            (1, 1),
            dim_in=4,
            **SIZES
            | {
                "conv_b_kernel_size": ((1, 3, 3), (1, 5, 5)),
                "conv_b_stride": [(1, 1, 1), (1, 2, 2)],
            },
            conv_b_num_groups=(1, 2),
            conv_b_dilation=((1, 1, 1), (1, 2, 2)),
            norm=nn.InstanceNorm3d,
            norm_eps=0.5,
            norm_momentum=0.25,
            activation=nn.Tanh,
        )
    )
    x = torch.randn(1, 4, 2, 8, 8)
    for stage, size, groups in zip(stages, (8, 4), (1, 2), strict=True):
        branch = stage.res_blocks[0].branch2
        x = stage(x)
        assert x.shape[-1] == size
        assert branch.conv_b.groups == groups
        assert (branch.norm_c.eps, branch.norm_c.momentum) == (0.5, 0.25)
        assert isinstance(branch.act_b, nn.Tanh)


def test_wrong_number_of_entries_is_named() -> None:
    with pytest.raises(ValueError, match=r"conv_b_num_groups has 3 entries.* 2 stages"):
        list(make_stages((1, 1), dim_in=4, **SIZES, conv_b_num_groups=(1, 1, 1)))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_padding_keeps_the_size(kernel: int, dilation: int) -> None:
    size, steps = (kernel,) * 3, (dilation,) * 3
    conv = nn.Conv3d(1, 1, size, dilation=steps, padding=same_padding(size, steps))
    assert conv(torch.randn(1, 1, 9, 9, 9)).shape == (1, 1, 9, 9, 9)


def test_unknown_depth_is_refused_with_those_on_offer() -> None:
    assert depths_of(101) == (3, 4, 23, 3)
    with pytest.raises(ValueError, match=r"34; expected one of \(50, 101, 152\)"):
        depths_of(34)
