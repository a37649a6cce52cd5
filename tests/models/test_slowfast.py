from typing import Any

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import slowfast
from pytorchvideo_clone.models.blocks import create_bottleneck_block
from pytorchvideo_clone.models.slowfast import (
    FastToSlowFusionBuilder,
    create_slowfast,
    create_slowfast_with_roi_head,
)
from pytorchvideo_clone.models.stem import create_res_basic_stem

SMALL: dict[str, Any] = {"model_depth": 18, "stem_dim_outs": (16, 2), "model_num_class": 5}
POOLS: dict[str, Any] = {"head_pool_kernel_sizes": ((2, 1, 1), (8, 1, 1))}
CLIP = (1, 3, 8, 32, 32)
BOXES = torch.tensor([[0, 4.0, 6.0, 20.0, 30.0]])


def test_one_clip_gives_what_its_pathways_give() -> None:
    model = create_slowfast(**SMALL, **POOLS).eval()
    clip = torch.randn(CLIP)
    pathways = [clip[:, :, [0, 7]], clip]
    torch.testing.assert_close(model(clip), model(pathways))
    assert pathways[1] is clip
    assert pathways[0].shape == (1, 3, 2, 32, 32)


def test_alpha_is_the_stride_of_the_fusion() -> None:
    model = create_slowfast(
        **SMALL,
        slowfast_fusion_conv_stride=(2, 1, 1),
        head_pool_kernel_sizes=((4, 1, 1), (8, 1, 1)),
    )
    assert model(torch.randn(CLIP)).shape == (1, 5)


@pytest.mark.parametrize(
    "pool", [nn.AvgPool3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d]
)
def test_every_pool_joins_the_pathways(pool: type) -> None:
    model = create_slowfast(**SMALL, **POOLS, head_pool=pool)
    assert model(torch.randn(CLIP)).shape == (1, 5)


def test_a_head_without_a_pool_is_refused_early() -> None:
    with pytest.raises(ValueError, match=r"head_pool is None.*4 times.*AdaptiveAvgPool3d"):
        create_slowfast(**SMALL, head_pool=None)
    with pytest.raises(ValueError, match="head_pool is None"):
        create_slowfast_with_roi_head(**SMALL, head_pool=None)


def test_equal_pathways_need_no_pool() -> None:
    model = create_slowfast(**SMALL, head_pool=None, slowfast_fusion_conv_stride=(1, 1, 1))
    assert model(torch.randn(CLIP)).shape == (1, 5)


def test_features_come_joined_or_apart() -> None:
    joined = create_slowfast(**SMALL, **POOLS, head=None)
    assert joined(torch.randn(CLIP)).shape == (1, 576, 1, 1, 1)
    apart = create_slowfast(**SMALL, head=None, head_pool=None)
    assert [x.shape[:3] for x in apart(torch.randn(CLIP))] == [(1, 512, 2), (1, 64, 8)]


class CountingBuilder:
    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.inner = FastToSlowFusionBuilder(8, 2, (5, 1, 1), (4, 1, 1))

    def create_module(self, fusion_dim_in: int, stage_idx: int) -> nn.Module:
        self.calls.append((fusion_dim_in, stage_idx))
        return self.inner.create_module(fusion_dim_in, stage_idx)


@pytest.mark.parametrize("create", [create_slowfast, create_slowfast_with_roi_head])
def test_injected_parts_are_used_with_either_head(create) -> None:
    made = {"stem": 0, "bottleneck": 0, "head": 0}
    heads = {
        create_slowfast: slowfast.create_res_basic_head,
        create_slowfast_with_roi_head: slowfast.create_res_roi_pooling_head,
    }

    def counted(name: str, maker):
        def make(**kwargs) -> nn.Module:
            made[name] += 1
            return maker(**kwargs)

        return make

    builder = CountingBuilder()
    model = create(
        **SMALL,
        **POOLS,
        fusion_builder=builder,
        stem_function=(counted("stem", create_res_basic_stem),) * 2,
        bottleneck=(counted("bottleneck", create_bottleneck_block),) * 2,
        head=counted("head", heads[create]),
        norm=nn.InstanceNorm3d,
        activation=nn.GELU,
    )
    assert made == {"stem": 2, "bottleneck": 8, "head": 1}
    assert builder.calls == [(16, 0), (64, 1), (128, 2), (256, 3), (512, 4)]
    inputs = (
        (torch.randn(CLIP), BOXES)
        if create is create_slowfast_with_roi_head
        else (torch.randn(CLIP),)
    )
    assert model(*inputs).shape == (1, 5)


def test_stems_may_be_missing() -> None:
    model = create_slowfast(**SMALL, **POOLS, stem_function=(None, None))
    pathways = [torch.randn(1, 16, 2, 16, 16), torch.randn(1, 2, 8, 16, 16)]
    assert model(pathways).shape == (1, 5)


def test_one_pool_of_the_stem_is_for_all_pathways() -> None:
    def count(pool) -> int:
        stems = create_slowfast(**SMALL, **POOLS, stem_pool=pool).blocks[0]
        return sum(isinstance(module, nn.AvgPool3d) for module in stems.modules())

    assert [count(pool) for pool in (nn.AvgPool3d, (nn.AvgPool3d, None), None)] == [2, 1, 0]


def test_no_norm_and_no_activation_leave_both_out_everywhere() -> None:
    model = create_slowfast(**SMALL, **POOLS, norm=None, activation=None)
    assert not [key for key in model.state_dict() if "norm" in key]
    assert nn.ReLU not in {type(module) for module in model.modules()}
    assert model(torch.randn(CLIP)).shape == (1, 5)


def test_region_head_scores_boxes_and_can_be_left_out() -> None:
    model = create_slowfast_with_roi_head(**SMALL, **POOLS, head_spatial_resolution=(3, 3))
    assert model(torch.randn(CLIP), BOXES).shape == (1, 5)
    assert model.detection_head.roi_layer.output_size == (3, 3)
    features = create_slowfast_with_roi_head(**SMALL, **POOLS, head=None)
    assert features(torch.randn(CLIP)).shape == (1, 576, 1, 2, 2)


def test_widths_that_do_not_have_the_ratio_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ratio is \(8,\), but stem_dim_outs are \(16, 4\)"):
        create_slowfast(model_depth=18, stem_dim_outs=(16, 4))
    model = create_slowfast(
        model_depth=18, stem_dim_outs=(16, 4), slowfast_channel_reduction_ratio=4, **POOLS
    )
    assert model(torch.randn(CLIP)).shape == (1, 400)
