"""The command that says what works on this machine."""

import os
import platform
import shutil
import subprocess
from importlib import metadata

import torch

from pytorchvideo_clone import __version__
from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.cli.tables import print_table
from pytorchvideo_clone.data.decoders import decoder_report

__all__ = ["doctor"]


def doctor() -> None:
    """Show which decoders and runtimes load, and what to install for the others."""
    print(
        f"pytorchvideo_clone {__version__}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, CUDA {'yes' if torch.cuda.is_available() else 'no'}, "
        f"{os.cpu_count()} cores"
    )
    rows: list[list[str]] = []
    for decoder in decoder_report():
        found = [f"loads: {decoder.about}", ""] if decoder.loads else ["missing", decoder.about]
        rows.append(["decoder", decoder.name, *found])
    for use, name, extra in _PARTS:
        try:
            module = optional_import(name, extra)
            # executorch has it in its metadata alone.
            version = getattr(module, "__version__", None) or metadata.version(name)
            rows.append([use, name, f"loads: {version}", ""])
        except ImportError as error:
            state, _, way_out = str(error).partition(". Install it with: ")
            rows.append([use, name, state, way_out])
    rows.append(["FFmpeg", "ffmpeg", *_system_ffmpeg()])
    print_table(["use", "part", "state", "to get it"], rows)


_PARTS = [
    ("audio", "torchaudio", "audio"),
    ("transforms", "kornia", "kornia"),
    ("training", "lightning", "train"),
    ("training", "torchmetrics", "train"),
    ("export", "onnxscript", "onnx"),
    ("runtime", "onnxruntime", "onnx"),
    ("export, runtime", "executorch", "mobile"),
    ("export, runtime", "openvino", "openvino"),
    ("demo", "skimage", "demo"),
    ("demo", "matplotlib", "demo"),
]


def _system_ffmpeg() -> tuple[str, str]:
    if not (program := shutil.which("ffmpeg")):
        return "missing", "apt-get install ffmpeg (only TorchCodec needs it)"
    shown = subprocess.run(
        [program, "-version"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    return f"loads: {' '.join(shown.stdout.split()[2:3])}", ""
