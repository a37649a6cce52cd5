import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

from pytorchvideo_clone.hub import (
    CheckpointError,
    create_model,
    load_bundle,
    load_model,
    model_entry,
)
from pytorchvideo_clone.hub.registry import MODELS
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.records import DivergedError, History, WholeCheckpoints
from pytorchvideo_clone.recipes.train import train_classifier

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


def test_fine_tuning_takes_everything_but_the_head(
    trained: Path, two_classes: Path, tmp_path: Path
) -> None:
    options = {**QUICK, "lr": 1e-12, "checkpoint": str(trained / "model.pth")}
    train_classifier(two_classes, output=tmp_path / "run", **options)
    before = load_bundle(trained / "model.pth")[0].state_dict()
    after = load_bundle(tmp_path / "run" / "model.pth")[0].state_dict()
    assert after["blocks.5.proj.weight"].shape[0] == 2
    body = [key for key in before if key.endswith("weight") and "blocks.5.proj" not in key]
    for key in body:  # a learning rate of 1e-12 moves nothing
        torch.testing.assert_close(after[key], before[key])


def test_a_model_that_ends_in_softmax_is_trained_on_scores_before_it(
    two_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = model_entry("x3d_tiny")

    def ends_in_softmax(num_classes: int = 400, **kwargs) -> nn.Module:
        return entry.build(num_classes, **{"head_activation": nn.Softmax, **kwargs})

    twin = replace(entry, build=ends_in_softmax, logits={"head_activation": None})
    monkeypatch.setitem(MODELS, "x3d_tiny", twin)
    train_classifier(two_classes, output=tmp_path, **QUICK)
    model, _ = load_bundle(tmp_path / "model.pth")
    scores = model.eval()(torch.randn(2, 3, 8, 64, 64))
    assert not torch.allclose(scores.sum(dim=1), torch.ones(2))


def test_mixed_precision_trains(two_classes: Path, tmp_path: Path) -> None:
    result = train_classifier(two_classes, output=tmp_path, precision="bf16-mixed", **QUICK)
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
        ({"devices": -1}, ValueError, "devices"),
        ({"precision": "transformer-engine"}, ValueError, "choose one of 32-true"),
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
    trained: Path, motion_folder: Path, two_classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    for path in (tmp_path / "text.ckpt", trained / "model.pth"):
        with pytest.raises(CheckpointError, match=r"is no `last\.ckpt` of a run"):
            train_classifier(motion_folder, output=tmp_path, resume=str(path), **QUICK)
    with pytest.raises(CheckpointError, match="other classes"):
        resume = str(trained / "last.ckpt")
        train_classifier(two_classes, output=tmp_path, resume=resume, **QUICK)


def test_every_epoch_leaves_files_to_use_and_to_resume_from(
    two_classes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture,
) -> None:
    seen: list[list[str]] = []
    lines: list[str] = []
    start = ClassificationModule.on_train_epoch_start

    def look(module: ClassificationModule) -> None:
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        lines.append((tmp_path / "metrics.jsonl").read_text())
        start(module)

    monkeypatch.setattr(ClassificationModule, "on_train_epoch_start", look)
    for _ in range(2):  # the second run keeps the files of the first apart
        result = train_classifier(two_classes, output=tmp_path, **{**QUICK, "epochs": 2})
    every = ["best.pth", "last.ckpt", "metrics.json", "metrics.jsonl", "model.pth"]
    again = ["earlier-1", "metrics.jsonl"]
    assert seen == [["metrics.jsonl"], every, again, ["best.pth", "earlier-1", *every[1:]]]
    assert [text.count("\n") for text in lines] == [0, 1, 0, 1]
    assert sorted(path.name for path in (tmp_path / "earlier-1").iterdir()) == every
    assert f"{tmp_path} holds an earlier run; its files are in " in caplog.text
    written = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == result["epochs"]
    assert json.loads((tmp_path / "metrics.json").read_text()) == result
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in shown] == ["1/2", "2/2", "1/2", "2/2"]
    assert all("train_loss" in line and "val_top1" in line for line in shown)


def test_best_and_last_weights_are_those_of_their_epochs(trained: Path) -> None:
    # One epoch: all three are the same, and `last.ckpt` serves wherever a bundle does.
    models = [load_bundle(trained / name) for name in ("model.pth", "best.pth", "last.ckpt")]
    (first, bundle), *others = models
    for model, other in others:
        assert other == bundle
        for key, value in first.state_dict().items():
            assert torch.equal(value, model.state_dict()[key]), key
    assert load_model(trained / "last.ckpt").class_names == bundle.class_names
    again = create_model("x3d_tiny", num_classes=8, checkpoint=str(trained / "last.ckpt"))
    assert torch.equal(again.state_dict()["blocks.5.proj.bias"], first.blocks[5].proj.bias)


@pytest.mark.parametrize(
    ("sent", "raised"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)]
)
def test_what_an_interrupted_run_leaves_is_said_and_usable(
    two_classes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sent: str,
    raised: type[BaseException],
) -> None:
    start = ClassificationModule.on_train_epoch_start

    def interrupt(module: ClassificationModule) -> None:
        start(module)
        if module.current_epoch == 1:
            os.kill(os.getpid(), getattr(signal, sent))

    monkeypatch.setattr(ClassificationModule, "on_train_epoch_start", interrupt)
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(raised) as end:
        train_classifier(two_classes, output=tmp_path, **{**QUICK, "epochs": 3, "batch_size": 1})
    assert raised is KeyboardInterrupt or end.value.code == 143
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    assert (
        f"stopped after epoch 1: its weights are in {tmp_path / 'model.pth'}, and "
        f"--resume {tmp_path / 'last.ckpt'} goes on"
    ) in caplog.text
    load_bundle(tmp_path / "model.pth")
    load_bundle(tmp_path / "last.ckpt")
    monkeypatch.undo()
    options = {**QUICK, "epochs": 2, "batch_size": 1, "resume": str(tmp_path / "last.ckpt")}
    result = train_classifier(two_classes, output=tmp_path, **options)
    assert [row["epoch"] for row in result["epochs"]] == [1, 2]
    assert not (tmp_path / "earlier-1").exists()


def test_a_run_stopped_before_its_first_epoch_says_that_nothing_is_left(
    two_classes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def interrupt(module: ClassificationModule) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ClassificationModule, "on_train_epoch_start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(two_classes, output=tmp_path, **QUICK)
    assert "before the end of the first epoch" in caplog.text


def test_one_class_is_said(
    motion_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "zoom_in").symlink_to(motion_folder / "train" / "zoom_in")
    train_classifier(tmp_path / "one", output=tmp_path / "run", **QUICK)
    assert "one class, 'zoom_in'" in caplog.text


def test_all_videos_can_train(two_classes: Path, tmp_path: Path) -> None:
    result = train_classifier(two_classes, output=tmp_path, **{**QUICK, "val_fraction": 0.0})
    assert "train_top1" in result["epochs"][0]
    assert "val_top1" not in result["epochs"][0]


def test_a_run_that_diverges_ends_and_keeps_the_last_good_epoch(
    two_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_classifier(two_classes, output=tmp_path, **QUICK)
    good = {name: (tmp_path / name).read_bytes() for name in ("model.pth", "last.ckpt")}
    forward = ClassificationModule.training_step

    def overflow(self: ClassificationModule, *batch: object) -> torch.Tensor:
        return forward(self, *batch) * torch.inf

    options = {**QUICK, "epochs": 3, "resume": str(tmp_path / "last.ckpt")}
    with monkeypatch.context() as patch:
        patch.setattr(ClassificationModule, "training_step", overflow)
        with pytest.raises(DivergedError, match=r"in epoch 2: not finite are .* after epoch 1"):
            train_classifier(two_classes, output=tmp_path, **options)
    assert good == {name: (tmp_path / name).read_bytes() for name in good}
    with pytest.raises(DivergedError, match=r"epoch 1: .* nothing is left"):
        train_classifier(two_classes, output=tmp_path / "new", **{**QUICK, "lr": 1e30})
    assert not list((tmp_path / "new").glob("*.pth"))


def test_an_interrupt_between_two_files_names_the_one_that_is_there(
    two_classes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(WholeCheckpoints, "save_checkpoint", stop)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(two_classes, output=tmp_path, **QUICK)
    assert f"after epoch 1: its weights are in {tmp_path / 'model.pth'}.\n" in caplog.text
    assert load_bundle(tmp_path / "model.pth")


def test_a_resumed_run_is_the_one_that_was_not_stopped(
    two_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**QUICK, "epochs": 3, "batch_size": 1, "num_workers": 1}
    whole = train_classifier(two_classes, output=tmp_path / "whole", **options)

    def stop(self: History, trainer: Trainer, module: ClassificationModule) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_start", stop)
        with pytest.raises(KeyboardInterrupt):
            train_classifier(two_classes, output=tmp_path / "stopped", **options)
    options["resume"] = str(tmp_path / "stopped/last.ckpt")
    resumed = train_classifier(two_classes, output=tmp_path / "stopped", **options)
    assert [row["train_loss"] for row in resumed["epochs"]] == [
        row["train_loss"] for row in whole["epochs"]
    ]
    first, second = (
        load_bundle(tmp_path / f"{name}/model.pth")[0] for name in ("whole", "stopped")
    )
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key
