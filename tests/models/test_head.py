import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.head import (
    ResNetRoIHead,
    SequencePool,
    create_res_basic_head,
    create_res_roi_pooling_head,
    create_vit_basic_head,
    make_pool,
)


@pytest.mark.parametrize(
    ("pool", "kind"),
    [
        (nn.AvgPool3d, nn.AvgPool3d),
        (nn.MaxPool3d, nn.MaxPool3d),
        (nn.AdaptiveAvgPool3d, nn.AdaptiveAvgPool3d),
        (nn.AdaptiveMaxPool3d, nn.AdaptiveMaxPool3d),
    ],
)
def test_every_pool_can_be_used(pool: type, kind: type) -> None:
    made = make_pool(pool, output_size=(1, 1, 1), kernel_size=(2, 3, 3))
    assert isinstance(made, kind)
    assert made(torch.randn(1, 4, 2, 3, 3)).shape == (1, 4, 1, 1, 1)


def test_larger_inputs_are_averaged_after_the_activation() -> None:
    head = create_res_basic_head(
        in_features=4, out_features=3, pool_kernel_size=(1, 2, 2), activation=nn.Softmax
    ).eval()
    x = torch.randn(2, 4, 2, 3, 3)
    pooled = nn.functional.avg_pool3d(x, (1, 2, 2), stride=1)
    scores = torch.stack(
        [
            head.proj(pooled[..., t, i, j]).softmax(1)
            for t in range(2)
            for i in range(2)
            for j in range(2)
        ]
    )
    torch.testing.assert_close(head(x), scores.mean(0))


def test_head_parts_may_be_missing() -> None:
    head = create_res_basic_head(
        in_features=4,
        out_features=3,
        pool=None,
        dropout_rate=0,
        output_with_global_average=False,
    )
    assert head.dropout is None
    assert head(torch.randn(2, 4, 2, 3, 3)).shape == (2, 3, 2, 3, 3)


def test_regions_come_from_the_clip_that_the_box_names() -> None:
    head = create_res_roi_pooling_head(
        in_features=2, out_features=2, resolution=(2, 2), spatial_scale=1.0, pool=None
    ).eval()
    x = torch.randn(2, 2, 1, 8, 8)
    box = [1.0, 1.0, 6.0, 6.0]
    scores = head(x, torch.tensor([[0, *box], [1, *box]]))
    torch.testing.assert_close(scores[1:], head(x[1:], torch.tensor([[0, *box]])))
    assert not torch.allclose(scores[0], scores[1])


def test_no_boxes_give_no_rows() -> None:
    head = create_res_roi_pooling_head(
        in_features=2, out_features=3, resolution=(2, 2), spatial_scale=1.0, pool=None
    )
    assert head(torch.randn(1, 2, 1, 8, 8), torch.zeros(0, 5)).shape == (0, 3)


def test_time_left_for_the_regions_is_refused() -> None:
    head = create_res_roi_pooling_head(
        in_features=2, out_features=3, resolution=(2, 2), spatial_scale=1.0, pool=None
    )
    with pytest.raises(ValueError, match="2 steps of time"):
        head(torch.randn(1, 2, 2, 8, 8), torch.zeros(0, 5))


def test_region_head_without_regions_scores_the_clip() -> None:
    head = ResNetRoIHead(proj=nn.Linear(2, 3), output_pool=nn.AdaptiveAvgPool3d(1))
    assert head(torch.randn(4, 2, 1, 5, 5), torch.zeros(0, 5)).shape == (4, 3)


@pytest.mark.parametrize(
    ("mode", "shape"), [("cls", (2, 5)), ("mean", (2, 5)), ("none", (2, 7, 5))]
)
def test_tokens_are_pooled(mode: str, shape: tuple) -> None:
    head = create_vit_basic_head(in_features=4, out_features=5, seq_pool_type=mode)
    assert head(torch.randn(2, 7, 4)).shape == shape


def test_unknown_token_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="'max'"):
        SequencePool("max")
