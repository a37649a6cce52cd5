"""AOTInductor: a .pt2 package of compiled code, for this kind of CPU."""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export.exporter import (
    ExportError,
    Run,
    count_operators,
    simple_program,
    tensors,
)

__all__ = ["load_aot_inductor", "write_aot_inductor"]


def write_aot_inductor(
    model: nn.Module, inputs: tuple[Any, ...], path: Path, metadata: Mapping[str, str]
) -> dict[str, int]:
    """Compile the model, weights frozen into the layout that the CPU wants.

    Args:
        model: module in evaluation mode.
        inputs: all its arguments.
        path: file to write.
        metadata: key -> text, kept inside the file.

    Returns:
        Operator -> how often it was in the graph that was compiled.

    Raises:
        ExportError: if there is no C++ compiler.
    """
    import torch._inductor.config as config

    compilers = [config.cpp.cxx] if isinstance(config.cpp.cxx, str) else list(config.cpp.cxx)
    if not any(name and shutil.which(name) for name in compilers):
        raise ExportError(
            "AOTInductor needs a C++ compiler, and there is none in PATH or CXX. Install g++, or "
            'choose target="torch_export", which needs none.'
        )
    program = simple_program(model, inputs, "conv3d")
    operators = count_operators(program.graph)
    # As an option of the call, freezing is accepted and does nothing.
    settings = {"freezing": True, "aot_inductor.metadata": dict(metadata)}
    with warnings.catch_warnings(), config.patch(settings), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecations inside the compiler
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))
    return operators


def load_aot_inductor(path: Path) -> tuple[Run, dict[str, str]]:
    """Load a package as a function, with its metadata."""
    model = torch._inductor.aoti_load_package(str(path))

    def run(inputs: list[Tensor]) -> list[Tensor]:
        return tensors(model(*inputs))

    return run, model.get_metadata()
