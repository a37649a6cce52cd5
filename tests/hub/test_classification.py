import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import pytorchvideo_clone.hub as hub
from pytorchvideo_clone.accelerator import mobile_cpu
from pytorchvideo_clone.hub.registry import create_model, list_models, model_entry
from pytorchvideo_clone.models import (
    create_acoustic_resnet,
    create_audio_visual_slowfast,
    create_csn,
    create_r2plus1d,
    create_resnet,
    create_resnet_with_roi_head,
    create_slowfast,
    create_slowfast_with_roi_head,
    create_x3d,
)
from tests.reference import fill

KEYS = Path(__file__).parent.parent / "models" / "keys"
PUBLISHED = [name for name in list_models() if model_entry(name).weights]
BUILDERS = {
    "create_acoustic_resnet": create_acoustic_resnet,
    "create_audio_visual_slowfast": create_audio_visual_slowfast,
    "create_csn": create_csn,
    "create_r2plus1d": create_r2plus1d,
    "create_resnet": create_resnet,
    "create_resnet_with_roi_head": create_resnet_with_roi_head,
    "create_slowfast": create_slowfast,
    "create_slowfast_with_roi_head": create_slowfast_with_roi_head,
    "create_x3d": create_x3d,
    "efficient_x3d_L": partial(mobile_cpu.create_x3d, expansion="L"),
    "efficient_x3d_M": partial(mobile_cpu.create_x3d, expansion="M"),
}


def key_list(model: nn.Module) -> str:
    """Key, shape and type of every entry of the state dict, in order."""
    lines = []
    for key, value in model.state_dict().items():
        shape = ",".join(map(str, value.shape)) or "-"
        lines.append(f"{key} {shape} {str(value.dtype).removeprefix('torch.')}\n")
    return "".join(lines)


@pytest.mark.parametrize("name", PUBLISHED)
def test_state_dict_is_that_of_the_published_weights(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name)
        weights = model_entry(name).weights
        published = create_model(name, num_classes=weights.num_classes)
    assert key_list(model) == (KEYS / f"{name}.txt").read_text()
    assert sum(p.numel() for p in published.parameters()) == weights.params


@pytest.mark.parametrize("name", BUILDERS)
def test_state_dict_of_a_builder_is_that_of_pytorchvideo(name: str) -> None:
    with torch.device("meta"):
        model = BUILDERS[name]()
    assert key_list(model) == (KEYS / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", list_models())
def test_every_model_is_a_function_of_the_hub(name: str) -> None:
    function = getattr(hub, name)
    assert name in hub.__all__
    with torch.device("meta"):
        assert key_list(function()) == key_list(create_model(name))


@pytest.mark.parametrize("name", list_models())
def test_every_model_takes_its_input_and_any_class_count(name: str) -> None:
    entry = model_entry(name)
    with torch.device("meta"):
        model = create_model(name, num_classes=7).eval()
        inputs = [torch.empty(2, *entry.input_spec.input_shape)]
        if entry.task == "detection":
            inputs.append(torch.empty(2, 5))  # two boxes
        assert model(*inputs).shape == (2, 7)


@pytest.mark.parametrize("name", list_models())
def test_every_spec_is_consistent(name: str) -> None:
    spec = model_entry(name).input_spec
    assert spec.crop <= spec.side <= spec.train_side[1]
    assert spec.crop <= spec.train_side[0]
    assert spec.test_crop <= spec.side
    assert spec.alpha is None or spec.num_frames % spec.alpha == 0


def test_arguments_of_the_user_win_over_those_of_the_model() -> None:
    with torch.device("meta"):
        model = create_model("slow_r50", head_pool_kernel_size=(4, 5, 5), model_num_class=9)
    assert model.blocks[5].pool.kernel_size == (4, 5, 5)
    assert model.blocks[5].proj.out_features == 9


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_checkpoint_of_pytorchvideo_loads_strictly(name: str, tmp_path: Path) -> None:
    lines = [line.split() for line in (KEYS / f"{name}.txt").read_text().splitlines()]
    # MViT has two names for some tensors.
    numbers = {fill.canonical_key(key): i for i, (key, _, _) in enumerate(lines)}
    # One number behind each tensor: whatever the model's size, the file is small.
    state = {
        key: torch.tensor(numbers[fill.canonical_key(key)], dtype=getattr(torch, dtype)).expand(
            [] if shape == "-" else json.loads(f"[{shape}]")
        )
        for key, shape, dtype in lines
    }
    torch.save({"model_state": state}, tmp_path / "zoo.pyth")
    model = getattr(hub, name)(checkpoint=(tmp_path / "zoo.pyth").as_uri())
    assert model.load_report.complete
    for key, value in model.state_dict().items():
        assert (value == numbers[fill.canonical_key(key)]).all()


def test_fine_tuning_and_features_from_one_checkpoint(tmp_path: Path) -> None:
    whole = create_model("x3d_tiny", num_classes=6)
    fill.fill_module(whole)
    torch.save({"model_state": whole.state_dict()}, tmp_path / "tiny.pyth")
    clip = torch.randn(1, *model_entry("x3d_tiny").input_spec.input_shape)

    features = create_model("x3d_tiny", checkpoint=tmp_path / "tiny.pyth", head=None).eval()
    tuned = create_model("x3d_tiny", checkpoint=tmp_path / "tiny.pyth", num_classes=2).eval()
    whole.eval()
    expected = whole.blocks[:-1]
    x = clip
    for block in expected:
        x = block(x)
    torch.testing.assert_close(features(clip), x)
    torch.testing.assert_close(tuned.blocks[5].pool(x), whole.blocks[5].pool(x))
    assert tuned(clip).shape == (1, 2)
