import sys

import pytest

from pytorchvideo_clone._optional import optional_import


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
