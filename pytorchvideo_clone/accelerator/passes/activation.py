"""Recover activations from their arithmetic, and compute them where their input lies."""

from typing import Any

import torch
from torch import Tensor, fx

from pytorchvideo_clone.accelerator.passes.graph import is_last_reader

__all__ = ["activate_in_place", "gate_in_place", "recover_silu", "split_silu"]

aten = torch.ops.aten
IN_PLACE: dict[Any, Any] = {
    aten.relu.default: aten.relu_.default,
    aten.silu.default: aten.silu_.default,
}
# Operators that give new memory; and so do the modules of chosen convolutions.
FRESH = (aten.add.Tensor, aten.mul.Tensor, aten.mul_.Tensor)


def recover_silu(graph: fx.GraphModule) -> int:
    """Turn x * sigmoid(x) into one operator, in place; give how often."""
    found = 0
    for node in list(graph.graph.nodes):
        if node.target is not aten.mul.Tensor:
            continue
        for x, gate in (node.args, node.args[::-1]):
            if isinstance(gate, fx.Node) and gate.target is aten.sigmoid.default:
                if gate.args[0] is not x:
                    continue
                with graph.graph.inserting_before(node):
                    silu = graph.graph.call_function(aten.silu.default, (x,))
                silu.meta = dict(node.meta)
                node.replace_all_uses_with(silu)
                graph.graph.erase_node(node)
                found += 1
                break
    return found


def split_silu(graph: fx.GraphModule) -> int:
    """Turn SiLU into x * sigmoid(x), in place; give how often."""
    found = [node for node in graph.graph.nodes if node.target is aten.silu.default]
    for node in found:
        with graph.graph.inserting_before(node):
            gate = graph.graph.call_function(aten.sigmoid.default, (node.args[0],))
            product = graph.graph.call_function(aten.mul.Tensor, (node.args[0], gate))
        gate.meta, product.meta = dict(node.meta), dict(node.meta)
        node.replace_all_uses_with(product)
        graph.graph.erase_node(node)
    return len(found)


def activate_in_place(graph: fx.GraphModule) -> int:
    """Let activations overwrite a fresh result that they alone read; give how many do."""
    found = 0
    for node in graph.graph.nodes:
        if node.target not in IN_PLACE:
            continue
        x = node.args[0]
        assert isinstance(x, fx.Node)
        fresh = x.op == "call_module" or x.target in FRESH
        if fresh and len(x.users) == 1:
            node.target = IN_PLACE[node.target]
            found += 1
    return found


def gate_in_place(graph: fx.GraphModule) -> int:
    """Let a gate, as of squeeze-and-excitation, overwrite the clip that it scales; give how often.

    In place are the products of a layer's result that nobody reads any more, and something that is
    not larger.
    """
    found = 0
    for node in graph.graph.nodes:
        if node.target is not aten.mul.Tensor:
            continue
        for x, gate in (node.args, node.args[::-1]):
            if not isinstance(x, fx.Node) or not isinstance(gate, fx.Node) or x is gate:
                continue
            result, value = node.meta.get("val"), x.meta.get("val")
            if not isinstance(result, Tensor) or not isinstance(value, Tensor):
                continue
            same = result.shape == value.shape and result.dtype == value.dtype
            if same and is_last_reader(graph, node, x):
                node.target, node.args = aten.mul_.Tensor, (x, gate)
                found += 1
                break
    return found
