import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.csn import create_csn
from pytorchvideo_clone.models.stages import ResStage

SMALL = {"stem_dim_out": 8, "model_num_class": 5, "head_pool": nn.AdaptiveAvgPool3d}


def middle_convolutions(model: nn.Module) -> list[nn.Conv3d]:
    return [module for name, module in model.named_modules() if name.endswith("conv_b")]


@pytest.mark.parametrize("width", [1, 2])
def test_convolutions_over_space_and_time_see_few_channels(width: int) -> None:
    model = create_csn(**SMALL, stage_conv_b_width_per_group=width)
    for conv in middle_convolutions(model):
        assert conv.in_channels == conv.groups * width
        assert conv.kernel_size == (3, 3, 3)
    others = [m for m in model.modules() if isinstance(m, nn.Conv3d) and m.groups == 1]
    assert all(conv.kernel_size == (1, 1, 1) for conv in others[1:])  # the stem apart


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="per_group is 3, which does not divide the 8 channels"):
        create_csn(**SMALL, stage_conv_b_width_per_group=3)


def test_the_middle_convolution_has_the_strides_of_time_and_space() -> None:
    model = create_csn(**SMALL, stage_temporal_stride=(2, 1, 1, 1), head=None)
    strides = [
        [conv.stride for conv in middle_convolutions(stage)]
        for stage in model.modules()
        if isinstance(stage, ResStage)
    ]
    first = [stage[0] for stage in strides]
    assert first == [(2, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2)]
    assert {stride for stage in strides for stride in stage[1:]} == {(1, 1, 1)}
    assert model(torch.randn(1, 3, 4, 32, 32)).shape == (1, 256, 2, 2, 2)


def test_parts_can_be_replaced_or_left_out() -> None:
    model = create_csn(**SMALL, stem=None, norm=None, activation=nn.GELU, bottleneck_ratio=2)
    assert model(torch.randn(1, 8, 8, 16, 16)).shape == (1, 5)
    kinds = {type(module) for module in model.modules()}
    assert nn.GELU in kinds
    assert not kinds & {nn.ReLU, nn.BatchNorm3d}
    assert middle_convolutions(model)[0].in_channels == 16

    pooled = create_csn(**SMALL, stem_pool=nn.MaxPool3d, head_activation=nn.Sigmoid)
    scores = pooled(torch.randn(2, 3, 8, 32, 32))
    assert ((scores > 0) & (scores < 1)).all()
    assert isinstance(pooled.blocks[0].pool, nn.MaxPool3d)
