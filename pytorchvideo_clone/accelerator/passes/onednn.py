"""Convolutions and linear layers by oneDNN's operators: packed, and fused with what follows.

These operators of torch are those that its compiler calls; they are not public, so `has_onednn`
looks for them and tries one. Where they are missing nothing is fused, and the other passes compute
everything with public operators.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.conv3d import Geometry, Linear, geometry_of
from pytorchvideo_clone.accelerator.passes.graph import (
    argument,
    constant,
    is_last_reader,
    only_user,
    replace,
)

__all__ = [
    "FUSED_KERNELS",
    "FusedConv",
    "FusedLinear",
    "FusedRows",
    "cheapest_fused",
    "fuse_convolutions",
    "fuse_linears",
    "has_onednn",
]

aten, mkldnn = torch.ops.aten, torch.ops.mkldnn
# Activation -> its name in oneDNN and its algorithm.
ACTIVATIONS: dict[Any, tuple[str, str]] = {
    aten.relu.default: ("relu", ""),
    aten.silu.default: ("swish", ""),
    aten.sigmoid.default: ("sigmoid", ""),
    aten.hardswish.default: ("hardswish", ""),
    aten.gelu.default: ("gelu", "none"),
}
_POINTWISE = Geometry((2, 2, 2), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1)
# Measured: a linear layer of fewer rows, and not this large, is quicker through torch's own.
MIN_ROWS, MIN_WEIGHTS = 16, 1 << 18
# Measured: a pointwise convolution of no more positions is quicker as a linear layer.
MAX_ROWS = 8192


@cache
def has_onednn(dtype: torch.dtype) -> bool:
    """Say whether this torch and this CPU compute such numbers by oneDNN's fused operators.

    >>> has_onednn(torch.float64)
    False
    """
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    try:
        if dtype == torch.bfloat16 and not mkldnn._is_mkldnn_bf16_supported():
            return False
        x = torch.ones(1, 2, 2, 2, 2, dtype=dtype).contiguous(memory_format=torch.channels_last_3d)
        conv = FusedConv(torch.ones(2, 2, 1, 1, 1, dtype=dtype), None, _POINTWISE, x.shape)
        conv.activation = "relu"
        linear = FusedLinear(torch.ones(2, 2, dtype=dtype), None, rows=16)
        fused = [conv(x), conv(x, x), linear(x[0, 0])]
        conv.in_place = True
        fused.append(conv(x, x.clone()))
    except (AttributeError, RuntimeError):
        return False
    return [float(y.max()) for y in fused] == [2.0, 3.0, 2.0, 3.0]


class Packed(nn.Module):
    """A layer whose weight is packed for oneDNN; plain in the state dict and in a pickle.

    Attributes:
        activation, algorithm: what is applied to the result, as oneDNN calls it.
    """

    packed: Tensor

    def __init__(self, bias: Tensor | None) -> None:
        super().__init__()
        self.bias = None if bias is None else nn.Buffer(bias.clone())
        self.activation, self.algorithm = "none", ""

    def get_extra_state(self) -> Tensor:
        """Give the weight as torch keeps it."""
        return self.packed.to_dense()

    def set_extra_state(self, state: Tensor) -> None:
        """Take a weight as torch keeps it."""
        self._pack(state)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "packed": self.packed.to_dense()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._pack(state["packed"])

    def _pack(self, weight: Tensor) -> None:
        raise NotImplementedError


class FusedConv(Packed):
    """A 3D convolution in channels-last, plus a clip, then an activation.

    Args:
        weight: (C', C / groups, T, H, W).
        bias: (C',).
        geometry: of the convolution.
        size: (B, C, T, H, W) of the clip that the weight is packed for; others are right too.

    Attributes:
        in_place: whether the sum overwrites the clip that is added.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, ...]
    ) -> None:
        super().__init__(bias)
        self.geometry, self.size, self.in_place = geometry, list(size), False
        self._pack(weight)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """(B, C, T, H, W), and a clip of the result's size -> (B, C', T', H', W')."""
        g = self.geometry
        x = x.contiguous(memory_format=torch.channels_last_3d)
        where = (self.packed, self.bias, g.padding, g.stride, g.dilation, g.groups)
        if other is None:
            compute = mkldnn._convolution_pointwise.default
            return compute(x, *where, self.activation, [], self.algorithm)
        activation: tuple[Any, ...] = (None, [], None)
        if self.activation != "none":
            activation = (self.activation, [], "")
        if self.in_place:
            compute = mkldnn._convolution_pointwise_.binary
            return compute(other, x, *where, "add", 1.0, *activation)
        return mkldnn._convolution_pointwise.binary(x, other, *where, "add", 1.0, *activation)

    def _pack(self, weight: Tensor) -> None:
        g = self.geometry
        self.packed = mkldnn._reorder_convolution_weight(
            weight.contiguous(memory_format=torch.channels_last_3d),
            g.padding,
            g.stride,
            g.dilation,
            g.groups,
            self.size,
        )


class FusedLinear(Packed):
    """A linear layer, then an activation.

    Args:
        weight: (C', C).
        bias: (C',).
        rows: how many rows the weight is packed for; others are right too.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int) -> None:
        super().__init__(bias)
        self.rows = rows
        self._pack(weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C')."""
        return mkldnn._linear_pointwise.default(
            x, self.packed, self.bias, self.activation, [], self.algorithm
        )

    def _pack(self, weight: Tensor) -> None:
        self.packed = mkldnn._reorder_linear_weight(weight.contiguous(), self.rows)


class FusedRows(FusedLinear):
    """A pointwise convolution in channels-last, then an activation: a linear layer of positions."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T, H, W)."""
        return super().forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


# Ways to compute a 3D convolution, besides those of `KERNELS`, and what they are for.
FUSED_KERNELS: dict[str, Callable[[Geometry], bool]] = {
    "fused_conv": lambda geometry: True,
    "fused_silu": lambda geometry: geometry.groups > 1,  # SiLU after it is computed with it
    "fused_rows": lambda geometry: geometry.pointwise and geometry.groups == 1,
}


def fuse_convolutions(graph: fx.GraphModule) -> int:
    """Compute 3D convolutions by `FusedConv` with the sum and the activation after them, in place.

    Small pointwise ones are computed by `FusedRows`, and all others as `measure_kernels` chose.

    Returns:
        How many; small ones of one position, other number formats and another padding stay.
    """
    found = 0
    for node in list(graph.graph.nodes):
        geometry = geometry_of(graph, node)
        if geometry is None:
            continue
        weight, bias = constant(graph, node.args[1]), constant(graph, argument(node, 2, None))
        assert weight is not None
        small = Linear.fits(geometry) and weight.numel() < MIN_WEIGHTS
        if small or not has_onednn(weight.dtype):
            continue
        last, other = _take_sum(node)
        kernel = node.meta.get("kernel") or cheapest_fused(geometry, other is not None)
        if kernel not in FUSED_KERNELS:
            continue
        size = tuple(int(length) for length in node.args[0].meta["val"].shape)
        layer: Packed
        if kernel == "fused_rows":
            last, other = node, None
            layer = FusedRows(weight.flatten(1), bias, size[0] * math.prod(geometry.clip))
        else:
            layer = FusedConv(weight, bias, geometry, size)
        last = _take_activation(layer, last, other, geometry.groups > 1 and kernel != "fused_silu")
        inputs = (node.args[0],) if other is None else (node.args[0], other)
        replace(graph, (node, last), kernel, layer, inputs)
        found += 1
    graph.graph.eliminate_dead_code()
    _sum_in_place(graph)
    return found


def fuse_linears(graph: fx.GraphModule) -> int:
    """Compute linear layers of many rows, or large, by `FusedLinear`, in place; give how many."""
    found = 0
    for node in list(graph.graph.nodes):
        if node.target is not aten.linear.default:
            continue
        weight, bias = constant(graph, node.args[1]), argument(node, 2, None)
        if weight is None or (bias is not None and constant(graph, bias) is None):
            continue
        rows = int(node.args[0].meta["val"].numel()) // weight.shape[1]
        small = rows < MIN_ROWS and weight.numel() < MIN_WEIGHTS
        if small or not has_onednn(weight.dtype):
            continue
        linear = FusedLinear(weight, constant(graph, bias), rows)
        last = _take_activation(linear, node)
        replace(graph, (node, last), "fused_linear", linear, (node.args[0],))
        found += 1
    graph.graph.eliminate_dead_code()
    return found


def cheapest_fused(geometry: Geometry, has_sum: bool) -> str:
    """Name the one of `FUSED_KERNELS` for a convolution that is followed by a sum, or is not."""
    few = math.prod(geometry.clip) <= MAX_ROWS and not has_sum
    return "fused_rows" if few and FUSED_KERNELS["fused_rows"](geometry) else "fused_conv"


def _take_sum(conv: fx.Node) -> tuple[fx.Node, fx.Node | None]:
    """Give the node up to which a convolution and a sum after it go, and what is added."""
    add = only_user(conv)
    if add is None or add.target is not aten.add.Tensor or add.kwargs:
        return conv, None
    others = [x for x in add.args if x is not conv]
    if len(others) != 1 or not isinstance(others[0], fx.Node):
        return conv, None
    value, result = others[0].meta.get("val"), conv.meta["val"]
    if not isinstance(value, Tensor) or (value.shape, value.dtype) != (result.shape, result.dtype):
        return conv, None
    return add, others[0]


def _take_activation(
    layer: Packed, node: fx.Node, other: fx.Node | None = None, leave_silu: bool = False
) -> fx.Node:
    """Let the layer compute the activation after a node; give the last node that it computes."""
    user = only_user(node)
    if user is None or user.target not in ACTIVATIONS:
        return node
    if user.target is aten.gelu.default and user.kwargs.get("approximate", "none") != "none":
        return node
    if other is not None and user.target is not aten.relu.default:
        return node
    # Measured: after a depthwise convolution it may cost twice what an operator of its own does.
    if leave_silu and user.target is aten.silu.default:
        return node
    layer.activation, layer.algorithm = ACTIVATIONS[user.target]
    return user


def _sum_in_place(graph: fx.GraphModule) -> None:
    """Let sums overwrite the fresh clip that nobody reads any more."""
    for node in graph.graph.nodes:
        if node.op != "call_module" or len(node.args) != 2:
            continue
        x, other = node.args
        conv = graph.get_submodule(node.target)
        if isinstance(conv, FusedConv) and x is not other:
            conv.in_place = is_last_reader(graph, node, other)
