import json
import subprocess
import sys
from pathlib import Path

import torch

from pytorchvideo_clone.accelerator.export import export_model
from pytorchvideo_clone.hub import create_model

ALONE = """
import json, sys, torch
extra = {"metadata.json": ""}
module = torch.export.load(sys.argv[1], extra_files=extra).module()
sizes = json.loads(extra["metadata.json"])["inputs"]
clips = torch.ones(2, *json.loads(sizes)[0][1:])
assert not any(name.startswith("pytorchvideo_clone") for name in sys.modules)
print(json.dumps(module(clips).tolist()))
"""


def test_torch_alone_loads_the_file(tmp_path: Path) -> None:
    model = create_model("x3d_tiny", num_classes=3, depth_factor=0.2).eval()
    report = export_model(model, torch.randn(1, 3, 8, 64, 64), tmp_path / "model.pt2")
    assert report.operators["aten.conv3d.default"] > 0
    command = [sys.executable, "-I", "-c", ALONE, report.path]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    expected = model(torch.ones(2, 3, 8, 64, 64))
    torch.testing.assert_close(torch.tensor(json.loads(shown.stdout)), expected)
