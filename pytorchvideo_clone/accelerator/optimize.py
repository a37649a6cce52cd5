"""One call from a model to fast inference."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes import PASSES
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.onednn import has_onednn

__all__ = ["DTYPES", "OptimizeError", "OptimizeReport", "OptimizedModel", "TARGETS", "optimize"]

_FUSIONS = ("fuse_convolutions", "fuse_linears")
# Target -> its passes, in their order.
TARGETS: dict[str, tuple[str, ...]] = {
    "cpu": tuple(PASSES),
    "cpu_public": tuple(name for name in PASSES if name not in _FUSIONS),
}
# Number format -> largest accepted difference.
DTYPES: dict[str, float] = {"float32": 1e-4, "bfloat16": 0.03}


class OptimizeError(RuntimeError):
    """The optimized model does not compute what the model computes."""


@dataclass(frozen=True)
class OptimizeReport:
    """What was done to a model.

    Attributes:
        target: what for.
        passes: name of a pass -> number of its changes.
        layers: name of a kernel in `KERNELS`, "fused_conv" or "fused_linear" -> number of
            convolutions or linear layers that it computes.
        operators: name of an operator of torch -> how often it is left in the graph.
        bytes: size of the weights.
        difference: largest |optimized - model| / largest |model|, on the example and on random
            inputs of another batch size.
    """

    target: str
    passes: dict[str, int]
    layers: dict[str, int]
    operators: dict[str, int]
    bytes: int
    difference: float


class OptimizedModel(nn.Module):
    """A model for inference, called as the one that it was made of.

    Args:
        graph: its graph.
        report: what was done to it.
        sizes: of the inputs, which hold but for the first of each.
    """

    def __init__(
        self, graph: fx.GraphModule, report: OptimizeReport, sizes: list[tuple[int, ...]]
    ) -> None:
        super().__init__()
        self.graph, self.report, self.sizes = graph, report, sizes

    @torch.no_grad()
    def forward(self, *args: Any) -> Any:
        """Compute the model; no gradients.

        Raises:
            ValueError: if an input has other sizes than the example had, its first one excepted.
        """
        sizes = [tuple(x.shape) for x in _tensors(args)]
        if [size[1:] for size in sizes] != [size[1:] for size in self.sizes]:
            raise ValueError(
                f"the inputs have sizes {sizes}; the model was optimized for {self.sizes}, of "
                "which the first of each may change. Optimize it for an example of the new sizes."
            )
        return self.graph(*args)


@torch.no_grad()
def optimize(
    model: nn.Module,
    example: Tensor | list[Tensor] | tuple[Any, ...],
    target: str = "cpu",
    *,
    dtype: str = "float32",
    tolerance: float | None = None,
) -> OptimizedModel:
    """Make a copy of a model that computes the same faster, in inference.

    The model is captured once with `torch.export`, passes rewrite its graph exactly, and the result
    is compared with the model on the example and on random inputs of another batch size.

    Args:
        model: any that `torch.export` takes; it stays as it is.
        example: its input: a tensor, a list with one a pathway, or the tuple of all its arguments.
            The batch may change from call to call, other sizes may not.
        target: a key of `TARGETS`: "cpu", or "cpu_public" to do without those operators of torch
            that are not public; "cpu" does without them where torch or the CPU has none.
        dtype: a key of `DTYPES`: "float32", which leaves the weights in their format, or
            "bfloat16", in which sums and products are computed; inputs and results stay.
        tolerance: largest accepted difference, relative to the largest output; that of `DTYPES`
            if None.

    Returns:
        The model in evaluation; its `report` says what was done.

    Raises:
        ValueError: if `target` or `dtype` is unknown, or this CPU does not compute in bfloat16.
        OptimizeError: if the difference exceeds `tolerance`.

    >>> model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.BatchNorm3d(8), nn.ReLU())
    >>> fast = optimize(model, torch.randn(1, 3, 4, 8, 8))
    >>> fast.report.passes["fold_batch_norm"], sum(fast.report.layers.values())
    (1, 1)
    >>> fast(torch.randn(5, 3, 4, 8, 8)).shape
    torch.Size([5, 8, 4, 8, 8])
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; choose one of {', '.join(TARGETS)}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}.")
    if dtype == "bfloat16" and not has_onednn(torch.bfloat16):
        raise ValueError("dtype is 'bfloat16', which this CPU does not compute; choose float32.")
    tolerance = DTYPES[dtype] if tolerance is None else tolerance
    reference = copy.deepcopy(model).eval()
    inputs = example if isinstance(example, tuple) else (example,)
    # An example of batch 1 would fix the batch to 1: torch.export specialises on 0 and 1.
    graph = capture(reference, tuple(_map(_doubled, x) for x in inputs))
    names = [name for name in TARGETS[target] if name != "to_bfloat16" or dtype == "bfloat16"]
    passes = {name: PASSES[name](graph) for name in names}
    graph = finish(graph)
    difference = max(
        _difference(graph, reference, inputs),
        _difference(graph, reference, tuple(_map(_other_batch, x) for x in inputs)),
    )
    if not difference <= tolerance:  # also when it is NaN
        raise OptimizeError(
            f"the optimized model differs from the model by {difference:.2e} of its largest "
            f"output, more than tolerance={tolerance:g}; optimize it in float64, or pass a "
            "tolerance that your task can bear."
        )
    sizes = [tuple(x.shape) for x in _tensors(inputs)]
    return OptimizedModel(graph, _report(graph, target, passes, difference), sizes).eval()


def _report(
    graph: fx.GraphModule, target: str, passes: dict[str, int], difference: float
) -> OptimizeReport:
    nodes = list(graph.graph.nodes)
    convolutions = Counter(str(node.target) for node in nodes if node.op == "call_module")
    kinds = Counter(name.rpartition("_")[0] for name in convolutions.elements())
    operators = Counter(str(node.target) for node in nodes if node.op == "call_function")
    size = sum(tensor.nbytes for tensor in graph.state_dict().values())
    return OptimizeReport(target, passes, dict(kinds), dict(operators), size, difference)


def _map(change: Callable[[Tensor], Tensor], x: Any) -> Any:
    if isinstance(x, Tensor):
        return change(x)
    return type(x)(_map(change, part) for part in x) if isinstance(x, list | tuple) else x


def _doubled(x: Tensor) -> Tensor:
    return torch.cat([x, x])


def _other_batch(x: Tensor) -> Tensor:
    """One row more than the example has; random numbers for clips and images, not for boxes."""
    more = torch.cat([x, x[:1]])
    if more.dim() < 4 or not more.is_floating_point():
        return more
    return torch.randn(more.shape, generator=torch.Generator().manual_seed(0)).to(more)


def _difference(graph: fx.GraphModule, reference: nn.Module, inputs: tuple) -> float:
    pairs = list(
        zip(
            _tensors(graph(*(_map(torch.clone, x) for x in inputs))),
            _tensors(reference(*(_map(torch.clone, x) for x in inputs))),
            strict=True,
        )
    )
    scale = max(float(expected.abs().max()) for _, expected in pairs)
    largest = max(float((output - expected).abs().max()) for output, expected in pairs)
    return largest / scale if scale else largest


def _tensors(x: Any) -> list[Tensor]:
    if isinstance(x, Tensor):
        return [x]
    parts = x.values() if isinstance(x, dict) else x
    return [tensor for part in parts for tensor in _tensors(part)]
