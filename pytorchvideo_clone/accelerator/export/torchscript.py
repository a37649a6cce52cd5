"""TorchScript: kept for those who still load it; torch has deprecated it."""

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export.exporter import Run
from pytorchvideo_clone.accelerator.outputs import tensors

__all__ = ["load_torchscript", "write_torchscript"]


def write_torchscript(
    model: nn.Module, inputs: tuple[Any, ...], path: Path, metadata: Mapping[str, str]
) -> dict[str, int]:
    """Write a trace of the model; lists of inputs become inputs one by one.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: file to write.
        metadata: key -> text, kept inside the file.

    Returns:
        Operator -> how often it is in the file.
    """
    warnings.warn(
        'torch deprecates TorchScript; export with target="torch_export" instead.',
        DeprecationWarning,
        stacklevel=3,
    )
    leaves, structure = torch.utils._pytree.tree_flatten(inputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the same, and notes of the tracer
        traced = torch.jit.trace(_Flat(model, structure), tuple(leaves), check_trace=False)
        extra = {"metadata.json": json.dumps(dict(metadata))}
        torch.jit.save(traced, path, _extra_files=extra)
    kinds = (node.kind() for node in traced.inlined_graph.nodes())
    return dict(Counter(kind for kind in kinds if kind.startswith("aten::")).most_common())


def load_torchscript(path: Path) -> tuple[Run, dict[str, str]]:
    """Load a TorchScript file as a function, with its metadata."""
    extra: dict[str, Any] = {"metadata.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(path, map_location="cpu", _extra_files=extra)
    metadata = json.loads(extra["metadata.json"] or "{}")

    def run(inputs: list[Tensor]) -> list[Tensor]:
        return tensors(module(*inputs))

    return run, metadata


class _Flat(nn.Module):
    """A model that takes its inputs one by one, not in lists."""

    def __init__(self, model: nn.Module, structure: Any) -> None:
        super().__init__()
        self.model, self.structure = model, structure

    def forward(self, *leaves: Tensor) -> Any:
        return self.model(*torch.utils._pytree.tree_unflatten(leaves, self.structure))
