"""Compute squeeze-and-excitation at once.

Its layers are tiny: what they take is the calls, and not the sums.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.conv3d import Linear
from pytorchvideo_clone.accelerator.passes.graph import is_last_reader, only_user
from pytorchvideo_clone.accelerator.passes.pool import PositionMean, position_mean
from pytorchvideo_clone.accelerator.passes.quantize import layer_name

__all__ = ["FusedGate", "fuse_gates"]

aten = torch.ops.aten


class FusedGate(nn.Module):
    """Scale the channels of a clip by what two linear layers make of their means.

    Args:
        squeeze: the layer that is followed by a ReLU.
        excite: the layer that is followed by a sigmoid.
        in_place: whether the result overwrites the clip.
        silu: whether a SiLU follows.

    Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018,
    https://arxiv.org/abs/1709.01507.
    """

    def __init__(self, squeeze: Linear, excite: Linear, in_place: bool, silu: bool) -> None:
        super().__init__()
        self.squeeze, self.excite = squeeze, excite
        self.in_place, self.silu = in_place, silu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> the same."""
        gate = F.linear(position_mean(x), self.squeeze.weight, self.squeeze.bias).relu_()
        gate = F.linear(gate, self.excite.weight, self.excite.bias).sigmoid_()
        gate = gate.view(*gate.shape, 1, 1, 1)
        y = x.mul_(gate) if self.in_place else x * gate
        return F.silu(y, inplace=True) if self.silu else y


class _Gate(NamedTuple):
    """The nodes of a gate, in the order in which they are computed."""

    mean: fx.Node
    squeeze: fx.Node
    relu: fx.Node
    excite: fx.Node
    sigmoid: fx.Node
    product: fx.Node


def fuse_gates(graph: fx.GraphModule) -> int:
    """Compute squeeze-and-excitation, and a SiLU after it, by `FusedGate`, in place; give how many.

    Args:
        graph: in which `KERNELS` are chosen.
    """
    found = 0
    for product in list(graph.graph.nodes):
        gate = _gate(graph, product)
        if gate is None:
            continue
        clip, user = gate.mean.args[0], only_user(product)
        assert isinstance(clip, fx.Node)
        squeeze, excite = (graph.get_submodule(str(x.target)) for x in (gate.squeeze, gate.excite))
        assert isinstance(squeeze, Linear) and isinstance(excite, Linear)
        silu = user if user is not None and user.target is aten.silu.default else None
        same = clip.meta["val"].shape == product.meta["val"].shape
        in_place = same and is_last_reader(graph, product, clip)
        module = FusedGate(squeeze, excite, in_place, silu is not None)
        graph.add_submodule(f"fused_gate_{found}", module)
        last = silu or product
        with graph.graph.inserting_before(last):
            call = graph.graph.call_module(f"fused_gate_{found}", (clip,))
        names = [layer_name(node) for node in (gate.squeeze, gate.excite)]
        call.meta = {**last.meta, "layers": dict.fromkeys(names, "fused_gate")}
        last.replace_all_uses_with(call)
        for node in dict.fromkeys((last, *reversed(gate))):
            graph.graph.erase_node(node)
        found += 1
    return found


def _gate(graph: fx.GraphModule, product: fx.Node) -> _Gate | None:
    """Give the nodes that end in a product with a gate, if each has but one reader."""
    if product.target is not aten.mul.Tensor:
        return None
    for clip, node in (product.args, product.args[::-1]):
        nodes = [product]
        for wanted in (aten.sigmoid.default, Linear, aten.relu.default, Linear, PositionMean):
            if not isinstance(node, fx.Node) or not _is(graph, node, wanted):
                break
            if only_user(node) is not nodes[-1]:
                break
            nodes.append(node)
            node = node.args[0]
        if len(nodes) == len(_Gate._fields) and node is clip:
            return _Gate(*reversed(nodes))
    return None


def _is(graph: fx.GraphModule, node: fx.Node, wanted: object) -> bool:
    if isinstance(wanted, type):
        return node.op == "call_module" and type(graph.get_submodule(str(node.target))) is wanted
    return node.target is wanted
