"""Write a model to a file for another runtime, and prove that the file computes the same.

`EXPORTERS` is the table of targets: each writes a file and loads it back as a callable.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export.onnx import load_onnx, write_onnx

__all__ = ["EXPORTERS", "ExportError", "ExportReport", "Exporter", "export_model", "load_exported"]


class Exporter(NamedTuple):
    """A target: how its file is written and how it is loaded."""

    suffix: str
    write: Callable[[nn.Module, Tensor, Path, Mapping[str, str]], None]
    load: Callable[[Path], "Callable[[Tensor], Tensor]"]


EXPORTERS: dict[str, Exporter] = {"onnx": Exporter(".onnx", write_onnx, load_onnx)}


class ExportError(RuntimeError):
    """The exported file does not compute what the model computes."""


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the model."""

    target: str
    path: str
    bytes: int
    difference: float = field(metadata={"doc": "largest |exported - model| / largest |model|"})
    tolerance: float

    def to_json(self) -> str:
        """The report as a JSON object."""
        return json.dumps(asdict(self), indent=2)


def export_model(
    model: nn.Module,
    example: Tensor,
    path: str | Path,
    target: str = "onnx",
    *,
    tolerance: float = 1e-3,
    metadata: Mapping[str, str] | None = None,
) -> ExportReport:
    """Export a model, load the file again and compare the two.

    The comparison runs on `example` and on random clips of another batch size.

    Args:
        model: any module over one clip tensor; exported in evaluation mode, left as it was.
        example: (B, C, T, H, W), as the model takes it. Only B may change after export.
        path: file to write.
        target: a key of `EXPORTERS`.
        tolerance: largest accepted difference, relative to the largest output.
        metadata: texts that are kept inside the file, e.g. the class names.

    Returns:
        Size and measured difference.

    Raises:
        ValueError: if `target` is unknown.
        ImportError: if the target's packages are missing, with the command that installs them.
        ExportError: if the difference exceeds `tolerance`; the file is removed.

    >>> import tempfile
    >>> model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    >>> path = tempfile.mkdtemp() + "/model.onnx"
    >>> export_model(model, torch.rand(1, 3, 2, 8, 8), path).difference < 1e-5
    True
    """
    exporter = _exporter(target)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    frozen = copy.deepcopy(model).eval()
    exporter.write(frozen, example, path, metadata or {})
    exported = exporter.load(path)
    generator = torch.Generator().manual_seed(0)
    other_batch = torch.randn(
        (example.shape[0] + 1, *example.shape[1:]), generator=generator, dtype=torch.float32
    )
    difference = max(
        _relative_difference(frozen, exported, clips)
        for clips in (example, other_batch.to(example.dtype))
    )
    if not difference <= tolerance:  # also when it is NaN
        path.unlink()
        raise ExportError(
            f"the {target} file differs from the model by {difference:.2e} of its largest output, "
            f"more than tolerance={tolerance:g}; the file was removed. Export in float32, or pass "
            "a tolerance that your task can bear."
        )
    return ExportReport(target, str(path), path.stat().st_size, difference, tolerance)


def load_exported(path: str | Path, target: str | None = None) -> "Callable[[Tensor], Tensor]":
    """Load an exported file as a function from clips to outputs.

    Args:
        path: a file that `export_model` wrote.
        target: a key of `EXPORTERS`; None chooses by the file's suffix.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if neither target nor suffix is known.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no exported model at {path}.")
    if target is None:
        suffixes = {exporter.suffix: name for name, exporter in EXPORTERS.items()}
        target = suffixes.get(path.suffix, path.suffix)
    return _exporter(target).load(path)


def _exporter(target: str) -> Exporter:
    if target not in EXPORTERS:
        raise ValueError(f"export target is {target!r}; choose one of {', '.join(EXPORTERS)}.")
    return EXPORTERS[target]


@torch.no_grad()
def _relative_difference(
    model: nn.Module, exported: Callable[[Tensor], Tensor], clips: Tensor
) -> float:
    expected = model(clips)
    scale = expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny)
    return float((exported(clips) - expected).abs().max() / scale)
