import json
import math
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.file_proxy import FileProxy

from pytorchvideo_clone.recipes import records
from pytorchvideo_clone.recipes.records import History, RunFiles, WholeCheckpoints, to_json

EPOCHS = [(0.5, 2.0), (0.75, 1.0), (0.75, 1.5), (math.nan, 0.1), (0.75, 0.9), (0.25, 0.1)]


def run(folder: Path, epochs: list[tuple[float, float]]) -> tuple[History, list[tuple[str, int]]]:
    """Files of a run whose weights are the number of the epoch."""
    history, saved = History(), []
    files = RunFiles(
        folder,
        history,
        save=lambda path: saved.append((path.name, len(history.epochs))),
        bundle={"model": "x3d_tiny"},
        result=lambda: {"epochs": history.epochs},
    )
    trainer = SimpleNamespace(is_global_zero=True, max_epochs=len(epochs))
    files.on_train_start(trainer, None)
    for number, (top1, loss) in enumerate(epochs):
        trainer.current_epoch = number
        trainer.callback_metrics = {"val_top1": torch.tensor(top1), "val_loss": torch.tensor(loss)}
        history.on_train_epoch_start(trainer, None)
        history.on_train_epoch_end(trainer, None)
        files.on_train_epoch_end(trainer, None)
    return history, saved


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss(tmp_path: Path) -> None:
    _, saved = run(tmp_path, EPOCHS)
    assert [epoch for name, epoch in saved if name == "model.pth"] == [1, 2, 3, 4, 5, 6]
    assert [epoch for name, epoch in saved if name == "best.pth"] == [1, 2, 5]


def test_numbers_are_json_after_every_epoch(tmp_path: Path) -> None:
    history, _ = run(tmp_path, EPOCHS[:4])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["val_top1"] for line in lines] == [0.5, 0.75, 0.75, None]
    assert all(line["seconds"] >= 0 for line in lines)
    written = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in written
    assert len(json.loads(written)["epochs"]) == len(history.epochs) == 4
    assert to_json((1, [math.inf])) == "[1, [null]]"


def test_a_line_goes_to_a_file_past_a_bar_that_takes_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, screen = StringIO(), StringIO()
    console = SimpleNamespace(print=lambda text: screen.write(str(text)), file=screen)
    monkeypatch.setattr(sys, "stdout", FileProxy(console, log))
    records.say("epoch 1/2")
    assert log.getvalue() == "epoch 1/2\n"
    assert not screen.getvalue()


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1}, path)

    def killed(self: Path, target: Path) -> None:
        assert self.parent == target.parent  # renamed, not copied
        assert torch.load(self, weights_only=True) == {"epoch": 2}
        raise SystemExit

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(SystemExit):
        WholeCheckpoints().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
