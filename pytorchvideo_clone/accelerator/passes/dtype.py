"""Compute a graph in another number format."""

import torch
from torch import Tensor, fx

from pytorchvideo_clone.accelerator.passes.graph import add_constant, constant

__all__ = ["attention_by_products", "to_bfloat16"]

aten = torch.ops.aten
# Operators that torch's CPU kernels have no bfloat16 for.
WIDE = (aten.avg_pool3d.default,)
# Measured: so many rows of scores at a time stay in the cache.
ROWS = 1024


def to_bfloat16(graph: fx.GraphModule) -> int:
    """Let a graph compute in bfloat16, in place; give how many of its weights do.

    Results keep their format. Operators of other libraries than torch, such as those that take
    boxes, and those of `WIDE`, get and give the format that they had. Attention without a mask is
    computed by products: torch's own takes as long as in float32.
    """
    found = 0
    for node in list(graph.graph.nodes):
        value = node.meta.get("val")
        if node.op == "get_attr":
            weight = constant(graph, node)
            if weight is not None and weight.is_floating_point():
                node.replace_all_uses_with(add_constant(graph, node, weight.bfloat16()))
                found += 1
        elif node.op == "placeholder" and isinstance(value, Tensor) and value.dim() > 2:
            _cast_result(graph, node)
        elif node.op == "call_function" and _is_wide(node):
            _cast_inputs_back(graph, node)
            _cast_result(graph, node)
        elif node.op == "output":
            _cast_inputs_back(graph, node)
        elif _is_plain_attention(node):
            node.target = attention_by_products
    return found


def attention_by_products(
    query: Tensor, key: Tensor, value: Tensor, scale: float | None = None
) -> Tensor:
    """Compute softmax(query key^T scale) value, some rows at a time.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, V).
        scale: 1 / sqrt(E) if None.

    Returns:
        (..., L, V).

    >>> x = torch.randn(2, 5, 4)
    >>> attention_by_products(x, x, x).shape
    torch.Size([2, 5, 4])
    """
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    keys = key.transpose(-2, -1)
    parts = [(rows @ keys).softmax(-1) @ value for rows in query.split(ROWS, -2)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -2)


def _is_plain_attention(node: fx.Node) -> bool:
    """Whether attention has no mask, no dropout and a key of its own for each head."""
    plain = len(node.args) == 3 and node.kwargs.keys() <= {"scale"}
    return node.target is aten.scaled_dot_product_attention.default and plain


def _is_wide(node: fx.Node) -> bool:
    return node.target in WIDE or getattr(node.target, "namespace", "aten") not in ("aten", "prim")


def _cast_result(graph: fx.GraphModule, node: fx.Node) -> None:
    """Let everyone read a node's numbers in bfloat16."""
    if not _has_fractions(node):
        return
    with graph.graph.inserting_after(node):
        cast = graph.graph.call_function(aten.to.dtype, (node, torch.bfloat16))
    cast.meta = dict(node.meta)
    node.replace_all_uses_with(cast, delete_user_cb=lambda user: user is not cast)


def _cast_inputs_back(graph: fx.GraphModule, node: fx.Node) -> None:
    """Let a node read numbers in the format that they had."""
    for x in filter(_has_fractions, node.all_input_nodes):
        with graph.graph.inserting_before(node):
            cast = graph.graph.call_function(aten.to.dtype, (x, x.meta["val"].dtype))
        cast.meta = dict(x.meta)
        node.replace_input_with(x, cast)


def _has_fractions(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()
