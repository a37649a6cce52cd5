"""Every model of the hub's table computes the same when optimized; a new one by being listed."""

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import optimize, randomize_norms
from pytorchvideo_clone.accelerator.passes.onednn import has_onednn
from pytorchvideo_clone.hub import create_model, list_models, model_entry
from tests.hub.test_every_model import SAME, small_settings
from tests.models.shallow import keep_kinds_of_blocks

NAMES = [name for name in list_models() if name not in SAME]
BOX = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0]])
# Name -> arguments, (frames, side) of a clip of one frame, or of odd sizes.
ODD = {
    "slow_r50": ({"head_pool": nn.AdaptiveAvgPool3d}, (1, 33)),
    "x3d_xs": ({"input_clip_length": 1, "input_crop_size": 65, "depth_factor": 1.0}, (1, 65)),
    "r3d_18": ({}, (1, 33)),
}


def make(name: str, arguments: dict) -> nn.Module:
    torch.manual_seed(0)
    model = keep_kinds_of_blocks(create_model(name, num_classes=3, **arguments))
    return randomize_norms(model).eval()


def assert_same(
    model: nn.Module, frames: int, side: int, others: tuple, limit: float, dtype: str = "float32"
) -> None:
    fast = optimize(model, (torch.randn(1, 3, frames, side, side), *others), dtype=dtype)
    assert fast.report.difference < limit
    names = [
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Conv3d | nn.Conv2d | nn.Linear)
    ]
    # A layer of attention may read its weight elsewhere than in its own call.
    assert len(fast.report.layers) >= len(names) - 1 > 0
    clips = torch.randn(4, 3, frames, side, side)
    with torch.no_grad():
        expected = model(clips, *others)
    assert (fast(clips, *others) - expected).abs().max() < limit * expected.abs().max()


def small(name: str) -> tuple[nn.Module, int, int, tuple]:
    arguments, frames, side = small_settings(name)
    boxes = (BOX,) if model_entry(name).task == "detection" else ()
    return make(name, arguments), frames, side, boxes


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same(name: str) -> None:
    model, frames, side, others = small(name)
    assert_same(model, frames, side, others, 1e-5)


@pytest.mark.parametrize("name", ODD)
def test_it_is_the_same_for_one_frame_and_odd_sizes(name: str) -> None:
    arguments, (frames, side) = ODD[name]
    assert_same(make(name, arguments), frames, side, (), 1e-5)


@pytest.mark.skipif(not has_onednn(torch.bfloat16), reason="this CPU does not compute in bfloat16")
@pytest.mark.parametrize("name", ["csn_r101", "swin3d_t"])
def test_it_is_near_in_bfloat16(name: str) -> None:
    model, frames, side, others = small(name)
    assert_same(model, frames, side, others, 0.03, dtype="bfloat16")
