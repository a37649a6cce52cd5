from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.hub.bundles import load_bundle, save_bundle
from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.registry import create_model, model_entry

NAME = "x3d_xs"
SPEC = model_entry(NAME).input_spec
NAMES = ["jump", "run", "sit"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return create_model(NAME, num_classes=3, depth_factor=1.0)


KWARGS = {"num_classes": 3, "depth_factor": 1.0}


def test_a_bundle_rebuilds_the_model_and_all_that_goes_with_it(
    model: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / "model.pth"
    extra = {"accuracy": {"top1": 91.5}, "mean_frame": torch.ones(2)}
    save_bundle(path, model, NAME, SPEC, NAMES, model_kwargs=KWARGS, **extra)
    rebuilt, bundle = load_bundle(path)
    torch.testing.assert_close(dict(rebuilt.state_dict()), dict(model.state_dict()))
    assert (bundle.model, bundle.model_kwargs) == (NAME, KWARGS)
    assert bundle.input_spec == SPEC
    assert bundle.class_names == tuple(NAMES)
    assert bundle.extra["accuracy"] == {"top1": 91.5}
    assert [file.name for file in path.parent.iterdir()] == ["model.pth"]


def test_a_bundle_is_a_checkpoint_as_well(model: nn.Module, tmp_path: Path) -> None:
    save_bundle(tmp_path / "m.pth", model, NAME, SPEC, NAMES, model_kwargs=KWARGS)
    again = create_model(NAME, checkpoint=tmp_path / "m.pth", **KWARGS)
    assert again.load_report.complete


def test_the_class_count_comes_from_the_class_names(tmp_path: Path) -> None:
    small = create_model(NAME, num_classes=3)
    save_bundle(tmp_path / "m.pth", small, NAME, SPEC, NAMES)
    assert load_bundle(tmp_path / "m.pth")[1].model_kwargs == {"num_classes": 3}


def test_a_model_that_cannot_be_rebuilt_is_refused_when_saved(
    model: nn.Module, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"does not make this model.*model_kwargs"):
        save_bundle(tmp_path / "m.pth", model, NAME, SPEC, NAMES)
    with pytest.raises(ValueError, match="no model 'x3d'"):
        save_bundle(tmp_path / "m.pth", model, "x3d", SPEC, NAMES)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_back_is_refused_when_saved(model: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model_kwargs is .*plain data"):
        save_bundle(
            tmp_path / "m.pth", model, NAME, SPEC, model_kwargs=KWARGS | {"norm": nn.Identity}
        )
    with pytest.raises(ValueError, match=r"where is .*plain data"):
        save_bundle(
            tmp_path / "m.pth", model, NAME, SPEC, NAMES, model_kwargs=KWARGS, where=tmp_path
        )


def test_a_plain_checkpoint_is_no_bundle(model: nn.Module, tmp_path: Path) -> None:
    torch.save({"model_state": model.state_dict()}, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match="no bundle: it lacks model, model_kwargs"):
        load_bundle(tmp_path / "m.pth")


def test_a_bundle_from_another_time_is_refused_in_a_sentence(
    model: nn.Module, tmp_path: Path
) -> None:
    contents = {
        "model_state": model.state_dict(),
        "model": NAME,
        "model_kwargs": KWARGS,
        "input_spec": {"num_frames": 4, "colour": "red"},
    }
    torch.save(contents, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match=r"describes its input in other words.*colour"):
        load_bundle(tmp_path / "m.pth")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("fps", 0, "fps is 0; expected a number above 0"),
        ("num_frames", "8", "num_frames is '8'; expected a whole number"),
        ("num_frames", 10**9, "num_frames is 1000000000"),
        ("crop", True, "crop is True"),
        ("mean", None, "mean is None; expected a tuple of numbers"),
        ("std", (), r"std is \(\)"),
        ("std", (1.0,), "mean has 3 channels, std 1"),
        ("std", (1.0, float("nan"), 1.0), "expected finite numbers"),
        (
            "clip_placement",
            "random",
            "'random'; choose one of endpoints, division",
        ),
        ("bogus", 1, "describes its input in other words"),
        ("class_names", 5, "class_names 5; expected a list of texts"),
        ("class_names", [1, 2, 3], "expected a list of texts"),
        ("class_names", ["run"], "has 1 class_names for 3 classes"),
        ("model", ["x"], "expected a name"),
        ("model_kwargs", {**KWARGS, "num_classes": 10**9}, "for 1000000000 classes"),
        ("model_kwargs", {**KWARGS, "input_channel": 10**6}, "mismatched"),
        ("model_kwargs", {**KWARGS, "num_classes": -1}, "for -1 classes"),
        ("model_kwargs", {**KWARGS, "norm": "x"}, "do not make x3d_xs"),
        ("model_kwargs", {**KWARGS, "width_factor": float("nan")}, "do not make x3d_xs"),
        ("model_kwargs", [1], "expected a dict"),
        ("model_kwargs", {"bogus": 1}, "do not make x3d_xs"),
        ("model_kwargs", {"checkpoint": "/etc/passwd"}, "decide what is opened or fetched"),
        ("model_kwargs", {"pretrained": True}, "decide what is opened or fetched"),
    ],
)
def test_what_a_bundle_says_is_checked(
    model: nn.Module, tmp_path: Path, key: str, value: object, said: str
) -> None:
    path = tmp_path / "model.pth"
    save_bundle(path, model, NAME, SPEC, NAMES, model_kwargs=KWARGS)
    stored = torch.load(path, weights_only=True)
    of_spec = key not in stored
    (stored["input_spec"] if of_spec else stored)[key] = value
    torch.save(stored, path)
    with pytest.raises(CheckpointError, match=said):
        load_bundle(path)


def test_no_bundle_is_saved_that_would_fetch(model: nn.Module, tmp_path: Path) -> None:
    kwargs = {**KWARGS, "pretrained": True}
    with pytest.raises(ValueError, match="fetches none"):
        save_bundle(tmp_path / "model.pth", model, NAME, SPEC, NAMES, model_kwargs=kwargs)
