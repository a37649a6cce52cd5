import json
from pathlib import Path

import pytest

from pytorchvideo_clone.recipes.demo import run_demo
from tests.models.shallow import make_x3d_shallow


@pytest.mark.slow
def test_demo_leaves_everything_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_x3d_shallow(monkeypatch)
    written = run_demo(
        tmp_path / "out",
        train_per_class=2,
        test_per_class=1,
        epochs=1,
        warmup_epochs=0.5,
        num_workers=0,
        enable_progress_bar=False,
    )
    assert all(Path(path).exists() for path in written)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["test"]["videos"] == 8
    assert metrics["chance_top1"] == 1 / 8
    assert 0 <= metrics["opposite_class_when_backwards"] <= 1
    assert metrics["onnx"]["difference"] < 1e-3
    predictions = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [len(row["predictions"]) for row in predictions] == [5] * 8
    shown = capsys.readouterr().out
    assert [f"{step}/6 " in shown for step in range(1, 7)] == [True] * 6
