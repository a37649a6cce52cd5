"""Turn pools over everything into means."""

from typing import Any

import torch
from torch import fx

from pytorchvideo_clone.accelerator.passes.graph import argument

__all__ = ["pool_by_mean"]

aten = torch.ops.aten


def pool_by_mean(graph: fx.GraphModule) -> int:
    """Turn 3D average pools over a whole clip into means, in place; give how often.

    A mean has kernels in every runtime and number format, a 3D pool has not.
    """
    found = 0
    for node in list(graph.graph.nodes):
        if _pools_everything(node):
            with graph.graph.inserting_before(node):
                mean = graph.graph.call_function(aten.mean.dim, (node.args[0], [2, 3, 4], True))
            mean.meta = dict(node.meta)
            node.replace_all_uses_with(mean)
            graph.graph.erase_node(node)
            found += 1
    return found


def _pools_everything(node: fx.Node) -> bool:
    if node.target not in (aten.adaptive_avg_pool3d.default, aten.avg_pool3d.default):
        return False
    clip = node.args[0]
    assert isinstance(clip, fx.Node)
    shape = tuple(clip.meta["val"].shape)
    if len(shape) != 5:
        return False
    if node.target is aten.adaptive_avg_pool3d.default:
        return _triple(node.args[1]) == (1, 1, 1)
    plain = not any(_triple(argument(node, 3, 0))) and argument(node, 6, None) is None
    return plain and _triple(node.args[1]) == shape[2:]


def _triple(size: Any) -> tuple[int, ...]:
    size = (size,) if isinstance(size, int) else tuple(size)
    return size * 3 if len(size) == 1 else size
