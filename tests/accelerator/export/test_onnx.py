from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.export import (
    EXPORTERS,
    Exporter,
    ExportError,
    export_model,
    load_exported,
)


def small_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(3, 4, 3, padding=1),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )


@pytest.mark.parametrize("target", EXPORTERS)
@pytest.mark.parametrize("batch", [1, 3])
def test_exported_file_computes_the_same_for_any_batch(
    target: str, batch: int, tmp_path: Path
) -> None:
    model = small_model().train()
    path = tmp_path / f"model{EXPORTERS[target].suffix}"
    report = export_model(model, torch.rand(batch, 3, 4, 8, 8), path, target)
    assert model.training
    assert report.difference < 1e-5
    assert report.bytes == path.stat().st_size
    clips = torch.rand(5, 3, 4, 8, 8)
    torch.testing.assert_close(
        load_exported(path)(clips), model.eval()(clips), rtol=1e-4, atol=1e-5
    )


def test_metadata_travels_inside_the_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "model.onnx"
    export_model(small_model(), torch.rand(1, 3, 4, 8, 8), path, metadata={"class_names": '["a"]'})
    stored = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert stored["class_names"] == '["a"]'


def test_a_file_that_differs_is_removed_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_wrong(path: Path):
        run = EXPORTERS["onnx"].load(path)
        return lambda clips: run(clips) + 1

    wrong = Exporter(".onnx", EXPORTERS["onnx"].write, load_wrong)
    monkeypatch.setitem(EXPORTERS, "wrong", wrong)
    path = tmp_path / "model.onnx"
    with pytest.raises(ExportError, match="differs from the model by"):
        export_model(small_model(), torch.rand(1, 3, 4, 8, 8), path, "wrong")
    assert not path.exists()


def test_unknown_targets_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of onnx"):
        export_model(small_model(), torch.rand(1, 3, 4, 8, 8), tmp_path / "model.xyz", "xyz")
    with pytest.raises(FileNotFoundError, match=r"model\.onnx"):
        load_exported(tmp_path / "model.onnx")
