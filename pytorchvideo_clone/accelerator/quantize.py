"""Choose what a model computes in int8, by clips of its task, and tell what that costs."""

import copy
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.outputs import (
    copied,
    difference,
    forms,
    map_tensors,
    tensors,
    worst,
)
from pytorchvideo_clone.accelerator.passes.quantize import (
    PAIRS,
    Pairs,
    has_weight,
    insert_int8,
    layer_name,
    observe,
)

__all__ = [
    "AccuracyReport",
    "Int8",
    "Int8Error",
    "Int8Report",
    "TOLERANCE",
    "compare_accuracy",
    "quantize",
    "read_calibration",
]

# Largest accepted difference of an int8 model, relative to the largest output.
TOLERANCE = 0.1
# Part of a tolerance that the rounding to int8 may take; runtimes add roundings of their own.
MARGIN = 0.8
# Clips on which the sensitivity of each layer is measured.
SENSITIVITY_CLIPS = 2


class Int8Error(RuntimeError):
    """No layer of a model can be computed in int8 within the tolerance."""


@dataclass(frozen=True)
class Int8Report:
    """What is computed in int8, and what that costs, as the graph itself computes it.

    Attributes:
        layers: how many convolutions and linear layers are in int8.
        kept: names of those in float, given or chosen.
        sensitivity: name of a layer -> difference when it alone is in int8; largest first.
        difference: largest |int8 - float| / largest |float| of a calibration clip.
        clips: how many there were.

    >>> report = Int8Report(1, ("stem",), {"head": 0.01}, difference=0.01, clips=32)
    >>> max(report.sensitivity, key=report.sensitivity.get)
    'head'
    """

    layers: int
    kept: tuple[str, ...]
    sensitivity: dict[str, float]
    difference: float
    clips: int


@dataclass
class Int8:
    """How a model is to be computed in int8.

    Attributes:
        clips: all arguments of the model, for each calibration clip.
        keep: names of layers that stay in float.
        tolerance: largest accepted difference.
        report: what was done, once it was.
    """

    clips: list[tuple[Any, ...]]
    keep: Collection[str] = ()
    tolerance: float = TOLERANCE
    report: Int8Report | None = field(default=None, init=False)

    def insert(self, graph: fx.GraphModule, target: str) -> None:
        """Round what a target, a key of `PAIRS`, computes in int8, in place."""
        self.report = quantize(graph, self.clips, PAIRS[target], self.keep, self.tolerance)


@dataclass(frozen=True)
class AccuracyReport:
    """How often two models are right on the same clips.

    Attributes:
        clips: how many there were.
        top1, int8_top1: share of the clips whose highest score is the label's, in percent.
        top5, int8_top5: share of those with the label among the five highest scores.
        same: share of those for which both give the same highest score.

    >>> report = AccuracyReport(200, top1=71.0, int8_top1=70.5, top5=90, int8_top5=90, same=98.5)
    >>> report.top1 - report.int8_top1
    0.5
    """

    clips: int
    top1: float
    int8_top1: float
    top5: float
    int8_top5: float
    same: float


def read_calibration(
    calibration: Iterable[Any], example: tuple[Any, ...], count: int = 32
) -> list[tuple[Any, ...]]:
    """Read clips from a loader, no further than needed.

    Args:
        calibration: gives inputs of the model: a tensor, a list with one a pathway, a tuple of all
            its arguments, or a dictionary whose "video" is one of these. Or one tensor.
        example: all arguments of the model.
        count: largest number of clips.

    Returns:
        The arguments for one clip each; batches stay whole if their first sizes differ, as with
        boxes.

    Raises:
        ValueError: if there are none, they have other sizes or number formats than the example, or
            numbers that are not finite.

    >>> loader = [{"video": torch.rand(4, 3, 2, 8, 8)}, {"video": torch.rand(4, 3, 2, 8, 8)}]
    >>> clips = read_calibration(loader, (torch.rand(1, 3, 2, 8, 8),), count=6)
    >>> len(clips), clips[0][0].shape
    (6, torch.Size([1, 3, 2, 8, 8]))
    """
    if count < 1:
        raise ValueError(f"calibration_clips is {count}; use at least 1.")
    wanted = forms(example)
    clips: list[tuple[Any, ...]] = []
    for item in [calibration] if isinstance(calibration, Tensor) else calibration:
        if isinstance(item, dict) and "video" not in item:
            raise ValueError(f'calibration holds {", ".join(map(str, item))}, but no "video".')
        given = item["video"] if isinstance(item, dict) else item
        inputs = given if isinstance(given, tuple) else (given,)
        if forms(inputs) != wanted:
            raise ValueError(
                f"calibration holds {forms(inputs)}, the example is {wanted}, of which the batch "
                "may differ; load clips as the model is to get them, normalized."
            )
        if not all(bool(x.isfinite().all()) for x in tensors(inputs)):
            raise ValueError(f"calibration holds numbers that are not finite; see {forms(inputs)}.")
        clips.extend(_singles(inputs)[: count - len(clips)])
        if len(clips) >= count:
            break
    if not clips:
        raise ValueError(f"calibration is empty; give at least one clip of {wanted}.")
    return clips


@torch.no_grad()
def quantize(
    graph: fx.GraphModule,
    clips: list[tuple[Any, ...]],
    pairs: Pairs = PAIRS["cpu"],
    keep: Collection[str] = (),
    tolerance: float = TOLERANCE,
) -> Int8Report:
    """Round a graph to int8, in place, save the most sensitive layers until a tolerance holds.

    Args:
        graph: captured and with folded norms, in float.
        clips: as `read_calibration` gives them.
        pairs: where the target wants pairs, an entry of `PAIRS`.
        keep: names of layers that stay in float in any case.
        tolerance: largest accepted difference on the clips, relative to the largest output; a part
            of it, 1 - `MARGIN`, is left to the runtime.

    Raises:
        ValueError: if `keep` names something else than convolutions and linear layers.
        Int8Error: if the tolerance does not hold with any layer in int8.
    """
    layers = list(dict.fromkeys(layer_name(n) for n in graph.graph.nodes if has_weight(graph, n)))
    if unknown := sorted(set(keep) - set(layers)):
        raise ValueError(f"keep names {unknown}, which are no layers; choose from {layers}.")
    ranges = observe(graph, map(copied, clips))
    expected = [graph(*copied(clip)) for clip in clips]

    def cost(kept: Collection[str], count: int) -> float:
        rounded = fx.GraphModule(graph, copy.deepcopy(graph.graph))
        insert_int8(rounded, ranges, kept, pairs)
        rounded.recompile()
        known = zip(clips[:count], expected[:count], strict=True)
        return worst(difference(rounded(*copied(clip)), wanted) for clip, wanted in known)

    sensitivity = {
        layer: cost(set(layers) - {layer}, SENSITIVITY_CLIPS)
        for layer in layers
        if layer not in keep
    }
    sensitivity = dict(sorted(sensitivity.items(), key=lambda item: -item[1]))
    order, measured = list(sensitivity), {}

    def holds(count: int) -> bool:
        measured[count] = cost({*keep, *order[:count]}, len(clips))
        return measured[count] <= MARGIN * tolerance

    count = _smallest(holds, len(order))
    if count == len(order) and order:
        raise Int8Error(
            f"int8 differs from float by {measured[0]:.2e} of the largest output, and even with "
            f"all layers but {order[-1]} in float by {measured[count - 1]:.2e}, more than "
            f"{MARGIN:g} of tolerance={tolerance:g}, as runtimes add roundings of their own; pass "
            "a tolerance that your task can bear."
        )
    kept = tuple(layer for layer in layers if layer in {*keep, *order[:count]})
    insert_int8(graph, ranges, kept, pairs)
    graph.recompile()
    return Int8Report(len(layers) - len(kept), kept, sensitivity, measured[count], len(clips))


@torch.no_grad()
def compare_accuracy(
    model: Callable[..., Tensor], int8_model: Callable[..., Tensor], loader: Iterable[Any]
) -> AccuracyReport:
    """Count how often a model and its int8 form are right.

    Args:
        model: gives scores (B, classes); a module is run in evaluation mode.
        int8_model: the same, e.g. what `optimize` or `load_exported` gives.
        loader: batches: dictionaries with "video" and "label", or pairs of both. Labels are (B,).

    Raises:
        ValueError: if the loader is empty.

    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    >>> compare_accuracy(model, model, [(torch.rand(8, 3, 1, 2, 2), torch.zeros(8))]).same
    100.0
    """
    models = [
        copy.deepcopy(one).eval() if isinstance(one, nn.Module) else one
        for one in (model, int8_model)
    ]
    hits = torch.zeros(5, dtype=torch.int64)
    clips = 0
    for batch in loader:
        video, label = (batch["video"], batch["label"]) if isinstance(batch, dict) else tuple(batch)
        # Copies, since a model may change the list of its pathways.
        before, after = (one(copied(video)) for one in models)
        counts = [_hits(scores, label, top) for scores in (before, after) for top in (1, 5)]
        hits += torch.tensor([*counts, int((before.argmax(1) == after.argmax(1)).sum())])
        clips += len(label)
    if not clips:
        raise ValueError("the loader is empty; give at least one batch with labels.")
    top1, top5, int8_top1, int8_top5, same = (100 * hits / clips).tolist()
    return AccuracyReport(clips, top1, int8_top1, top5, int8_top5, same)


def _smallest(holds: Callable[[int], bool], count: int) -> int:
    """The smallest number up to `count` that holds, if those above one that holds do too."""
    if holds(0):
        return 0
    low, high = 0, count  # `low` does not hold; `high` does, or is all
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _singles(inputs: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The arguments for each clip of a batch alone; the batch itself if its first sizes differ."""
    sizes = {len(x) for x in tensors(inputs)}
    if len(sizes) > 1:
        return [inputs]
    return [map_tensors(itemgetter(slice(i, i + 1)), inputs) for i in range(sizes.pop())]


def _hits(scores: Tensor, label: Tensor, top: int) -> int:
    best = scores.topk(min(top, scores.shape[1]), dim=1).indices
    return int((best == label[:, None].to(best)).any(1).sum())
