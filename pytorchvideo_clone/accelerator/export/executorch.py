"""ExecuTorch: a .pte file for phones, its work done by XNNPACK."""

import json
import re
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone._optional import require_torch
from pytorchvideo_clone.accelerator.export.exporter import (
    ExportError,
    Run,
    count_operators,
    simple_program,
)
from pytorchvideo_clone.accelerator.export.noise import quiet_native
from pytorchvideo_clone.accelerator.export.xnnpack import import_executorch, make_partitioner
from pytorchvideo_clone.accelerator.export.xnnpack_operators import (
    join_reshapes,
    to_plain_operators,
)
from pytorchvideo_clone.accelerator.passes.activation import split_silu
from pytorchvideo_clone.accelerator.passes.quantize import has_weight
from pytorchvideo_clone.accelerator.quantize import Int8

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
    int8: Int8 | None = None,
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
        int8: computes all that XNNPACK has in int8 so: convolutions, linear layers, sums, products,
            means and sigmoids.

    Returns:
        Operator outside of delegates -> how often, and the number of delegates.

    Raises:
        ImportError: if executorch is missing, or torch is older than it was built for.
        ExportError: if XNNPACK leaves out a convolution or a matrix product, or ExecuTorch has no
            such operator.
    """
    require_torch("2.13", extra="mobile")
    exir, partitioner = import_executorch("exir"), make_partitioner()
    single = torch.utils._pytree.tree_map_only(Tensor, lambda x: x[:1], inputs)

    def quantize(graph: fx.GraphModule) -> None:
        if int8 is not None:
            split_silu(graph)  # XNNPACK has a sigmoid and a product in int8, no SiLU
            int8.insert(graph, "executorch")
            _part_float_from_int8(graph)

    program = simple_program(model, single, "frames", any_batch=False, quantize=quantize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        plain = to_plain_operators(program)
        edge = exir.to_edge_transform_and_lower(
            plain,
            transform_passes=[join_reshapes] if plain is not program else None,
            partitioner=[partitioner],
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
        try:
            path.write_bytes(edge.to_executorch().buffer)
        except RuntimeError as error:
            if missing := re.findall(r"'(\w+::\w+)'", str(error)):
                raise ExportError(
                    f"ExecuTorch has no {', '.join(missing)}; export the network before it alone, "
                    "or to another target."
                ) from error
            raise
    return operators


def load_executorch(path: Path, *, threads: int | None = None) -> tuple[Run, dict[str, str]]:
    """Load a .pte file as a function with its metadata; the clips of a batch go one by one.

    Args:
        path: of the file.
        threads: how many compute, for all files of this process; None leaves it to ExecuTorch,
            which takes one a core whatever cores the process may use.

    Raises:
        ImportError: if executorch is missing.
        ValueError: if files that run on another number of threads are still in use.
    """
    if threads is not None:
        _set_threads(threads)
    program = import_executorch("runtime").Runtime.get().load_program(path)
    with quiet_native():
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

    _in_use.add(run)
    return run, metadata


# A program keeps the pool of threads that it was loaded with.
_in_use: weakref.WeakSet[Run] = weakref.WeakSet()


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise ValueError(f"threads is {threads}; use at least 1.")
    pool = import_executorch("extension.pybindings.portable_lib")
    before = pool._threadpool_get_thread_count()
    if threads == before:
        return
    if _in_use:
        raise ValueError(
            f"threads is {threads}, but {len(_in_use)} loaded files run on {before}; delete those "
            "first, or use another process."
        )
    pool._unsafe_reset_threadpool(threads)


def _part_float_from_int8(graph: fx.GraphModule) -> None:
    """Keep what is read as int8 from what is read in float, in place.

    XNNPACK's lowering marks what an operator in int8 reads, for all that read it: so each reader
    gets a float form of its own. And it takes a layer that reads int8 to be one in int8: so layers
    in float read a product by 1.
    """
    rounded = torch.ops.quantized_decomposed.dequantize_per_tensor.default
    for node in graph.graph.find_nodes(op="call_function", target=rounded):
        for reader in list(node.users)[1:]:
            with graph.graph.inserting_after(node):
                reader.replace_input_with(node, graph.graph.node_copy(node))
    for node in list(graph.graph.nodes):
        if has_weight(graph, node) and node.args[0].target is rounded:
            with graph.graph.inserting_before(node):
                x = graph.graph.call_function(torch.ops.aten.mul.Tensor, (node.args[0], 1.0))
            node.replace_input_with(node.args[0], x)
