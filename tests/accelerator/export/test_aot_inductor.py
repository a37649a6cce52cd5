import zipfile
from pathlib import Path

import pytest
import torch
import torch._inductor.config as config
from torch import nn

from pytorchvideo_clone.accelerator.export import ExportError, export_model
from tests.accelerator.export.test_exporter import export_and_check


def test_weights_are_frozen_into_packed_convolutions(tmp_path: Path) -> None:
    export_and_check("aot_inductor", "x3d", tmp_path)
    with zipfile.ZipFile(tmp_path / "model.aoti.pt2") as package:
        wrapper = next(name for name in package.namelist() if name.endswith(".wrapper.cpp"))
        code = package.read(wrapper).decode()
    # Only weights that are constants can be packed.
    assert "mkldnn__convolution_pointwise" in code
    assert not config.freezing


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    missing = config.patch({"cpp.cxx": (None, "no-such-compiler")})
    with missing, pytest.raises(ExportError, match=r"needs a C\+\+ compiler.*torch_export"):
        path = tmp_path / "model.aoti.pt2"
        export_model(nn.Conv3d(3, 4, 1), torch.randn(1, 3, 2, 8, 8), path)
