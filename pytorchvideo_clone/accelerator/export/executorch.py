"""ExecuTorch: a .pte file for phones, its work done by XNNPACK."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator.export.exporter import (
    ExportError,
    Run,
    count_operators,
    simple_program,
)

__all__ = ["load_executorch", "write_executorch"]

DELEGATE = "executorch_call_delegate"
# Parts of the names of operators that are most of a network's work.
HEAVY = ("conv", "linear", "mm.default", "matmul", "scaled_dot_product")


def write_executorch(
    model: nn.Module,
    inputs: tuple[Any, ...],
    path: Path,
    metadata: Mapping[str, str],
    *,
    allow_undelegated: bool = False,
) -> dict[str, int]:
    """Write a .pte file for one clip at a time, all convolutions 2D over its frames.

    What XNNPACK takes is inside `executorch_call_delegate`; other operators run on ExecuTorch's
    portable kernels, which are slow, and fail if it has none.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments; the first of each batch is the example.
        path: file to write.
        metadata: key -> text, kept inside the file: the method "metadata" gives it as JSON.
        allow_undelegated: also accept that convolutions and matrix products run on portable
            kernels.

    Returns:
        Operator outside of delegates -> how often, and the number of delegates.

    Raises:
        ImportError: if executorch is missing.
        ExportError: if XNNPACK leaves out a convolution or a matrix product.
    """
    exir = _import("exir")
    xnnpack = _import("backends.xnnpack.partition.xnnpack_partitioner")
    single = torch.utils._pytree.tree_map_only(Tensor, lambda x: x[:1], inputs)
    program = simple_program(model, single, "frames", any_batch=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        edge = exir.to_edge_transform_and_lower(
            program,
            partitioner=[xnnpack.XnnpackPartitioner()],
            constant_methods={"metadata": json.dumps(dict(metadata))},
        )
        operators = count_operators(edge.exported_program().graph)
        heavy = {name: n for name, n in operators.items() if any(part in name for part in HEAVY)}
        if heavy and not allow_undelegated:
            listed = ", ".join(f"{n} {name}" for name, n in heavy.items())
            raise ExportError(
                f"XNNPACK leaves out {listed}; they would run on slow portable kernels. Pass "
                "allow_undelegated=True to accept that."
            )
        path.write_bytes(edge.to_executorch().buffer)
    return operators


def load_executorch(path: Path) -> tuple[Run, dict[str, str]]:
    """Load a .pte file as a function with its metadata; the clips of a batch go one by one.

    Raises:
        ImportError: if executorch is missing.
    """
    program = _import("runtime").Runtime.get().load_program(path)
    method = program.load_method("forward")
    metadata = {}
    if "metadata" in program.method_names:
        metadata = json.loads(program.load_method("metadata").execute([])[0])

    def run(inputs: list[Tensor]) -> list[Tensor]:
        batch = len(inputs[0])
        rows = [
            # The next call writes over what this one gives.
            [
                output.clone()
                for output in method.execute([x[i : i + 1].contiguous() for x in inputs])
            ]
            for i in range(batch)
        ]
        return [torch.cat(outputs) for outputs in zip(*rows, strict=True)]

    return run, metadata


def _import(name: str) -> ModuleType:
    with warnings.catch_warnings():
        # It says that it is experimental, and reads its files as Python no longer recommends.
        warnings.simplefilter("ignore")
        return optional_import(f"executorch.{name}", extra="mobile")
