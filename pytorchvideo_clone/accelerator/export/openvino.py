"""OpenVINO: an .xml file with its weights in a .bin file, for CPUs of servers."""

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator.export.exporter import Run, simple_program

__all__ = ["load_openvino", "write_openvino"]

SECTION = "pytorchvideo_clone"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


def write_openvino(
    model: nn.Module, inputs: tuple[Any, ...], path: Path, metadata: Mapping[str, str]
) -> dict[str, int]:
    """Write an .xml file and a .bin file beside it, float32, for any batch.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: the .xml file to write.
        metadata: key -> text, kept inside the .xml file.

    Returns:
        Operator -> how often it is in the file.

    Raises:
        ImportError: if openvino is missing.
    """
    openvino = optional_import("openvino", extra="openvino")
    program = simple_program(model, inputs, "conv3d")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the converter
        converted = openvino.convert_model(program)
    for key, text in metadata.items():
        converted.set_rt_info(text, [SECTION, key])
    openvino.save_model(converted, path, compress_to_fp16=False)
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
