"""Compute the heavy operators of a graph in int8: what they read is rounded, each weight stored so.

The rounding is written into the graph as pairs of `quantized_decomposed` operators, quantize and
dequantize. Run as it is, such a graph tells what int8 costs; runtimes read the pairs as int8.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, https://arxiv.org/abs/1712.05877.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, fx

from pytorchvideo_clone.accelerator.passes.graph import add_constant, constant, only_user

__all__ = [
    "PAIRS",
    "Pairs",
    "Range",
    "as_int8",
    "has_weight",
    "insert_int8",
    "layer_name",
    "observe",
    "out_of_place",
    "scale_of",
]

aten, decomposed = torch.ops.aten, torch.ops.quantized_decomposed
# Operators with a weight that are computed in int8.
HEAVY = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default, aten.linear.default)
LOWEST, HIGHEST = -128, 127


class Range(NamedTuple):
    """The smallest and the largest number that a node gave."""

    low: float
    high: float


# In steps of 1 / 256, the only ones that XNNPACK has for a sigmoid.
SIGMOID = Range(0.0, 255 / 256)


class Pairs(NamedTuple):
    """Where a runtime wants pairs, besides before its heavy operators.

    Attributes:
        results: whether after them, too.
        fused: activations that a runtime computes along with the operator before: the pair after
            that one stands after the activation.
        others: operators without weights that get pairs before and after.
        same: as `others`, of those that need one scale for all that they read and give.
    """

    results: bool = False
    fused: tuple[Any, ...] = ()
    others: tuple[Any, ...] = ()
    same: tuple[Any, ...] = ()


_RELU = (aten.relu.default, aten.hardtanh.default)
# Target -> where it wants pairs.
PAIRS: dict[str, Pairs] = {
    "cpu": Pairs(),
    "openvino": Pairs(),
    "onnx": Pairs(results=True, fused=_RELU),
    # XNNPACK computes in int8 what has pairs on all sides.
    "executorch": Pairs(
        results=True,
        fused=_RELU,
        others=(
            aten.add.Tensor,
            aten.mean.dim,
            aten.mul.Tensor,
            aten.sigmoid.default,
            aten.sub.Tensor,
        ),
        same=(
            aten.cat.default,
            aten.max_pool2d.default,
            aten.permute.default,
            aten.relu.default,
            aten.reshape.default,
            aten.slice.Tensor,
        ),
    ),
}


def observe(graph: fx.GraphModule, clips: Iterable[tuple[Any, ...]]) -> dict[str, Range]:
    """Run a graph and note between which numbers each result lies.

    Args:
        graph: captured and with folded norms, in float.
        clips: the arguments of each run.

    Returns:
        Name of a node -> the range of its results, for tensors of fractions.
    """
    observer = _Observer(graph)
    with torch.no_grad():
        for inputs in clips:
            observer.run(*inputs)
    return observer.ranges


def insert_int8(
    graph: fx.GraphModule,
    ranges: Mapping[str, Range],
    keep: Collection[str] = frozenset(),
    pairs: Pairs = PAIRS["cpu"],
) -> int:
    """Let convolutions and linear layers read int8, in place; give how many do.

    Activations have one scale and zero point, weights a scale for each channel of the result.

    Args:
        graph: captured and with folded norms, in float.
        ranges: of its nodes, as `observe` gives them.
        keep: names of layers that stay in float, as `layer_name` gives them.
        pairs: where pairs stand, an entry of `PAIRS`.
    """
    out_of_place(graph)
    fused = {node for node in graph.graph.nodes if _is_fused(graph, node, pairs)}
    same = [node for node in graph.graph.nodes if node.target in pairs.same and node not in fused]
    if aten.sigmoid.default in pairs.others:
        sigmoids = graph.graph.find_nodes(op="call_function", target=aten.sigmoid.default)
        ranges = {**ranges, **dict.fromkeys((node.name for node in sigmoids), SIGMOID)}
    writer = _Writer(graph, _agreed(same, ranges))
    nodes = [node for node in graph.graph.nodes if layer_name(node) not in keep]
    heavy = [node for node in nodes if has_weight(graph, node) and writer.takes(node.args[0])]
    for node in heavy:
        x, parameter = node.args[:2]
        assert isinstance(x, fx.Node) and isinstance(parameter, fx.Node)
        node.replace_input_with(parameter, writer.weight(node, parameter))
        node.replace_input_with(x, writer.rounded(x))
    others = [node for node in nodes if node.target in pairs.others and writer.known(node)]
    others += [node for node in same if writer.known(node)]
    for node in others:
        for x in filter(writer.takes, node.all_input_nodes):
            node.replace_input_with(x, writer.rounded(x))
    for node in [*(heavy if pairs.results else ()), *others]:
        user = only_user(node)
        last = user if user is not None and user in fused else node
        if writer.takes(last):
            last.replace_all_uses_with(
                writer.rounded(last), delete_user_cb=lambda user: not _is_pair(user)
            )
    graph.graph.eliminate_dead_code()
    return len(heavy)


def layer_name(node: fx.Node) -> str:
    """Give the name of the module that a node belongs to, or its own if there is none.

    It is the innermost: "blocks.0.conv", as `Module.named_modules` says.
    """
    stack = node.meta.get("nn_module_stack")
    names = [path for path, _ in stack.values()] if stack else []
    return names[-1] if names and names[-1] else node.name


def has_weight(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a node is a convolution or linear layer by a constant weight."""
    weight = constant(graph, node.args[1]) if node.target in HEAVY else None
    return weight is not None and weight.is_floating_point()


def scale_of(given: Range) -> tuple[float, int]:
    """Give the scale and zero point by which int8 spans a range and has zero exactly."""
    low, high = min(given.low, 0.0), max(given.high, 0.0)
    scale = max((high - low) / (HIGHEST - LOWEST), torch.finfo(torch.float32).eps)
    return scale, min(HIGHEST, max(LOWEST, round(LOWEST - low / scale)))


def as_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(C', ...) float -> the same as int8 within [-127, 127], and the scales (C',)."""
    scales = weight.abs().flatten(1).amax(1) / HIGHEST
    scales = scales.clamp(min=torch.finfo(torch.float32).eps)
    rows = weight / scales.reshape(-1, *(1,) * (weight.dim() - 1))
    return rows.round().clamp(-HIGHEST, HIGHEST).to(torch.int8), scales.float()


def out_of_place(graph: fx.GraphModule) -> int:
    """Let operators that overwrite what they alone read give new memory; give how many."""
    found = 0
    for node in graph.graph.nodes:
        if not _overwrites(node) or len(node.args[0].users) > 1:
            continue
        packet, _, overload = str(node.target).removeprefix("aten.").partition(".")
        operator = getattr(getattr(aten, packet.removesuffix("_"), None), overload, None)
        if operator is not None:
            node.target = operator
            found += 1
    return found


class _Observer(fx.Interpreter):
    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.ranges: dict[str, Range] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Compute a node, and note its range."""
        result = super().run_node(n)
        fractions = isinstance(result, Tensor) and result.is_floating_point() and result.numel()
        if n.op != "get_attr" and fractions:
            low, high = (float(end) for end in torch.aminmax(result))
            known = self.ranges.get(n.name, Range(low, high))
            self.ranges[n.name] = Range(min(low, known.low), max(high, known.high))
        return result


class _Writer:
    """Writes pairs into a graph, one for each node that is rounded."""

    def __init__(self, graph: fx.GraphModule, ranges: Mapping[str, Range]) -> None:
        self.graph, self.ranges = graph, ranges
        self.pairs: dict[fx.Node, fx.Node] = {}

    def known(self, node: fx.Node) -> bool:
        """Whether it is known what range a node has."""
        return node.name in self.ranges

    def takes(self, node: Any) -> bool:
        """Whether a node can be rounded: nobody overwrites it, and its range is known."""
        if not isinstance(node, fx.Node) or any(map(_overwrites, node.users)):
            return False
        return self.known(node) or _is_pair(node)

    def rounded(self, node: fx.Node) -> fx.Node:
        """Give the node that a pair makes of this one."""
        if _is_pair(node):
            return node
        if node not in self.pairs:
            scale, zero = scale_of(self.ranges[node.name])
            how = (scale, zero, LOWEST, HIGHEST, torch.int8)
            with self.graph.graph.inserting_after(node):
                integers = self._call(decomposed.quantize_per_tensor.default, (node, *how))
            with self.graph.graph.inserting_after(integers):
                pair = self._call(decomposed.dequantize_per_tensor.default, (integers, *how))
            pair.meta = dict(node.meta)
            self.pairs[node] = pair
        return self.pairs[node]

    def weight(self, before: fx.Node, parameter: fx.Node) -> fx.Node:
        """Add a weight as int8, and give the node that makes it float."""
        weight = constant(self.graph, parameter)
        assert weight is not None
        integers, scales = as_int8(weight)
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        args = [add_constant(self.graph, before, value) for value in (integers, scales, zeros)]
        with self.graph.graph.inserting_before(before):
            restored = self._call(
                decomposed.dequantize_per_channel.default,
                (*args, 0, -HIGHEST, HIGHEST, torch.int8),
            )
        restored.meta["val"] = weight
        return restored

    def _call(self, operator: Callable, args: tuple[Any, ...]) -> fx.Node:
        return self.graph.graph.call_function(operator, args)


def _is_fused(graph: fx.GraphModule, node: fx.Node, pairs: Pairs) -> bool:
    """Whether a node is an activation that is computed along with the operator before."""
    if node.target not in pairs.fused:
        return False
    before = node.args[0]
    assert isinstance(before, fx.Node)
    able = before.target in pairs.others or has_weight(graph, before)
    return able and only_user(before) is node


def _agreed(same: list[fx.Node], ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Widen ranges until all that these operators read and give have one."""
    groups: dict[str, set[str]] = {}
    for node in same:
        group = {x.name for x in [node, *node.all_input_nodes] if x.name in ranges}
        group = group.union(*(groups.get(name, ()) for name in group))
        groups.update(dict.fromkeys(group, group))
    agreed = dict(ranges)
    for name, group in groups.items():
        lows, highs = zip(*(ranges[other] for other in group), strict=True)
        agreed[name] = Range(min(lows), max(highs))
    return agreed


def _is_pair(node: fx.Node) -> bool:
    return node.target in (
        decomposed.quantize_per_tensor.default,
        decomposed.dequantize_per_tensor.default,
    )


def _overwrites(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
