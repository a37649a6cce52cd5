import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.hub import CheckpointError, load_bundle, model_entry
from pytorchvideo_clone.hub.registry import MODELS
from pytorchvideo_clone.recipes.cpu import FastConvolutions
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.train import History, make_trainer, train_classifier

QUICK = {
    "epochs": 1,
    "batch_size": 8,
    "warmup_epochs": 0.5,
    "num_workers": 0,
    "accelerator": "cpu",
    "enable_progress_bar": False,
}


@pytest.fixture(scope="module")
def trained(motion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train_classifier(motion_folder, output=folder, **QUICK)
    return folder


def test_a_run_leaves_a_usable_checkpoint_and_its_numbers(trained: Path) -> None:
    model, bundle = load_bundle(trained / "model.pth")
    assert bundle.model == "x3d_tiny"
    assert bundle.class_names is not None
    assert model.eval()(torch.zeros(1, 3, 8, 64, 64)).shape == (1, len(bundle.class_names))
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["class_names"] == list(bundle.class_names)
    (epoch,) = metrics["epochs"]
    assert epoch["epoch"] == 1
    assert {"train_loss", "train_top1", "val_loss", "val_top1", "val_top5"} <= set(epoch)
    assert (trained / "last.ckpt").exists()


def test_the_same_seed_gives_the_same_weights(
    trained: Path, motion_folder: Path, tmp_path: Path
) -> None:
    train_classifier(motion_folder, output=tmp_path, **QUICK)
    first, second = (load_bundle(folder / "model.pth")[0] for folder in (trained, tmp_path))
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key


def test_a_resumed_run_keeps_its_history(motion_folder: Path, tmp_path: Path) -> None:
    train_classifier(motion_folder, output=tmp_path, **QUICK)
    options = {**QUICK, "epochs": 2, "resume": str(tmp_path / "last.ckpt")}
    result = train_classifier(motion_folder, output=tmp_path, **options)
    assert [row["epoch"] for row in result["epochs"]] == [1, 2]


def test_fine_tuning_takes_everything_but_the_head(
    trained: Path, motion_folder: Path, tmp_path: Path
) -> None:
    for name in ("pan_left", "zoom_in"):
        (tmp_path / "two").mkdir(exist_ok=True)
        (tmp_path / "two" / name).symlink_to(motion_folder / "train" / name)
    options = {**QUICK, "lr": 1e-12, "checkpoint": str(trained / "model.pth")}
    train_classifier(tmp_path / "two", output=tmp_path / "run", **options)
    before = load_bundle(trained / "model.pth")[0].state_dict()
    after = load_bundle(tmp_path / "run" / "model.pth")[0].state_dict()
    assert after["blocks.5.proj.weight"].shape[0] == 2
    body = [key for key in before if key.endswith("weight") and "blocks.5.proj" not in key]
    for key in body:  # a learning rate of 1e-12 moves nothing
        torch.testing.assert_close(after[key], before[key])


def test_a_model_that_ends_in_softmax_is_trained_on_scores_before_it(
    motion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = model_entry("x3d_tiny")

    def ends_in_softmax(num_classes: int = 400, **kwargs) -> nn.Module:
        return entry.build(num_classes, **{"head_activation": nn.Softmax, **kwargs})

    twin = replace(entry, build=ends_in_softmax, logits={"head_activation": None})
    monkeypatch.setitem(MODELS, "x3d_tiny", twin)
    train_classifier(motion_folder, output=tmp_path, **QUICK)
    model, _ = load_bundle(tmp_path / "model.pth")
    scores = model.eval()(torch.randn(2, 3, 8, 64, 64))
    assert not torch.allclose(scores.sum(dim=1), torch.ones(2))


def test_mixed_precision_trains(motion_folder: Path, tmp_path: Path) -> None:
    result = train_classifier(motion_folder, output=tmp_path, precision="bf16-mixed", **QUICK)
    assert 0 < result["epochs"][0]["train_loss"] < 5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "x3d_tiney"}, ValueError, "did you mean x3d_tiny"),
        ({"data_path": "nowhere"}, FileNotFoundError, "nowhere"),
        ({"optimizer": "adagrad"}, ValueError, "choose one of adamw, sgd"),
        ({"checkpoint": "missing.pth"}, FileNotFoundError, r"missing\.pth"),
        ({"pretrained": True}, ValueError, "no published weights"),
        ({"model": "slow_r50_detection"}, ValueError, "for detection"),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"val_fraction": 2.0}, ValueError, "val_fraction is 2"),
        ({"horizontal_flip_prob": -0.5}, ValueError, "horizontal_flip_prob is -0.5"),
        ({"label_smoothing": 3.0}, ValueError, "label_smoothing is 3"),
        ({"devices": 0}, ValueError, "devices"),
        ({"resume": "missing.ckpt"}, FileNotFoundError, r"missing\.ckpt"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    motion_folder: Path, tmp_path: Path, options: dict, error: type[Exception], message: str
) -> None:
    settings = {"data_path": motion_folder, "output": tmp_path, **QUICK, **options}
    with pytest.raises(error, match=message):
        train_classifier(**settings)


def test_what_is_no_interrupted_run_is_not_resumed(
    trained: Path, motion_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    for path in (tmp_path / "text.ckpt", trained / "model.pth"):
        with pytest.raises(CheckpointError, match=r"is no `last\.ckpt` of a run"):
            train_classifier(motion_folder, output=tmp_path, resume=str(path), **QUICK)
    (tmp_path / "two").mkdir()
    for name in ("pan_left", "zoom_in"):
        (tmp_path / "two" / name).symlink_to(motion_folder / "train" / name)
    with pytest.raises(CheckpointError, match="other classes"):
        resume = str(trained / "last.ckpt")
        train_classifier(tmp_path / "two", output=tmp_path, resume=resume, **QUICK)


def test_every_epoch_leaves_a_file_to_resume_from(
    motion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    start = ClassificationModule.on_train_epoch_start

    def look(module: ClassificationModule) -> None:
        seen.append(sorted(path.name for path in tmp_path.glob("*.ckpt")))
        start(module)

    monkeypatch.setattr(ClassificationModule, "on_train_epoch_start", look)
    for _ in range(2):  # the second run writes over the file of the first
        train_classifier(motion_folder, output=tmp_path, **{**QUICK, "epochs": 2})
    assert seen == [[], ["last.ckpt"], ["last.ckpt"], ["last.ckpt"]]


def test_all_videos_can_train(motion_folder: Path, tmp_path: Path) -> None:
    result = train_classifier(motion_folder, output=tmp_path, **{**QUICK, "val_fraction": 0.0})
    assert "train_top1" in result["epochs"][0]
    assert "val_top1" not in result["epochs"][0]


@pytest.mark.parametrize(("given", "count"), [(None, 0), ([], 0), (History(), 1), ([History()], 1)])
def test_callbacks_are_given_as_lightning_takes_them(given: object, count: int) -> None:
    trainer = make_trainer(callbacks=given, accelerator="cpu", enable_progress_bar=False)
    assert sum(isinstance(one, History) for one in trainer.callbacks) == count
    assert sum(isinstance(one, FastConvolutions) for one in trainer.callbacks) == 1
