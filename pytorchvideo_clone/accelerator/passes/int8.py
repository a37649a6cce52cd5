"""Convolutions and linear layers in int8 by oneDNN's operators, where a graph has pairs for them.

These operators of torch are those that its compiler calls; they are not public, so `has_int8` looks
for them and tries them.
"""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.conv3d import Geometry, Linear, geometry_of
from pytorchvideo_clone.accelerator.passes.graph import argument, constant, only_user
from pytorchvideo_clone.accelerator.passes.onednn import MIN_ROWS
from pytorchvideo_clone.accelerator.passes.quantize import LOWEST, has_weight, layer_name

__all__ = ["Int8Conv", "Int8Linear", "Steps", "ToBytes", "float_layers", "fuse_int8", "has_int8"]

aten, decomposed, onednn = torch.ops.aten, torch.ops.quantized_decomposed, torch.ops.onednn


class Steps(NamedTuple):
    """The numbers that bytes stand for: (byte - zero) * scale."""

    scale: float
    zero: int


class ToBytes(nn.Module):
    """Round to bytes."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        """Float -> uint8, of the same size."""
        # Half a step more, as the conversion cuts: one pass less than rounding.
        half = torch.tensor(self.steps.zero + 0.5)
        return torch.add(half, x, alpha=1 / self.steps.scale).clamp_(0, 255).to(torch.uint8)


class Int8Layer(nn.Module):
    """A layer from bytes to float, or to bytes.

    Args:
        weight: int8.
        scales: (C',) float32, of the weight.
        bias: (C',).
        steps: of what it reads.

    Attributes:
        result: the steps of bytes that it gives; None if it gives floats. What is below the
            smallest or above the largest is cut off.
    """

    packed: Tensor

    def __init__(self, weight: Tensor, scales: Tensor, bias: Tensor | None, steps: Steps) -> None:
        super().__init__()
        self.weight, self.scales = nn.Buffer(weight), nn.Buffer(scales)
        self.zeros = nn.Buffer(torch.zeros(len(scales), dtype=torch.int64))
        self.bias = None if bias is None else nn.Buffer(bias.clone())
        self.steps = steps
        self.result: Steps | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "packed"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._pack()

    def _load_from_state_dict(self, *args: Any, **options: Any) -> None:
        super()._load_from_state_dict(*args, **options)
        self._pack()

    def _given(self) -> tuple[float, int, torch.dtype]:
        steps, dtype = self.result or Steps(1.0, 0), torch.uint8 if self.result else torch.float32
        return (*steps, dtype)

    def _pack(self) -> None:
        raise NotImplementedError


class Int8Conv(Int8Layer):
    """A 3D convolution in channels-last; `weight` is (C', C, T, H, W).

    Args:
        geometry: of the convolution.
        layer: as in `Int8Layer`.
    """

    def __init__(self, geometry: Geometry, *layer: Any) -> None:
        super().__init__(*layer)
        self.geometry = geometry
        self._pack()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) uint8 -> (B, C', T', H', W')."""
        g = self.geometry
        x = x.contiguous(memory_format=torch.channels_last_3d)
        weight = (self.packed, self.scales, self.zeros, self.bias)
        how = (g.stride, g.padding, g.dilation, g.groups)
        return onednn.qconv_pointwise(x, *self.steps, *weight, *how, *self._given(), "none", [], "")

    def _pack(self) -> None:
        g, steps = self.geometry, self.steps
        how = (g.stride, g.padding, g.dilation, g.groups)
        size = [1, self.weight.shape[1] * g.groups, *g.clip]
        self.packed = onednn.qconv_prepack(self.weight, self.scales, *steps, *how, size)


class Int8Linear(Int8Layer):
    """A linear layer; `weight` is (C', C).

    Args:
        rows: how many rows the weight is packed for; others are right too.
        layer: as in `Int8Layer`.
    """

    def __init__(self, rows: int, *layer: Any) -> None:
        super().__init__(*layer)
        self.rows = rows
        self._pack()

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) uint8 -> (..., C')."""
        weight = (self.packed, self.scales, self.zeros, self.bias)
        return onednn.qlinear_pointwise(x, *self.steps, *weight, *self._given(), "none", [], "")

    def _pack(self) -> None:
        self.packed = onednn.qlinear_prepack(self.weight, [self.rows, self.weight.shape[1]])


@cache
def has_int8() -> bool:
    """Say whether this torch and this CPU compute int8 by oneDNN's operators.

    Without AVX512-VNNI the products of bytes overflow, and it is no gain.
    """
    geometry = Geometry((2, 2, 2), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1)
    try:
        if not torch.cpu._is_vnni_supported():
            return False
        layer = (torch.full((2, 2), 2, dtype=torch.int8), torch.tensor([0.5, 0.5]), None, (1.0, 1))
        x = torch.full((1, 2, 2, 2, 2), 3, dtype=torch.uint8)
        conv = Int8Conv(geometry, layer[0].reshape(2, 2, 1, 1, 1), *layer[1:])
        given = [conv(x), Int8Linear(4, *layer)(x[0, 0])]
    except (AttributeError, RuntimeError):
        return False
    return [float(y.max()) for y in given] == [4.0, 4.0]


def float_layers(graph: fx.GraphModule) -> list[str]:
    """Name the layers of a float graph that `fuse_int8` has no operator for, or no faster one.

    Measured: in int8 a depthwise convolution and what is of few rows are no faster.
    """
    heavy = [node for node in graph.graph.nodes if has_weight(graph, node)]
    return [layer_name(node) for node in heavy if not _gains(graph, node)]


def fuse_int8(graph: fx.GraphModule) -> int:
    """Compute what stands between pairs by `Int8Conv` and `Int8Linear`, in place; give how many.

    Args:
        graph: as `insert_int8` gives it, with pairs for no layer of `float_layers`.
    """
    bytes_of: dict[fx.Node, fx.Node] = {}
    found = 0
    node: Any
    for node in list(graph.graph.nodes):
        if not _reads_pairs(node):
            continue
        integers: Any = node.args[0].args[0]
        x, scale, zero = integers.args[:3]
        steps = Steps(scale, zero - LOWEST)
        if integers not in bytes_of:
            name = f"to_bytes_{len(bytes_of)}"
            bytes_of[integers] = _add(graph, integers, name, ToBytes(steps), x)
        layer = _layer(graph, node, steps)
        kind = "int8_conv" if isinstance(layer, Int8Conv) else "int8_linear"
        fused = _add(graph, node, f"{kind}_{found}", layer, bytes_of[integers])
        node.replace_all_uses_with(fused)
        found += 1
    graph.graph.eliminate_dead_code()
    for to_bytes in bytes_of.values():
        _give_bytes(graph, to_bytes)
    graph.graph.eliminate_dead_code()
    return found


def _gains(graph: fx.GraphModule, node: Any) -> bool:
    weight = constant(graph, node.args[1])
    assert weight is not None
    bias = argument(node, 2, None)
    if weight.dtype != torch.float32 or (bias is not None and constant(graph, bias) is None):
        return False
    if node.target is aten.linear.default:
        return node.args[0].meta["val"].numel() // weight.shape[1] >= MIN_ROWS
    geometry = geometry_of(graph, node)
    return geometry is not None and geometry.groups == 1 and not Linear.fits(geometry)


def _reads_pairs(node: fx.Node) -> bool:
    if node.target not in (aten.conv3d.default, aten.linear.default):
        return False
    wanted = (
        decomposed.dequantize_per_tensor.default,
        decomposed.dequantize_per_channel.default,
    )
    return tuple(getattr(x, "target", None) for x in node.args[:2]) == wanted


def _layer(graph: fx.GraphModule, node: Any, steps: Steps) -> Int8Layer:
    weight = node.args[1]
    integers, scales = (constant(graph, x) for x in weight.args[:2])
    assert integers is not None
    rest = (integers, scales, constant(graph, argument(node, 2, None)), steps)
    if node.target is aten.linear.default:
        return Int8Linear(int(node.args[0].meta["val"].numel()) // integers.shape[1], *rest)
    node.replace_input_with(weight, weight.args[0])  # so that it is a convolution by constants
    geometry = geometry_of(graph, node)
    assert geometry is not None
    return Int8Conv(geometry, *rest)


def _give_bytes(graph: fx.GraphModule, to_bytes: fx.Node) -> None:
    """Let a layer give bytes itself if nobody reads its floats, and do without a ReLU before."""
    rounding = graph.get_submodule(str(to_bytes.target))
    x: Any = to_bytes.args[0]
    assert isinstance(rounding, ToBytes)
    # If bytes begin at zero, cutting off what is below is what a ReLU does.
    if x.target is aten.relu.default and rounding.steps.zero == 0 and only_user(x) is to_bytes:
        x = x.args[0]
    if x.op != "call_module" or len(x.users) > 1:
        return
    layer = graph.get_submodule(str(x.target))
    if isinstance(layer, Int8Layer):
        layer.result = rounding.steps
        to_bytes.replace_all_uses_with(x)


def _add(graph: fx.GraphModule, before: fx.Node, name: str, layer: nn.Module, x: Any) -> fx.Node:
    graph.add_submodule(name, layer)
    with graph.graph.inserting_before(before):
        call = graph.graph.call_module(name, (x,))
    call.meta = dict(before.meta)
    return call
