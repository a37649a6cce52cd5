"""Every command that loads data, as on machines of many cores that have computed before."""

import subprocess
import sys
from pathlib import Path

import pytest

from pytorchvideo_clone.hub import create_model, model_entry, save_bundle

# A process of its own, as this one computes with one thread: OpenMP has started no threads here.
# The count of cores is what the commands see; two threads are enough for a fork to lose one.
SCRIPT = """
import multiprocessing, os, sys, threading
import torch
from pytorchvideo_clone.cli import main
from pytorchvideo_clone.data import loader
from pytorchvideo_clone.hub import model_entry
from pytorchvideo_clone.recipes import calibration_clips

def stop(command):
    for child in multiprocessing.active_children():
        child.kill()
    print("HANGS:", command, flush=True)
    os._exit(1)

if __name__ == "__main__":
    torch.set_num_threads(2)
    numbers = torch.rand(10**6)
    float((numbers + numbers).sum())
    torch.set_num_threads(1)  # the threads are there; computing with them takes longer in tests
    for line in sys.argv[1:]:
        cores, command = line.split(maxsplit=1)
        loader.available_cores = lambda: int(cores)
        timer = threading.Timer(180, stop, [line])
        timer.daemon = True
        timer.start()
        if command.startswith("calibration "):  # of export, without its minute of work in int8
            calibration_clips(command.split()[1], model_entry("x3d_tiny").input_spec, count=2)
        else:
            main(command.split())
        timer.cancel()
        print("ENDED:", line, flush=True)
"""


@pytest.fixture(scope="module")
def folder(motion_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cores")
    (folder / "videos").mkdir()
    for name in ("pan_left", "zoom_in"):
        (folder / "videos" / name).symlink_to(motion_folder / "train" / name)
    model, spec = create_model("x3d_tiny", num_classes=2), model_entry("x3d_tiny").input_spec
    save_bundle(folder / "model.pth", model, "x3d_tiny", spec, ["pan_left", "zoom_in"])
    return folder


def commands(folder: Path) -> list[str]:
    data, model, run = folder / "videos", folder / "model.pth", folder / "run"
    train = f"train {data} --output {run} --epochs 1 --batch-size 2 --accelerator cpu"
    evaluate = f"evaluate {model} {data} --clips 1 --crops 1"
    return [
        f"4 {train} --num-workers 1",
        f"8 {train} --faults pad --time-limit-sec 30",
        f"64 {train} --num-workers 3",
        f"4 {evaluate} --num-workers 1",
        f"8 {evaluate} --time-limit-sec 30",
        f"64 {evaluate} --num-workers 3",
        f"64 predict x3d_tiny {data / 'pan_left'} --checkpoint {model} --clips 1 --crops 1",
        f"64 data profile {data} --model x3d_tiny --num-workers 1 --batch-size 1 --seconds 1",
        f"64 data show {data} --model x3d_tiny --clips 1 --output {folder / 'clips.png'}",
        f"64 data scan {data} --manifest {folder / 'videos.csv'} --num-workers 2",
        f"64 data pack {data} {folder / 'a.ptvpack'} --num-workers 2",
        f"64 calibration {data / 'pan_left'}",
    ]


@pytest.mark.slow  # twelve commands in one process
def test_no_command_hangs_after_openmp(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    lines = commands(folder)
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", script, *lines], capture_output=True, text=True
    )
    last = shown.stdout + shown.stderr[-2000:]
    assert "HANGS" not in shown.stdout, last
    assert shown.returncode == 0, last
    ended = [line for line in shown.stdout.splitlines() if line.startswith("ENDED: ")]
    assert ended == [f"ENDED: {line}" for line in lines]
