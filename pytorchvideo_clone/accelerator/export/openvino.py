"""OpenVINO: an .xml file with its weights in a .bin file, for CPUs of servers."""

import re
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator.export.exporter import Run, simple_program
from pytorchvideo_clone.accelerator.passes.graph import add_constant, constant
from pytorchvideo_clone.accelerator.quantize import Int8

__all__ = ["load_openvino", "write_openvino"]

SECTION = "pytorchvideo_clone"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


def write_openvino(
    model: nn.Module,
    inputs: tuple[Any, ...],
    path: Path,
    metadata: Mapping[str, str],
    *,
    int8: Int8 | None = None,
) -> dict[str, int]:
    """Write an .xml file and a .bin file beside it, float32 or int8, for any batch.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: the .xml file to write.
        metadata: key -> text, kept inside the .xml file.
        int8: computes convolutions and linear layers in int8.

    Returns:
        Operator -> how often it is in the file.

    Raises:
        ImportError: if openvino is missing.
    """
    openvino = optional_import("openvino", extra="openvino")
    quantize = None if int8 is None else partial(_insert, int8)
    program = simple_program(model, inputs, "conv3d", quantize=quantize)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the converter
        converted = openvino.convert_model(program)
    if int8:
        transformations = optional_import("openvino._offline_transformations", extra="openvino")
        transformations.compress_quantize_weights_transformation(converted)
    for key, text in metadata.items():
        converted.set_rt_info(text, [SECTION, key])
    openvino.save_model(converted, path, compress_to_fp16=False)
    # Indentation is a seventh of the .xml file.
    path.write_text(re.sub(r"\n\t+", "\n", path.read_text("utf-8")), "utf-8")
    kinds = Counter(node.get_type_name() for node in converted.get_ops())
    return dict(kinds.most_common())


def load_openvino(path: Path, *, precision: str = "float32") -> tuple[Run, dict[str, str]]:
    """Load an .xml file as a function, on the CPU, with its metadata.

    Args:
        path: the .xml file; the .bin file is beside it.
        precision: "float32", or "bfloat16", which is faster where the CPU has it.

    Raises:
        ImportError: if openvino is missing.
        ValueError: if there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    openvino = optional_import("openvino", extra="openvino")
    model = openvino.Core().read_model(path)
    metadata = {}
    if model.has_rt_info([SECTION]):
        metadata = {key: str(value) for key, value in model.get_rt_info([SECTION]).value.items()}
    hints = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision], "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(model, "CPU", hints)

    def run(inputs: list[Tensor]) -> list[Tensor]:
        results = compiled([x.numpy() for x in inputs])
        return [torch.from_numpy(results[output].copy()) for output in compiled.outputs]

    return run, metadata


def _insert(int8: Int8, graph: fx.GraphModule) -> None:
    """Round to int8, with weights that OpenVINO is to round itself: it knows no other form."""
    int8.insert(graph, "openvino")
    decomposed = torch.ops.quantized_decomposed
    for node in list(graph.graph.nodes):
        if node.target is not decomposed.dequantize_per_channel.default:
            continue
        integers, scales = (constant(graph, x) for x in node.args[:2])
        assert integers is not None and scales is not None
        # Exact: rounding again by the same scales gives the same integers.
        weight = integers * scales.reshape(-1, *(1,) * (integers.dim() - 1))
        args = (add_constant(graph, node, weight), *node.args[1:])
        with graph.graph.inserting_before(node):
            rounded = graph.graph.call_function(decomposed.quantize_per_channel.default, args)
        node.replace_input_with(node.args[0], rounded)
