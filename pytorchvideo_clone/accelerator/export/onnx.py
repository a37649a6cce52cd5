"""ONNX: written by torch's exporter, run by ONNX Runtime."""

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone._optional import optional_import, require_torch
from pytorchvideo_clone.accelerator.export.exporter import Run, simple_program
from pytorchvideo_clone.accelerator.outputs import tensors
from pytorchvideo_clone.accelerator.quantize import Int8

__all__ = ["load_onnx", "write_onnx"]


def write_onnx(
    model: nn.Module,
    inputs: tuple[Any, ...],
    path: Path,
    metadata: Mapping[str, str],
    *,
    form: str = "frames",
    int8: Int8 | None = None,
) -> dict[str, int]:
    """Write an ONNX file with a dynamic batch axis; input "video", output "scores".

    Several inputs or outputs are numbered: "video_0", "video_1".

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: file to write, weights inside.
        metadata: key -> text, stored as the model's metadata properties.
        form: "frames" computes 3D convolutions as 2D ones, over frames; "conv3d" leaves them, for
            runtimes that have fast ones.
        int8: computes convolutions and linear layers in int8, between `QuantizeLinear` and
            `DequantizeLinear`.

    Returns:
        Operator -> how often it is in the file.

    Raises:
        ImportError: if onnx or onnxscript is missing, or torch is too old.
    """
    require_torch("2.14", extra="onnx")  # before, a batch of any size is not captured
    optional_import("onnx", extra="onnx")
    optional_import("onnxscript", extra="onnx")
    quantize = None if int8 is None else partial(int8.insert, target="onnx")
    captured = simple_program(model, inputs, form, quantize=quantize)
    axes = torch.utils._pytree.tree_map_only(
        Tensor, lambda x: {0: "batch"} if x.dim() > 3 else {}, inputs
    )
    outputs = [name for name in captured.graph_signature.user_outputs if name is not None]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        program = torch.onnx.export(
            captured,
            dynamo=True,
            dynamic_shapes=axes,
            input_names=_names("video", len(tensors(inputs))),
            output_names=_names("scores", len(outputs)),
            verbose=False,
            # Measured: with the many operators of int8 its search for patterns takes minutes.
            optimize=int8 is None,
            custom_translation_table=_translations() if int8 else None,
        )
    assert program is not None
    if int8:
        _simplify(program.model)
    program.model.metadata_props.update(metadata)
    program.save(str(path), external_data=False)
    return dict(Counter(node.op_type for node in program.model.graph).most_common())


def load_onnx(path: Path) -> tuple[Run, dict[str, str]]:
    """Load an ONNX file as a function, on the CPU, with its metadata.

    Raises:
        ImportError: if onnxruntime is missing.
    """
    runtime = optional_import("onnxruntime", extra="onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(inputs: list[Tensor]) -> list[Tensor]:
        feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        return [torch.from_numpy(output) for output in session.run(None, feed)]

    return run, dict(session.get_modelmeta().custom_metadata_map)


def _translations() -> dict[Callable, Callable]:
    """Give the exporter's weights of int8 without zero points, and with scales of float32."""
    opset = optional_import("onnxscript", extra="onnx").opset18

    def weight(integers: Any, scales: Any, zeros: Any, axis: int, *rest: Any) -> Any:
        return opset.DequantizeLinear(integers, scales, axis=axis)

    return {torch.ops.quantized_decomposed.dequantize_per_channel.default: weight}


def _simplify(model: Any) -> None:
    """Drop from a file what the exporter leaves: constants, copies, where an operator is from."""
    common = optional_import("onnx_ir.passes.common", extra="onnx")
    for simplify in (
        common.ClearMetadataAndDocStringPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.IdentityEliminationPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
    ):
        simplify(model)


def _names(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}_{i}" for i in range(count)]
