import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.cli import main
from pytorchvideo_clone.cli.benchmark import _calibration, _Job, _load, _write
from pytorchvideo_clone.hub import create_model, list_models, model_entry, save_bundle

JOB = _Job("x3d_tiny", None, [("eager", "float32")], 1, 2, 1, None)


@pytest.mark.slow
def test_the_table_has_a_row_for_every_form_also_for_what_cannot_run(
    capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "speed.json"
    forms = "--targets torch_export eager --dtypes float32 bfloat16 --batch 2 --rounds 2"
    main(f"benchmark x3d_tiny {forms} --json {output}".split())
    shown = capsys.readouterr()
    assert "x3d_tiny, 1 thread ..." in shown.err
    assert "torch_export has no bfloat16 here." in shown.out
    rows = json.loads(output.read_text())["rows"]
    by_form = {(row["target"], row["dtype"]): row for row in rows}
    assert list(by_form) == [
        ("torch_export", "float32"),
        ("eager", "float32"),
        ("torch_export", "bfloat16"),
        ("eager", "bfloat16"),
    ]
    file, eager = by_form["torch_export", "float32"], by_form["eager", "float32"]
    assert {row["batch"] for row in rows} == {2}
    assert eager["times_faster"] == 1
    assert 0 < eager["median_ms"] <= eager["p95_ms"]
    assert file["clips_per_sec"] > 0
    assert file["difference"] < 1e-5
    assert 1e-5 < by_form["eager", "bfloat16"]["difference"] < 0.1
    assert "no bfloat16" in by_form["torch_export", "bfloat16"]["error"]


def test_rows_of_an_earlier_run_stay_unless_made_again(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    key = {"target": "eager", "dtype": "float32", "threads": 1, "batch": 1}
    _write(path, [{"model": "a", **key, "cpu_ms": 1}, {"model": "b", **key, "cpu_ms": 2}])
    _write(path, [{"model": "b", **key, "cpu_ms": 3}])
    written = json.loads(path.read_text())
    assert [(row["model"], row["cpu_ms"]) for row in written["rows"]] == [("a", 1), ("b", 3)]
    assert written["machine"]["torch"] == torch.__version__


def test_what_cannot_be_meant_is_an_error(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "model.pth").touch()
    for arguments, told in (
        ("slow_r5", "did you mean"),
        ("x3d_xs --targets tflite", "target is 'tflite'; choose of eager, cpu"),
        ("x3d_xs --dtypes float64", "dtype is 'float64'"),
        ("x3d_xs --threads 1000", "threads is 1000; this machine gives 1 to"),
        (f"x3d_xs x3d_s --checkpoint {tmp_path / 'model.pth'}", "2 are named"),
    ):
        with pytest.raises(SystemExit) as end:
            main(f"benchmark {arguments}".split())
        assert end.value.code == 2
        assert told in capsys.readouterr().err


def test_a_bundle_is_measured_as_it_was_trained(tmp_path: Path) -> None:
    spec = replace(model_entry("x3d_tiny").input_spec, test_crop=96)
    model = create_model("x3d_tiny", num_classes=3)
    save_bundle(tmp_path / "mine.pth", model, "x3d_tiny", spec, ["a", "b", "c"])
    network, (clip,), _ = _load(JOB._replace(model=str(tmp_path / "mine.pth")))
    assert clip.shape == (2, 3, 8, 96, 96)
    assert network(clip).shape == (2, 3)


@pytest.mark.parametrize("name", ["x3d_tiny", "slow_r50_detection"])
def test_models_get_test_clips_and_norms_that_show(name: str) -> None:
    model, inputs, _ = _load(JOB._replace(model=name))
    assert inputs[0].shape[:2] == (2, 3)
    assert len(inputs) == 1 + name.endswith("detection")
    assert not model.training
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm3d)]
    assert norms and all(norm.weight.abs().min() > 0 for norm in norms)
    assert set(list_models()) > {name}


def test_int8_is_calibrated_on_videos_or_says_that_it_is_not(motion_folder: Path) -> None:
    inputs, spec = (torch.zeros(2, 3, 8, 64, 64),), model_entry("x3d_tiny").input_spec
    clips, note = _calibration(JOB, inputs, spec)
    assert note == "calibrated on random clips"
    assert [clip.shape for (clip,) in clips] == [(1, 3, 8, 64, 64)] * 8
    videos = JOB._replace(calibration=str(motion_folder / "test"))
    clips, note = _calibration(videos, inputs, spec)
    assert note == ""
    assert len(clips) == 8
    first, second = clips[0][0], clips[1][0]
    assert first.shape == (1, 3, 8, 64, 64)
    assert first.min() >= -2.01 and first.max() <= 2.45
    assert not torch.equal(first, second)
    smaller = replace(spec, test_crop=32, side=40)  # of a checkpoint
    clips, _ = _calibration(videos, inputs, smaller)
    assert clips[0][0].shape == (1, 3, 8, 32, 32)
