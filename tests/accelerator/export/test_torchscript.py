from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.export import export_model


def test_it_says_what_to_use_instead(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match='export with target="torch_export" instead'):
        export_model(nn.Conv3d(3, 4, 1), torch.randn(1, 3, 2, 8, 8), tmp_path / "model.ts")
