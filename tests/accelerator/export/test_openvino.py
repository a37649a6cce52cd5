from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.export import export_model, load_exported

MODEL = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.SiLU()).eval()
CLIP = torch.randn(1, 3, 4, 8, 8)


def test_bfloat16_is_chosen_when_the_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    report = export_model(MODEL, CLIP, path)
    assert report.operators["Convolution"] == 1
    exact, fast = load_exported(path), load_exported(path, precision="bfloat16")
    expected = MODEL(CLIP)
    torch.testing.assert_close(exact(CLIP), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fast(CLIP), expected, rtol=3e-2, atol=3e-2)
    with pytest.raises(ValueError, match="precision is 'int4'; choose one of float32, bfloat16"):
        load_exported(path, precision="int4")


@pytest.mark.skipif(
    Path("/proc/cpuinfo").exists() and "vnni" not in Path("/proc/cpuinfo").read_text("utf-8"),
    reason="without VNNI the products of OpenVINO's int8 saturate, beyond the tolerance",
)
def test_int8_runs_on_kernels_of_int8(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*MODEL, nn.Conv3d(4, 32, (1, 3, 3)), nn.Conv3d(32, 2, 1)).eval()
    path = tmp_path / "model.xml"
    clips = [torch.randn(2, 3, 4, 8, 8) for _ in range(2)]
    report = export_model(model, CLIP, path, int8=clips, keep=["4"])
    assert report.operators["FakeQuantize"] == 2
    openvino = pytest.importorskip("openvino")
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", hints)
    kernels = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    found = [
        (str(kernel["runtimePrecision"].astype(str)), str(kernel["primitiveType"].astype(str)))
        for kernel in kernels
        if kernel["layerType"].astype(str) == "Convolution"
    ]
    assert sorted(precision for precision, _ in found) == ["f32", "u8", "u8"], found
