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
