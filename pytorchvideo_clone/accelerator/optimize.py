"""One call from a model to fast inference."""

import copy
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.outputs import (
    arguments,
    copied,
    difference,
    doubled,
    forms,
    map_tensors,
    tensors,
    worst,
)
from pytorchvideo_clone.accelerator.passes import PASSES
from pytorchvideo_clone.accelerator.passes.autotune import measure_kernels
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.int8 import float_layers, fuse_int8, has_int8
from pytorchvideo_clone.accelerator.passes.onednn import has_onednn
from pytorchvideo_clone.accelerator.passes.quantize import layer_name
from pytorchvideo_clone.accelerator.quantize import TOLERANCE, Int8, Int8Report, read_calibration

__all__ = ["DTYPES", "OptimizeError", "OptimizeReport", "OptimizedModel", "TARGETS", "optimize"]

_FUSIONS = ("fuse_convolutions", "fuse_linears")
# Target -> its passes, in their order.
TARGETS: dict[str, tuple[str, ...]] = {
    "cpu": tuple(PASSES),
    "cpu_public": tuple(name for name in PASSES if name not in _FUSIONS),
}
# Operators that are layers, whatever computes them.
LAYERS = (
    *(getattr(torch.ops.aten, f"conv{n}d").default for n in (1, 2, 3)),
    *(getattr(torch.ops.aten, f"conv{n}d").padding for n in (1, 2, 3)),
    torch.ops.aten.linear.default,
)
# Number format -> largest accepted difference.
DTYPES: dict[str, float] = {"float32": 1e-4, "bfloat16": 0.03, "int8": TOLERANCE}


class OptimizeError(RuntimeError):
    """A model cannot be captured, or its optimized form does not compute what it computes."""


@dataclass(frozen=True)
class OptimizeReport:
    """What was done to a model.

    Attributes:
        target: what for.
        passes: name of a pass -> number of its changes.
        layers: name of each convolution and linear layer -> what computes it: one of `KERNELS` or
            `FUSED_KERNELS`, "fused_gate", "fused_linear", "int8_conv", "int8_linear", or "torch" as
            it is.
        operators: name of an operator of torch -> how often it is left in the graph.
        bytes: size of the weights.
        difference: largest |optimized - model| / largest |model|, on the example, and on it with a
            random clip in one batch; in int8 on the calibration clips.
        seconds: "build" for the capture and the passes, "check" for the comparison.
        int8: what is in int8, and what it costs; None in other formats.
    """

    target: str
    passes: dict[str, int]
    layers: dict[str, str]
    operators: dict[str, int]
    bytes: int
    difference: float
    seconds: dict[str, float]
    int8: Int8Report | None = None


class OptimizedModel(nn.Module):
    """A model for inference, called as the one that it was made of.

    Args:
        graph: its graph.
        report: what was done to it.
        takes: sizes and number formats of the inputs, as in "(B, 3, 4, 160, 160) float32".
    """

    def __init__(self, graph: fx.GraphModule, report: OptimizeReport, takes: str) -> None:
        super().__init__()
        self.graph, self.report, self.takes = graph, report, takes

    @torch.no_grad()
    def forward(self, *args: Any) -> Any:
        """Compute the model; no gradients.

        Raises:
            ValueError: if an input has other sizes, the batch excepted, or another number format
                than the example had, or if there is none.
        """
        if (given := forms(args)) != self.takes:
            raise ValueError(
                f"the model was optimized for {self.takes}, of which B may change, and gets "
                f"{given or 'no tensor'}; optimize it for such an example."
            )
        if not tensors(args)[0].numel():
            raise ValueError(f"the batch is empty; give at least one of {self.takes}.")
        return self.graph(*args)


@torch.no_grad()
def optimize(
    model: nn.Module,
    example: Tensor | list[Tensor] | tuple[Any, ...],
    target: str = "cpu",
    *,
    dtype: str = "float32",
    autotune: bool = False,
    tolerance: float | None = None,
    calibration: Iterable[Any] | None = None,
    keep: Collection[str] = (),
    calibration_clips: int = 32,
) -> OptimizedModel:
    """Make a copy of a model that computes the same faster, in inference.

    The model is captured once with `torch.export`, passes rewrite its graph exactly, and the result
    is compared with the model on the example, and on it with a random clip in one batch.

    Args:
        model: any that `torch.export` takes; it stays as it is.
        example: its input: a tensor, a list with one a pathway, or the tuple of all its arguments.
            The batch may change from call to call, other sizes may not.
        target: a key of `TARGETS`: "cpu", or "cpu_public" to do without those operators of torch
            that are not public; "cpu" does without them where torch or the CPU has none.
        dtype: a key of `DTYPES`: "float32", which leaves the weights in their format, or
            "bfloat16", in which sums and products are computed; inputs and results stay; or
            "int8", for convolutions and linear layers: of dense kernels, as in ResNets, it is the
            fastest; for X3D bfloat16 is.
        autotune: measure, for each different 3D convolution, what computes it fastest on this
            machine with the present number of threads, instead of going by rule. Takes longer.
        tolerance: largest accepted difference, relative to the largest output; that of `DTYPES`
            if None.
        calibration: clips for "int8", as `int8` in `export_model`.
        keep: names of layers that stay in float then.
        calibration_clips: how many of the clips are read.

    Returns:
        The model in evaluation; its `report` says what was done.

    Raises:
        TypeError: if the example holds no tensor.
        ValueError: if `target` or `dtype` is unknown, the example is empty, this CPU does not
            compute in `dtype`, or the calibration is missing, empty, of another size or not for
            this `dtype`.
        OptimizeError: if `torch.export` cannot capture the model, as when numbers of the clip
            decide what it computes, or if the difference exceeds `tolerance`.
        Int8Error: if the tolerance does not hold with any layer in int8.

    >>> model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.BatchNorm3d(8), nn.ReLU())
    >>> fast = optimize(model, torch.randn(1, 3, 4, 8, 8))
    >>> fast.report.passes["fold_batch_norm"], fast.report.layers
    (1, {'0': 'fused_rows'})
    >>> fast(torch.randn(5, 3, 4, 8, 8)).shape
    torch.Size([5, 8, 4, 8, 8])
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; choose one of {', '.join(TARGETS)}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}.")
    if dtype == "bfloat16" and not has_onednn(torch.bfloat16):
        raise ValueError("dtype is 'bfloat16', which this CPU does not compute; choose float32.")
    if dtype == "int8" and not (has_int8() and target == "cpu"):
        raise ValueError(
            "dtype is 'int8', which takes AVX512-VNNI and target='cpu'; choose float32, or export."
        )
    if (calibration is not None or keep) and dtype != "int8":
        raise ValueError(f"calibration and keep are for dtype='int8', not {dtype!r}.")
    tolerance = DTYPES[dtype] if tolerance is None else tolerance
    inputs = arguments(example)
    reference = copy.deepcopy(model).eval()
    begin = time.perf_counter()
    graph = _captured(reference, inputs)
    changes, int8 = dict(PASSES), None
    if dtype == "int8":
        int8 = Int8(read_calibration(calibration or (), inputs, calibration_clips), keep, tolerance)
        changes["to_int8"] = partial(_to_int8, int8=int8)
    changes["measure_kernels"] = partial(measure_kernels, fused=target == "cpu")
    passes = {name: changes[name](graph) for name in _names(target, dtype, autotune)}
    graph = finish(graph)
    built = time.perf_counter()
    if int8:
        clips = [*int8.clips, doubled(int8.clips[0])]
        apart = worst(difference(graph(*copied(x)), reference(*copied(x))) for x in clips)
    else:
        apart = _checked(graph, reference, inputs, tolerance)
    seconds = {"build": built - begin, "check": time.perf_counter() - built}
    if not apart <= tolerance:  # also when it is NaN
        raise OptimizeError(
            f"the optimized model differs from the model by {apart:.2e} of its largest "
            f"output, more than tolerance={tolerance:g}; optimize it in float64, or pass a "
            "tolerance that your task can bear."
        )
    report = _report(graph, target, passes, apart, seconds, int8)
    return OptimizedModel(graph, report, forms(inputs)).eval()


def _captured(reference: nn.Module, inputs: tuple) -> fx.GraphModule:
    try:
        # An example of batch 1 would fix the batch to 1: torch.export specialises on 0 and 1.
        return capture(reference, doubled(inputs))
    except Exception as error:  # torch.export raises many kinds, and the model its own
        reference(*copied(inputs))  # where the model does not take the example, it says so itself
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise OptimizeError(f"torch.export cannot capture the model: {reason}") from error


def _names(target: str, dtype: str, autotune: bool) -> list[str]:
    """The passes of a target, with the one that changes the number format, if any."""
    change = {"bfloat16": "to_bfloat16", "int8": "to_int8"}.get(dtype)
    names = (change if name == "to_bfloat16" else name for name in TARGETS[target])
    return [name for name in names if name and (autotune or name != "measure_kernels")]


def _to_int8(graph: fx.GraphModule, int8: Int8) -> int:
    """Compute layers in int8 that are faster so, in place; give how many."""
    int8.keep = {*int8.keep, *float_layers(graph)}
    int8.insert(graph, "cpu")
    return fuse_int8(graph)


def _report(
    graph: fx.GraphModule,
    target: str,
    passes: dict[str, int],
    difference: float,
    seconds: dict[str, float],
    int8: Int8 | None,
) -> OptimizeReport:
    layers: dict[str, str] = {}
    operators: Counter[str] = Counter()
    for node in graph.graph.nodes:
        if node.op == "call_function":
            operators[_operator(node)] += 1
        for layer, kernel in _layers(graph, node).items():
            name, again = layer, 2
            while name in layers:  # a layer that is called more than once
                name, again = f"{layer} ({again})", again + 1
            layers[name] = kernel
    size = sum(tensor.nbytes for tensor in graph.state_dict().values())
    done = int8.report if int8 else None
    return OptimizeReport(target, passes, layers, dict(operators), size, difference, seconds, done)


def _operator(node: fx.Node) -> str:
    known = isinstance(node.target, torch._ops.OpOverload)
    return str(node.target) if known else getattr(node.target, "__name__", str(node.target))


def _layers(graph: fx.GraphModule, node: fx.Node) -> dict[str, str]:
    """Name the convolutions and linear layers of a node, and what computes them."""
    if "layers" in node.meta:  # of a module that computes several
        return node.meta["layers"]
    if node.op == "call_module" and graph.get_submodule(str(node.target)).state_dict():
        return {layer_name(node): str(node.target).rpartition("_")[0]}
    return {layer_name(node): "torch"} if node.target in LAYERS else {}


def _one_more(x: Tensor) -> Tensor:
    """The example and one row more; random numbers for clips and images, not for boxes."""
    row = x[:1]
    if x.dim() > 3 and x.is_floating_point():
        row = torch.randn(row.shape, generator=torch.Generator().manual_seed(0)).to(x)
    return torch.cat([x, row])


def _checked(graph: fx.GraphModule, reference: nn.Module, inputs: tuple, tolerance: float) -> float:
    """Compare on the example, and on it with a random row in one batch.

    Most of the time goes into the model itself, so it computes both at once.
    """
    more = map_tensors(_one_more, inputs)
    expected = tensors(reference(*copied(more)))
    together, alone = graph(*copied(more)), tensors(graph(*copied(inputs)))
    rows = [row[: len(x)] if x.dim() else row for x, row in zip(alone, expected, strict=True)]
    apart = difference(alone, rows)
    if not apart <= tolerance:  # the results may be no rows
        apart = difference(alone, reference(*copied(inputs)))
    return worst([difference(together, expected), apart])
