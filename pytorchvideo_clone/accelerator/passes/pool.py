"""Turn pools over everything into means, and compute these."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.graph import argument, replace

__all__ = ["PositionMean", "mean_by_sums", "pool_by_mean", "position_mean"]

aten = torch.ops.aten
# Measured: a row of fewer numbers leaves the sum of rows idle, so that lines are summed first.
MIN_ROW = 128


def position_mean(clip: Tensor) -> Tensor:
    """Give the mean over all positions of a clip in channels-last.

    Args:
        clip: (B, C, T, H, W).

    Returns:
        (B, C).

    >>> position_mean(torch.ones(2, 3, 4, 5, 6)).shape
    torch.Size([2, 3])
    """
    batch, channels, frames, height, width = clip.shape
    rows = clip.permute(0, 2, 3, 4, 1)
    if channels < MIN_ROW:
        lines = rows.reshape(batch, frames * height, width * channels)
        rows = lines.sum(1).view(batch, width, channels)
    else:
        rows = rows.flatten(1, 3)
    # torch's sums take less than its means.
    return rows.sum(1).mul_(1 / (frames * height * width))


class PositionMean(nn.Module):
    """The mean over all positions of a clip in channels-last."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C, 1, 1, 1)."""
        return position_mean(x).view(*x.shape[:2], 1, 1, 1)


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


def mean_by_sums(graph: fx.GraphModule) -> int:
    """Compute the mean over all positions by `PositionMean`, in place; give how often."""
    found = [node for node in graph.graph.nodes if node.target is aten.mean.dim]
    found = [node for node in found if _is_position_mean(node)]
    for node in found:
        replace(graph, (node, node), "mean", PositionMean(), (node.args[0],))
    return len(found)


def _is_position_mean(node: fx.Node) -> bool:
    clip, dims, *_ = node.args
    kept = argument(node, 2, False) and not node.kwargs
    if not isinstance(clip, fx.Node) or not isinstance(dims, list | tuple) or not kept:
        return False
    return clip.meta["val"].dim() == 5 and {int(str(d)) % 5 for d in dims} == {2, 3, 4}


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
