import importlib
import subprocess
import sys

import pytest

from pytorchvideo_clone._moved import MOVED, PASSED_ON


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_is_the_same_module_as_its_home(old: str) -> None:
    moved = importlib.import_module(f"pytorchvideo_clone.{old}")
    home = importlib.import_module(f"pytorchvideo_clone.{MOVED[old]}")
    assert moved is home
    assert home.__spec__.name == home.__name__ == f"pytorchvideo_clone.{MOVED[old]}"


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_imports_first_in_a_fresh_finder_order(old: str) -> None:
    parent, _, leaf = old.rpartition(".")
    module = importlib.import_module(f"pytorchvideo_clone.{old}")
    assert getattr(importlib.import_module(f"pytorchvideo_clone.{parent}"), leaf) is module


@pytest.mark.parametrize("module", PASSED_ON)
def test_a_module_passes_on_what_others_have(module: str) -> None:
    found = importlib.import_module(f"pytorchvideo_clone.{module}")
    assert found.__spec__.name == found.__name__ == f"pytorchvideo_clone.{module}"
    for name, home in PASSED_ON[module].items():
        if name == home:
            assert getattr(found, name) is importlib.import_module(name)
        else:
            owner = importlib.import_module(f"pytorchvideo_clone.{home}")
            assert getattr(found, name) is getattr(owner, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        found.no_such_name  # noqa: B018 (the access is what is tested)


def test_a_path_that_never_existed_stays_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        importlib.import_module("pytorchvideo_clone.data.no_such_module")


def test_old_paths_work_in_a_fresh_interpreter_before_their_homes_are_loaded() -> None:
    lines = "\n".join(f"import pytorchvideo_clone.{old}" for old in MOVED)
    subprocess.run([sys.executable, "-c", lines], check=True)
