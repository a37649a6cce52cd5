"""Write a model to a file for another runtime, and prove that the file computes the same.

`EXPORTERS` is the table of targets: each writes a file and loads it back as a callable.
"""

import copy
import json
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export.aot_inductor import (
    load_aot_inductor,
    write_aot_inductor,
)
from pytorchvideo_clone.accelerator.export.executorch import load_executorch, write_executorch
from pytorchvideo_clone.accelerator.export.exporter import (
    ExportedModel,
    Exporter,
    ExportError,
)
from pytorchvideo_clone.accelerator.export.onnx import load_onnx, write_onnx
from pytorchvideo_clone.accelerator.export.openvino import load_openvino, write_openvino
from pytorchvideo_clone.accelerator.export.seal import check_seal, write_seal
from pytorchvideo_clone.accelerator.export.torch_export import (
    load_torch_export,
    write_torch_export,
)
from pytorchvideo_clone.accelerator.export.torchscript import load_torchscript, write_torchscript
from pytorchvideo_clone.accelerator.outputs import (
    arguments,
    copied,
    difference,
    doubled,
    dtype_name,
    map_tensors,
    tensors,
    worst,
)
from pytorchvideo_clone.accelerator.quantize import (
    TOLERANCE,
    Int8,
    Int8Error,
    Int8Report,
    read_calibration,
)

__all__ = [
    "EXPORTERS",
    "ExportError",
    "ExportReport",
    "ExportedModel",
    "Exporter",
    "export_model",
    "load_exported",
]

EXPORTERS: dict[str, Exporter] = {
    "onnx": Exporter(".onnx", write_onnx, load_onnx, int8=True),
    "torch_export": Exporter(".pt2", write_torch_export, load_torch_export),
    "executorch": Exporter(".pte", write_executorch, load_executorch, int8=True),
    "openvino": Exporter(".xml", write_openvino, load_openvino, beside=(".bin",), int8=True),
    "torchscript": Exporter(".ts", write_torchscript, load_torchscript),
    "aot_inductor": Exporter(".aoti.pt2", write_aot_inductor, load_aot_inductor),
}


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the model.

    Attributes:
        target: a key of `EXPORTERS`.
        path: of the file.
        bytes: size of all files.
        difference: largest |exported - model| / largest |model|, on the clips that were compared.
        tolerance: largest accepted difference.
        operators: name of an operator in the file -> how often, as the target counts them.
        int8: what is in int8, and what it costs; None in other formats.

    >>> report = ExportReport("onnx", "model.onnx", 400, 2e-7, 1e-3, {"Conv": 2})
    >>> json.loads(report.to_json())["operators"]
    {'Conv': 2}
    """

    target: str
    path: str
    bytes: int
    difference: float
    tolerance: float
    operators: dict[str, int]
    int8: Int8Report | None = None

    def to_json(self) -> str:
        """The report as a JSON object."""
        return json.dumps(asdict(self), indent=2)


def export_model(
    model: nn.Module,
    example: Tensor | list[Tensor] | tuple[Any, ...],
    path: str | Path,
    target: str | None = None,
    *,
    tolerance: float | None = None,
    metadata: Mapping[str, str] | None = None,
    int8: Iterable[Any] | None = None,
    keep: Collection[str] = (),
    calibration_clips: int = 32,
    **options: Any,
) -> ExportReport:
    """Export a model, load the file again and compare the two.

    The comparison runs on `example` and on random clips of another batch size; in int8 on the
    calibration clips, alone and in a batch.

    Args:
        model: any module over clips; exported in evaluation mode, left as it was.
        example: its input: (B, C, T, H, W), a list with one a pathway, or the tuple of all its
            arguments. Only B may change after export.
        path: file to write; its name ends as the target's files do.
        target: a key of `EXPORTERS`; None chooses by the ending of `path`.
        tolerance: largest accepted difference, relative to the largest output; None for 1e-3, and
            0.1 in int8.
        metadata: texts that are kept inside the file, e.g. the class names.
        int8: clips of the model's task, as `read_calibration` takes them, e.g. a loader of training
            clips: compute convolutions and linear layers in int8, save the most sensitive ones
            until the tolerance holds.
        keep: names of layers that stay in float then.
        calibration_clips: how many of the clips are read.
        options: further arguments of the target's `write`.

    Returns:
        Size, operators and measured difference.

    Raises:
        TypeError: if the example holds no tensor, or the metadata something else than texts.
        ValueError: if `target` is unknown, the file's name ends otherwise, the target has no int8,
            the example is empty, the calibration clips are none or of another size, or `keep` names
            no layer.
        ImportError: if the target's packages are missing, with the command that installs them.
        ExportError: if the target cannot express the model, or if the difference exceeds
            `tolerance`; a file that was there is left.
        Int8Error: if the tolerance does not hold with any layer in int8.

    >>> import tempfile
    >>> model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    >>> path = tempfile.mkdtemp() + "/model.pt2"
    >>> export_model(model, torch.rand(1, 3, 2, 8, 8), path).difference < 1e-5
    True
    >>> load_exported(path)(torch.rand(5, 3, 2, 8, 8)).shape
    torch.Size([5, 4])
    """
    path = Path(path)
    target = target or _target_of(path)
    exporter = _exporter(target)
    if not path.name.endswith(exporter.suffix):
        raise ValueError(f"the file is {path.name}; for {target} it must end in {exporter.suffix}.")
    if int8 is not None and not exporter.int8:
        able = ", ".join(name for name, other in EXPORTERS.items() if other.int8)
        raise ValueError(f"{target} has no int8; choose one of {able}.")
    if int8 is None and keep:
        raise ValueError("keep is for int8; pass clips of the model's task as int8.")
    if tolerance is None:
        tolerance = 1e-3 if int8 is None else TOLERANCE
    inputs = arguments(example)
    texts = dict(metadata or {})
    if wrong := [key for key, text in texts.items() if not isinstance(text, str)]:
        raise TypeError(f"metadata[{wrong[0]!r}] is no text; give one, e.g. by json.dumps.")
    path.parent.mkdir(parents=True, exist_ok=True)
    frozen = copy.deepcopy(model).eval()
    compared = [inputs, map_tensors(_other_batch, inputs)]
    chosen = None
    if int8 is not None:
        chosen = Int8(read_calibration(int8, inputs, calibration_clips), keep, tolerance)
        options["int8"] = chosen
        compared = [*chosen.clips, doubled(chosen.clips[0])]
    texts["inputs"] = json.dumps([[None, *x.shape[1:]] for x in tensors(inputs)])
    texts["dtypes"] = json.dumps([dtype_name(x) for x in tensors(inputs)])
    # Beside it, so that a file that was there stays until there is a better one.
    with tempfile.TemporaryDirectory(
        prefix=".exporting-", dir=path.parent, ignore_cleanup_errors=True
    ) as folder:
        unfinished = Path(folder, path.name)
        try:
            operators = exporter.write(frozen, inputs, unfinished, texts, **options)
            write_seal(exporter.suffix, exporter.files(unfinished))
            exported = load_exported(unfinished, target)
            with torch.no_grad():
                apart = worst(difference(exported(*x), frozen(*copied(x))) for x in compared)
        except Exception as error:  # six other packages, each with kinds of error of its own
            if isinstance(error, ExportError | ImportError | Int8Error | TypeError | ValueError):
                raise
            raise ExportError(
                f"{target} cannot express the model, or not run it: {_reason(error)}"
            ) from error
        if not apart <= tolerance:  # also when it is NaN
            raise ExportError(
                f"the {target} file differs from the model by {apart:.2e} of its largest "
                f"output, more than tolerance={tolerance:g}; it was not kept. Export in "
                "float32, or pass a tolerance that your task can bear."
            )
        del exported  # Windows moves no open file
        for file in exporter.files(unfinished):
            file.replace(path.with_name(file.name))
    size = sum(file.stat().st_size for file in exporter.files(path))
    done = chosen.report if chosen else None
    return ExportReport(target, str(path), size, apart, tolerance, operators, done)


def load_exported(
    path: str | Path, target: str | None = None, *, check: bool = True, **options: Any
) -> ExportedModel:
    """Load an exported file as a function from clips to outputs.

    Args:
        path: a file that `export_model` wrote.
        target: a key of `EXPORTERS`; None chooses by the ending of `path`.
        check: compare the file with the digest at its end; False takes one of another program, or
            of an earlier version, as it is.
        options: further arguments of the target's `load`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if neither target nor ending is known.
        ImportError: if the target's packages are missing, with the command that installs them.
        ExportError: if the file is damaged, or of another target.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/model.pt2"
    >>> metadata = {"class_names": '["run", "jump"]'}
    >>> report = export_model(nn.Linear(3, 2), torch.rand(1, 3), path, metadata=metadata)
    >>> exported = load_exported(path)
    >>> exported.metadata["class_names"], exported(torch.rand(5, 3)).shape
    ('["run", "jump"]', torch.Size([5, 2]))
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no exported model at {path}.")
    target = target or _target_of(path)
    exporter = _exporter(target)
    try:
        if check:
            check_seal(exporter.suffix, exporter.files(path))
        return ExportedModel(target, *exporter.load(path, **options))
    except (ExportError, ImportError, TypeError, ValueError):
        raise
    except Exception as error:  # six other packages, each with kinds of error of its own
        raise ExportError(
            f"{target} cannot read {path}: {_reason(error)}. It is damaged or of another target, "
            "or a file beside it is missing; export the model again."
        ) from error


def _reason(error: Exception) -> str:
    """The first line that says something: OpenVINO begins with the place in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = (line for line in lines if line and not line.startswith("Exception from "))
    return next(told, type(error).__name__).rstrip(".")


def _target_of(path: Path) -> str:
    """The target whose files end so; the longest ending wins."""
    endings = {exporter.suffix: name for name, exporter in EXPORTERS.items()}
    fitting = [suffix for suffix in endings if path.name.endswith(suffix)]
    return endings[max(fitting, key=len)] if fitting else path.suffix


def _exporter(target: str) -> Exporter:
    if target not in EXPORTERS:
        raise ValueError(f"export target is {target!r}; choose one of {', '.join(EXPORTERS)}.")
    return EXPORTERS[target]


def _other_batch(x: Tensor) -> Tensor:
    """One row more than the example has; random numbers for clips and images, not for boxes."""
    more = torch.cat([x, x[:1]])
    if more.dim() < 4 or not more.is_floating_point():
        return more
    return torch.randn(more.shape, generator=torch.Generator().manual_seed(0)).to(more)
