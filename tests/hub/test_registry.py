import inspect
import logging
import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.hub import registry
from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.registry import (
    InputSpec,
    Weights,
    create_model,
    list_models,
    model_entry,
    register,
)

SPEC = InputSpec(num_frames=4, sampling_rate=2, crop=8, side=10)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict]:
    """The table, put back afterwards."""
    table = dict(registry.MODELS)
    monkeypatch.setattr(registry, "MODELS", table)
    return table


class Toy(nn.Module):
    def __init__(self, num_classes: int, width: int, head: type | None) -> None:
        super().__init__()
        self.body = nn.Conv3d(3, width, 1)
        if head is not None:
            self.proj = head(width, num_classes)


@pytest.fixture
def toy(table: dict):
    @register(SPEC)
    def toy(num_classes: int = 5, width: int = 2, head: type | None = nn.Linear) -> nn.Module:
        """A toy."""
        return Toy(num_classes, width, head)

    return toy


def test_spec_knows_its_duration_and_shape() -> None:
    spec = InputSpec(num_frames=13, sampling_rate=6, crop=160, side=182)
    assert spec.clip_duration == Fraction(13, 5)
    assert spec.input_shape == (3, 13, 160, 160)
    assert spec.test_crop == 160
    assert spec.train_side == (182, 182)
    assert InputSpec(num_frames=8, sampling_rate=2, crop=8, side=8, fps=12).clip_duration == (
        Fraction(4, 3)
    )


def test_spec_and_weights_are_values() -> None:
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC
    entry = model_entry("slow_r50")
    assert hash(entry.weights) == hash(pickle.loads(pickle.dumps(entry.weights)))
    with pytest.raises(AttributeError):
        SPEC.crop = 9


def test_a_registered_function_keeps_name_and_doc_and_gets_the_hub_signature(toy) -> None:
    assert toy.__name__ == "toy"
    assert toy.__doc__.startswith("A toy.")
    parameters = inspect.signature(toy).parameters
    assert list(parameters) == ["pretrained", "progress", "kwargs"]
    assert parameters["pretrained"].default is False
    assert parameters["progress"].default is True
    assert toy(num_classes=7, width=3).proj.weight.shape == (7, 3)


def test_a_registered_model_is_listed_and_found(toy) -> None:
    assert list_models("toy") == ["toy"]
    assert model_entry("toy").input_spec == SPEC
    assert model_entry("toy").weights is None
    assert model_entry("toy").task == "classification"


def test_a_name_belongs_to_one_module(table: dict) -> None:
    def slow_r50(num_classes: int = 3) -> nn.Module:
        return nn.Identity()

    with pytest.raises(ValueError, match="slow_r50 is already registered"):
        register(SPEC)(slow_r50)


@pytest.mark.parametrize(
    ("part", "count"), [("x3d_xs", 2), ("SLOWFAST_r", 3), ("slow*detection", 2), ("nothing", 0)]
)
def test_models_are_filtered_by_name(part: str, count: int) -> None:
    assert len(list_models(part)) == count


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no model 'slowfst_r50'; did you mean slowfast_r50"):
        create_model("slowfst_r50")
    with pytest.raises(ValueError, match=r"did you mean .*x3d_xs.*list_models"):
        create_model("?")


@pytest.mark.parametrize("count", [0, -3, 2.0, True, "4"])
def test_a_bad_class_count_is_refused(count, toy) -> None:
    with pytest.raises(ValueError, match=r"num_classes is .*whole number above 0"):
        create_model("toy", num_classes=count)


def test_the_class_count_is_given_once() -> None:
    with pytest.raises(ValueError, match="num_classes and model_num_class are both given"):
        create_model("slow_r50", num_classes=5, model_num_class=6)


def test_an_unknown_builder_argument_is_refused(toy) -> None:
    with pytest.raises(TypeError, match="depth"):
        create_model("toy", depth=3)
    with pytest.raises(TypeError, match="model_dept"):
        create_model("slow_r50", model_dept=50)


def test_pretrained_needs_published_weights_and_no_other(toy) -> None:
    with pytest.raises(ValueError, match=r"toy has no published weights.*slow_r50"):
        toy(pretrained=True)
    with pytest.raises(ValueError, match="both given"):
        create_model("slow_r50", pretrained=True, checkpoint="a.pyth")


def published(table: dict, path: Path, classes: int) -> None:
    entry = table["toy"]
    weights = Weights(path.as_uri(), "tiny", classes, "", {}, None, 0, "", "")
    table["toy"] = registry.ModelEntry("toy", entry.build, SPEC, weights, "classification")


def test_pretrained_loads_the_published_weights(
    toy, table: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = toy()
    torch.save({"model_state": saved.state_dict()}, tmp_path / "toy.pyth")
    published(table, tmp_path / "toy.pyth", 5)
    model = toy(pretrained=True)
    torch.testing.assert_close(dict(model.state_dict()), dict(saved.state_dict()))
    assert model.load_report.complete
    assert caplog.records == []


def test_fine_tuning_keeps_everything_but_the_head_and_says_so(
    toy, table: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = toy()
    torch.save({"model_state": saved.state_dict()}, tmp_path / "toy.pyth")
    published(table, tmp_path / "toy.pyth", 5)
    with caplog.at_level(logging.WARNING):
        model = create_model("toy", pretrained=True, num_classes=9)
    torch.testing.assert_close(model.body.weight, saved.body.weight)
    assert model.proj.weight.shape == (9, 2)
    assert model.load_report.loaded == ("body.weight", "body.bias")
    assert "2 entries loaded, 2 mismatched (proj.weight: [9, 2] in the model" in caplog.text


def test_another_head_without_a_class_count_is_refused(toy, tmp_path: Path) -> None:
    torch.save(toy(num_classes=9).state_dict(), tmp_path / "toy.pyth")
    with pytest.raises(CheckpointError, match="num_classes=9 for the checkpoint's classes"):
        create_model("toy", checkpoint=tmp_path / "toy.pyth")
    model = create_model("toy", checkpoint=tmp_path / "toy.pyth", num_classes=9)
    assert model.load_report.complete


def test_features_take_the_weights_without_the_head(toy, tmp_path: Path) -> None:
    saved = toy()
    torch.save(saved.state_dict(), tmp_path / "toy.pyth")
    model = create_model("toy", checkpoint=tmp_path / "toy.pyth", head=None)
    torch.testing.assert_close(model.body.weight, saved.body.weight)
    assert model.load_report.unexpected == ("proj.weight", "proj.bias")
