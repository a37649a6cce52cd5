"""What the exporters share: their form, the model as a program, and the file as a function."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.outputs import doubled, dtype_name, map_tensors, tensors
from pytorchvideo_clone.accelerator.passes import PASSES
from pytorchvideo_clone.accelerator.passes.frames import to_frames
from pytorchvideo_clone.accelerator.passes.graph import capture, finish, nested_as
from pytorchvideo_clone.accelerator.passes.one_frame import one_frame_by_conv2d

__all__ = [
    "ExportError",
    "ExportedModel",
    "Exporter",
    "Run",
    "count_operators",
    "exact_program",
    "simple_program",
]

Run = Callable[[list[Tensor]], Sequence[Tensor]]


class ExportError(RuntimeError):
    """A model cannot be exported, or its file does not compute what the model computes."""


class Exporter(NamedTuple):
    """A target.

    Attributes:
        suffix: how the name of its file ends.
        write: (model, inputs, path, metadata, **options) writes the file and gives the number of
            operators of each kind in it.
        load: (path, **options) gives a function from inputs to outputs, and the metadata.
        beside: suffixes of the files that are written beside it.
        int8: whether `write` takes an `Int8` as its argument `int8`.
    """

    suffix: str
    write: Callable[..., dict[str, int]]
    load: Callable[..., tuple[Run, dict[str, str]]]
    beside: tuple[str, ...] = ()
    int8: bool = False

    def files(self, path: Path) -> list[Path]:
        """All files of an exported model."""
        stem = path.name.removesuffix(self.suffix)
        return [path, *(path.with_name(stem + suffix) for suffix in self.beside)]


class ExportedModel:
    """An exported file as a function, called as the model was.

    Attributes:
        target: a key of `EXPORTERS`.
        metadata: the texts in the file, such as the class names; "inputs" holds the sizes of the
            inputs as JSON, with null for the batch, "dtypes" their number formats.

    >>> doubled = ExportedModel("onnx", lambda inputs: [2 * inputs[0]], {"inputs": "[[null, 3]]"})
    >>> doubled(torch.ones(1, 3))
    tensor([[2., 2., 2.]])
    """

    def __init__(self, target: str, run: Run, metadata: Mapping[str, str]) -> None:
        self.target, self.metadata = target, dict(metadata)
        self._run = run
        # Read once, not for every clip.
        self._sizes, self._dtypes = (
            json.loads(self.metadata.get(key, "null")) for key in ("inputs", "dtypes")
        )

    @torch.no_grad()
    def __call__(self, *args: Any) -> Any:
        """Compute the model on the CPU; several results come as a tuple.

        Raises:
            ValueError: if an input has other sizes, the batch excepted, or another number format
                than the example had, or if the batch is empty and the target does without.
        """
        inputs = tensors(args)
        sizes = [[None, *x.shape[1:]] for x in inputs]
        if self._sizes not in (None, sizes):
            raise ValueError(
                f"the inputs have sizes {sizes}; the file takes {self._sizes}, of which the first "
                "may change. Export the model for an example of the new sizes."
            )
        dtypes = [dtype_name(x) for x in inputs]
        if self._dtypes not in (None, dtypes):
            raise ValueError(
                f"the inputs are {', '.join(dtypes)}; the file takes {', '.join(self._dtypes)}. "
                "Convert them, and normalize pixels as the model wants them."
            )
        outputs = tuple(self._run([x.detach().cpu() for x in inputs]))
        if not outputs:  # of a runtime that takes clips one by one
            raise ValueError(f"the batch is empty, {sizes}; give at least one clip.")
        return outputs[0] if len(outputs) == 1 else outputs


def exact_program(model: nn.Module, inputs: tuple[Any, ...]) -> torch.export.ExportedProgram:
    """Capture a model as it is, for any batch.

    Args:
        model: in evaluation mode; it stays as it is.
        inputs: all its arguments: tensors, or lists of them.
    """
    # An example of batch 1 would fix the batch to 1: torch.export specialises on 0 and 1.
    return _export(copy.deepcopy(model), doubled(inputs), any_batch=True)


def simple_program(
    model: nn.Module,
    inputs: tuple[Any, ...],
    form: str,
    any_batch: bool = True,
    *,
    quantize: Callable[[fx.GraphModule], object] | None = None,
) -> torch.export.ExportedProgram:
    """Capture a model for inference: norms folded, no dropout, pools over everything as means.

    Args:
        model: as in `exact_program`.
        inputs: as in `exact_program`.
        form: "conv3d" leaves 3D convolutions, "frames" makes them 2D, over frames.
        any_batch: let the batch vary; else it is that of the inputs.
        quantize: writes the rounding to int8 into the simplified graph.
    """
    if form not in FORMS:
        raise ValueError(f"form is {form!r}; choose one of {', '.join(FORMS)}.")
    if any_batch:
        inputs = doubled(inputs)
    graph = capture(model, inputs)
    for simplify in FORMS[form]:
        simplify(graph)
    graph = finish(graph)
    if quantize is not None:
        quantize(graph)
    return _export(finish(graph), inputs, any_batch)


def count_operators(graph: fx.Graph) -> dict[str, int]:
    """Count the operators of each kind, most frequent first."""
    targets = (str(node.target) for node in graph.nodes if node.op == "call_function")
    # ExecuTorch's print as "<EdgeOpOverload: NAME>: schema = ...".
    names = (name.removeprefix("<EdgeOpOverload: ").partition(">: ")[0] for name in targets)
    return dict(Counter(name for name in names if "getitem" not in name).most_common())


_SIMPLE = [
    PASSES[name] for name in ("drop_dropout", "fold_batch_norm", "recover_silu", "pool_by_mean")
]
FORMS = {"conv3d": [*_SIMPLE, one_frame_by_conv2d], "frames": [*_SIMPLE, to_frames]}


def _export(
    model: nn.Module, inputs: tuple[Any, ...], any_batch: bool
) -> torch.export.ExportedProgram:
    shapes = None
    if any_batch:
        batch = torch.export.Dim("batch")
        shapes = map_tensors(lambda x: {0: batch if x.dim() > 3 else torch.export.Dim.AUTO}, inputs)
        shapes = nested_as(model, shapes)
    with torch.no_grad():
        return torch.export.export(model, inputs, dynamic_shapes=shapes, strict=False)
