"""Run the examples of all docstrings, and the code of README and tutorials."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import pytorchvideo_clone

ROOT = Path(__file__).parent.parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages(pytorchvideo_clone.__path__, "pytorchvideo_clone.")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_are_true(name: str) -> None:
    module = importlib.import_module(name)
    failed = doctest.testmod(module, extraglobs={"torch": torch, "nn": nn}).failed
    assert failed == 0


def run(script: Path, *arguments: object, folder: Path) -> str:
    command = [sys.executable, script, *map(str, arguments)]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr[-3000:]
    # Nothing of what other packages say about themselves.
    assert not re.search("site-packages|Warning|Tip:|available:|deprecated", shown.stderr)
    return shown.stdout


def test_tutorial_01_reads_clips(motion_folder: Path, tmp_path: Path) -> None:
    video = motion_folder / "test" / "pan_left" / "0000.mp4"
    shown = run(ROOT / "tutorials/01_read_a_clip.py", video, folder=tmp_path)
    assert "video (3, 6, 96, 128) torch.float32" in shown
    assert "every fourth frame (3, 6, 96, 128) torch.uint8" in shown
    assert "clip 3: 1.50 s to 2.00 s" in shown


@pytest.mark.slow
def test_tutorial_02_trains(motion_folder: Path, tmp_path: Path) -> None:
    run(ROOT / "tutorials/02_train_a_classifier.py", motion_folder, 3, folder=tmp_path)
    assert (tmp_path / "model.pth").exists()


def test_tutorial_03_streams(motion_folder: Path, tmp_path: Path) -> None:
    video = motion_folder / "test" / "pan_left" / "0000.mp4"
    shown = run(ROOT / "tutorials/03_streaming.py", video, folder=tmp_path)
    assert "0.25 s to 1.58 s, 16 frames: " in shown
    assert "3 windows, 0 of them dropped" in shown
    assert "the file gives the same" in shown
