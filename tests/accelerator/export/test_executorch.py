from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export import ExportError, export_model, load_exported
from pytorchvideo_clone.hub import create_model


def test_one_delegate_does_all_work_of_x3d(tmp_path: Path) -> None:
    model = create_model("x3d_tiny", num_classes=3, depth_factor=0.2, se_ratio=0.25)
    report = export_model(model, torch.randn(1, 3, 8, 64, 64), tmp_path / "model.pte")
    assert report.operators == {"executorch_call_delegate": 1}


def test_steps_over_time_are_delegated(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3, (2, 2, 2), 1), nn.Conv3d(4, 4, 1, (2, 1, 1)))
    report = export_model(model, torch.randn(1, 3, 8, 16, 16), tmp_path / "model.pte")
    assert report.operators == {"executorch_call_delegate": 1}


def test_results_of_one_call_outlive_the_next(tmp_path: Path) -> None:
    model = nn.Conv3d(3, 4, 1)
    export_model(model, torch.randn(1, 3, 2, 8, 8), tmp_path / "model.pte")
    exported = load_exported(tmp_path / "model.pte")
    clips = torch.randn(2, 3, 2, 8, 8)
    first = exported(clips[:1])
    exported(clips[1:])
    torch.testing.assert_close(first, model(clips[:1]), rtol=1e-4, atol=1e-5)


class Computed(nn.Module):
    """A convolution that XNNPACK has not: its weights are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x[:, :, 0], self.weight.tanh())


def test_heavy_operators_outside_are_an_error_unless_allowed(tmp_path: Path) -> None:
    clip, path = torch.randn(1, 3, 2, 8, 8), tmp_path / "model.pte"
    with pytest.raises(ExportError, match=r"XNNPACK leaves out 1 .*convolution.*allow_undelegated"):
        export_model(Computed(), clip, path)
    assert not path.exists()
    report = export_model(Computed(), clip, path, allow_undelegated=True)
    assert any("convolution" in name for name in report.operators)
