import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.pathways import (
    PackPathways,
    PoolConcatPathway,
    make_pathway_block,
)


@pytest.mark.parametrize(("frames", "alpha"), [(32, 4), (64, 4), (16, 4), (17, 4), (9, 8), (5, 1)])
def test_slow_frames_are_spread_over_the_clip(frames: int, alpha: int) -> None:
    clip = torch.arange(float(frames)).view(1, 1, frames, 1, 1)
    slow, fast = PackPathways(alpha)(clip)
    expected = torch.linspace(0, frames - 1, frames // alpha).long().float()
    torch.testing.assert_close(slow.flatten(), expected)
    assert fast is clip


def test_pathways_that_are_packed_already_stay_but_not_their_list() -> None:
    pathways = [torch.ones(1), torch.ones(2)]
    packed = PackPathways(4)(pathways)
    assert packed is not pathways
    assert all(a is b for a, b in zip(packed, pathways, strict=True))


def test_too_short_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 frames.*at least 4"):
        PackPathways(4)(torch.ones(1, 3, 3, 8, 8))


def test_pooled_pathways_are_joined_along_the_dimension_asked_for() -> None:
    x = [torch.randn(1, 2, 4, 2, 2), torch.randn(1, 2, 8, 2, 2)]
    before = list(x)
    joined = PoolConcatPathway(pool=nn.ModuleList([None, nn.AvgPool3d((2, 1, 1))]))(x)
    assert joined.shape == (1, 4, 4, 2, 2)
    assert PoolConcatPathway(dim=2)(x).shape == (1, 2, 12, 2, 2)
    assert PoolConcatPathway(dim=2, retain_list=True)(x)[0].shape == (1, 2, 12, 2, 2)
    assert all(a is b for a, b in zip(x, before, strict=True))


def test_blocks_do_not_write_into_the_list_of_the_caller() -> None:
    x = [torch.ones(1, 2), torch.ones(1, 2)]
    before = list(x)
    make_pathway_block([nn.Linear(2, 3), None], None)(x)
    assert all(a is b for a, b in zip(x, before, strict=True))
