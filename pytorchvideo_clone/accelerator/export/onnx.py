"""ONNX: written by torch's exporter, run by ONNX Runtime."""

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pytorchvideo_clone._optional import optional_import

__all__ = ["load_onnx", "write_onnx"]


def write_onnx(model: nn.Module, example: Tensor, path: Path, metadata: Mapping[str, str]) -> None:
    """Write an ONNX file with a dynamic batch axis; input "video", output "scores".

    Args:
        model: module in evaluation mode.
        example: (B, C, T, H, W).
        path: file to write, weights inside.
        metadata: key -> text, stored as the model's metadata properties.

    Raises:
        ImportError: if onnx or onnxscript is missing.
    """
    optional_import("onnx", extra="onnx")
    optional_import("onnxscript", extra="onnx")
    # An example of batch 1 would fix the batch to 1: torch.export specialises on 0 and 1.
    if example.shape[0] == 1:
        example = torch.cat([example, example])
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=["video"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(metadata)
    program.save(str(path), external_data=False)


def load_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Load an ONNX file as a function from clips to scores, on the CPU.

    Raises:
        ImportError: if onnxruntime is missing.
    """
    runtime = optional_import("onnxruntime", extra="onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(clips: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: clips.numpy(force=True)})[0])

    return run
