"""torch.export: a .pt2 file that torch loads without the code of the model."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone.accelerator.export.exporter import (
    ExportError,
    Run,
    count_operators,
    exact_program,
    tensors,
)

__all__ = ["load_torch_export", "write_torch_export"]


def write_torch_export(
    model: nn.Module, inputs: tuple[Any, ...], path: Path, metadata: Mapping[str, str]
) -> dict[str, int]:
    """Write the model as torch.export captures it; it still runs on any device and compiles.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: file to write.
        metadata: key -> text, kept inside the file.

    Returns:
        Operator -> how often it is in the file.
    """
    program = exact_program(model, inputs)
    torch.export.save(program, path, extra_files={"metadata.json": json.dumps(dict(metadata))})
    return count_operators(program.graph)


def load_torch_export(path: Path) -> tuple[Run, dict[str, str]]:
    """Load it as a function, with its metadata.

    Raises:
        ExportError: if it is no archive.
    """
    if not zipfile.is_zipfile(path):  # torch logs pages before it says so
        raise ExportError(f"{path} is no .pt2 file; it is damaged or of another target.")
    extra = {"metadata.json": ""}
    program = torch.export.load(path, extra_files=extra)
    module, structure = program.module(), program.call_spec.in_spec
    assert structure is not None

    def run(inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        args, kwargs = torch.utils._pytree.tree_unflatten(inputs, structure)
        return tensors(module(*args, **kwargs))

    return run, json.loads(extra["metadata.json"] or "{}")
