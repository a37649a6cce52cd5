import json
from dataclasses import asdict, replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import EXPORTERS, load_exported
from pytorchvideo_clone.hub import InputSpec, create_model, load_model, model_entry, save_bundle
from pytorchvideo_clone.hub.registry import MODELS
from pytorchvideo_clone.recipes.export import export_checkpoint

SHALLOW = {"num_classes": 2, "depth_factor": 0.2}  # one block a stage


def test_the_file_alone_says_how_to_use_it(tmp_path: Path) -> None:
    spec = model_entry("x3d_tiny").input_spec
    model = create_model("x3d_tiny", **SHALLOW)
    save_bundle(
        tmp_path / "model.pth", model, "x3d_tiny", spec, ["jump", "run"], model_kwargs=SHALLOW
    )
    report = export_checkpoint(tmp_path / "model.pth", tmp_path / "model.onnx")
    assert report.difference < 1e-4
    stored = {entry.key: entry.value for entry in onnx.load(report.path).metadata_props}
    assert json.loads(stored["class_names"]) == ["jump", "run"]
    again = InputSpec(**json.loads(stored["input_spec"]))
    clips = torch.randn(3, 3, again.num_frames, again.test_crop, again.test_crop)
    torch.testing.assert_close(
        load_exported(report.path)(clips), model.eval()(clips), rtol=1e-3, atol=1e-5
    )


@pytest.mark.filterwarnings("ignore:torch deprecates TorchScript:DeprecationWarning")
@pytest.mark.parametrize(
    "target",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("executorch", "aot_inductor")))
        for name in EXPORTERS
    ],
)
def test_every_target_carries_classes_and_input(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(num_classes: int) -> nn.Module:
        layers = nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2)
        return nn.Sequential(*layers)

    # What x3d computes is compared elsewhere; here compilers would only take longer for it.
    entry = model_entry("x3d_tiny")
    monkeypatch.setitem(MODELS, "x3d_tiny", replace(entry, build=small))
    spec, model = entry.input_spec, small(2)
    save_bundle(tmp_path / "model.pth", model, "x3d_tiny", spec, ["jump", "run"])
    output = tmp_path / f"exported{EXPORTERS[target].suffix}"
    report = export_checkpoint(tmp_path / "model.pth", output)
    assert report.target == target
    loaded = load_model(output)
    assert (loaded.input_spec, loaded.class_names) == (spec, ("jump", "run"))
    metadata = load_exported(output).metadata
    assert json.loads(metadata["class_names"]) == ["jump", "run"]
    assert json.loads(metadata["input_spec"]) == json.loads(json.dumps(asdict(spec)))


@pytest.mark.skipif(
    Path("/proc/cpuinfo").exists() and "vnni" not in Path("/proc/cpuinfo").read_text("utf-8"),
    reason="without VNNI the products of OpenVINO's int8 saturate, beyond the tolerance",
)
@pytest.mark.slow
def test_a_folder_of_videos_is_all_that_int8_takes(motion_folder: Path, tmp_path: Path) -> None:
    model = create_model("x3d_tiny", num_classes=8)
    spec, names = model_entry("x3d_tiny").input_spec, [str(i) for i in range(8)]
    save_bundle(tmp_path / "model.pth", model, "x3d_tiny", spec, names)
    output, videos = tmp_path / "model.xml", motion_folder / "test"
    report = export_checkpoint(tmp_path / "model.pth", output, calibration=videos)
    assert report.tolerance == 0.1
    assert report.int8.clips == 8 and report.int8.layers > 20
    assert report.bytes < 1.2e6  # 3 MB in float
