from functools import partial

import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.convolutions import Conv2plus1d, create_conv_2plus1d
from pytorchvideo_clone.models import create_bottleneck_block
from pytorchvideo_clone.models.r2plus1d import create_2plus1d_bottleneck_block, create_r2plus1d

SMALL = {"stem_dim_out": 8, "model_num_class": 5, "head_pool": nn.AdaptiveAvgPool3d}
WIDTHS = {"dim_in": 8, "dim_inner": 4, "dim_out": 12}


def test_it_gives_probabilities_unless_told_otherwise() -> None:
    clip = torch.randn(2, 3, 4, 32, 32)
    torch.testing.assert_close(create_r2plus1d(**SMALL)(clip).sum(1), torch.ones(2))
    logits = create_r2plus1d(**SMALL, head_activation=None)
    nn.init.constant_(logits.blocks[5].proj.bias, -9.0)
    assert (logits(clip) < 0).all()


def test_every_middle_convolution_is_factorized() -> None:
    model = create_r2plus1d(**SMALL)
    middle = [module for name, module in model.named_modules() if name.endswith("conv_b")]
    assert len(middle) == 16
    for conv in middle:
        assert isinstance(conv, Conv2plus1d)
        assert (conv.conv_t.kernel_size, conv.conv_xy.kernel_size) == ((3, 1, 1), (1, 3, 3))
    assert (middle[7].conv_t.stride, middle[7].conv_xy.stride) == ((2, 1, 1), (1, 2, 2))


def test_arguments_of_the_norm_reach_every_norm() -> None:
    model = create_r2plus1d(**SMALL, norm_eps=0.5, norm_momentum=0.25)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    # One in the stem, four in each of 16 blocks, one in each of 4 shortcuts.
    assert len(norms) == 1 + 16 * 4 + 4
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.5, 0.25)}


def test_norm_and_activation_are_those_inside_the_convolution_too() -> None:
    block = create_2plus1d_bottleneck_block(**WIDTHS, norm=None, activation=nn.GELU)
    assert block.conv_b.norm is None
    assert isinstance(block.conv_b.activation, nn.GELU)


def test_the_middle_convolution_can_be_replaced() -> None:
    wide = partial(create_conv_2plus1d, inner_channels=7, conv_xy_first=True)
    block = create_2plus1d_bottleneck_block(**WIDTHS, conv_b=wide)
    assert block.conv_b.norm.num_features == 7
    assert block(torch.randn(1, 8, 4, 6, 6)).shape == (1, 12, 2, 3, 3)


def test_stages_may_have_plain_convolutions() -> None:
    bottlenecks = (create_bottleneck_block,) * 2 + (create_2plus1d_bottleneck_block,) * 2
    model = create_r2plus1d(**SMALL, stage_bottleneck=bottlenecks, head=None, stem=None)
    kinds = [type(stage.res_blocks[0].branch2.conv_b) for stage in model.blocks]
    assert kinds == [nn.Conv3d, nn.Conv3d, Conv2plus1d, Conv2plus1d]
    assert model(torch.randn(1, 8, 4, 32, 32)).shape == (1, 256, 1, 2, 2)


@pytest.mark.parametrize("setting", ["stage_spatial_stride", "stage_temporal_stride"])
def test_strides_are_one_a_stage(setting: str) -> None:
    with pytest.raises(ValueError):
        create_r2plus1d(**SMALL, **{setting: (1, 2)})
