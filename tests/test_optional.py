import sys

import pytest
import torch
from torch.torch_version import TorchVersion

from pytorchvideo_clone._optional import optional_import, require_torch


def test_an_installed_module_is_returned() -> None:
    assert optional_import("json", extra="train") is sys.modules["json"]


def test_a_missing_module_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"pip install 'pytorchvideo_clone\[train\]'"):
        optional_import("no_such_module_anywhere", extra="train")


def test_a_broken_module_says_why_it_does_not_load(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_library.py").write_text("raise OSError('libfoo.so: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"does not load \(libfoo\.so: no such file\)"):
        optional_import("broken_library", extra="torchcodec")


def test_a_torch_that_is_too_old_is_named(monkeypatch) -> None:
    monkeypatch.setattr(torch, "__version__", TorchVersion("2.13.1"))
    require_torch("2.13", extra="onnx")
    with pytest.raises(ImportError, match=r"torch is 2\.13\.1; .* 2\.14 or later.*\[onnx\]'"):
        require_torch("2.14", extra="onnx")
