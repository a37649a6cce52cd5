"""Claim: export by ExecuTorch, ONNX and OpenVINO needs no compiler and no network.

In a fresh environment, with nothing else in PATH and without a network:

    python3.11 -m venv fresh && fresh/bin/pip install ".[mobile,onnx,openvino]"
    unshare -n env -i PATH=$PWD/fresh/bin python -W ignore benchmarks/fresh_machine.py

It ends with an error where it finds a compiler or a network. Each file is written, checked by
`export_model`, loaded again, and must name the same five classes, in order, as the model.
"""

import os
import platform
import shutil
import socket
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from pytorchvideo_clone.accelerator import export_model, load_exported, randomize_norms
from pytorchvideo_clone.hub import create_model, model_entry

COMPILERS = ("cc", "gcc", "g++", "c++", "clang", "clang++", "cmake", "ninja", "make", "ld", "as")
SUFFIXES = {".pte": "executorch", ".onnx": "onnxruntime", ".xml": "openvino"}


def check_machine() -> None:
    """End the program unless there is neither a compiler nor a network."""
    found = [name for name in COMPILERS if shutil.which(name)]
    if found or "CXX" in os.environ:
        sys.exit(f"PATH has {', '.join(found)}, CXX is {os.environ.get('CXX')}; see above.")
    try:
        # No packet is sent: without a network there is no way to any address.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
    except OSError:
        return
    sys.exit("there is a network; run this under unshare -n.")


def make_model(name: str) -> nn.Module:
    """Make a model with random weights whose norms do something."""
    torch.manual_seed(0)
    return randomize_norms(create_model(name)).eval()


def main(name: str = "x3d_xs") -> None:
    """Export, load and run one model by all three routes, and print a table."""
    check_machine()
    torch.set_num_threads(1)
    model, spec = make_model(name), model_entry(name).input_spec
    clip = torch.randn(1, 3, spec.num_frames, spec.test_crop, spec.test_crop)
    with torch.no_grad():
        best = model(clip)[0].topk(5).indices.tolist()
    machine = f"{platform.system()} {platform.machine()}, torch {torch.__version__}"
    print(f"{name}, {machine}, {date.today()}\n")
    print("| target | runtime | MB | difference | top-5 |\n|---|---|---|---|---|", flush=True)
    for suffix, package in SUFFIXES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{suffix}"
            report = export_model(model, clip, path, tolerance=1e-4)
            again = load_exported(path)(clip)[0].topk(5).indices.tolist()
        row = f"| {report.target} | {package} {version(package)} | {report.bytes / 1e6:.1f} "
        classes = "same" if again == best else again
        print(f"{row}| {report.difference:.1e} | {classes} |", flush=True)
        if again != best:
            sys.exit(f"{report.target} names classes {again}; the model names {best}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
