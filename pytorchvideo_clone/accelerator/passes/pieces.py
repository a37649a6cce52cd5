"""Compute large clips, of which the next layer makes smaller ones, a few frames at a time.

What is larger than `LIMIT` the C library returns to the system as soon as it is free, and the
system hands it out again page by page, in which the first layers of X3D-M, measured, spend more
time than in their sums.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.graph import argument, only_user, replace
from pytorchvideo_clone.accelerator.passes.onednn import FusedConv, FusedRows, Packed
from pytorchvideo_clone.accelerator.passes.quantize import layer_name

__all__ = ["LIMIT", "InPieces", "compute_in_pieces"]

aten = torch.ops.aten
# Bytes; glibc's largest threshold for memory that it keeps.
LIMIT = 32 << 20
# Measured: with fewer frames at a time, as in X3D-L, those computed twice cost more than is gained.
MIN_READS = 4
# Place and default of the arguments of a pool: size, stride, padding, dilation, rounding.
_POOL = ((1, 0), (2, None), (3, 0), (4, 1), (5, False))


class InPieces(nn.Module):
    """Two layers, of which the first gives a few frames at a time.

    Args:
        first: computes each frame from the frame at the same time.
        second: computes each frame from several.
        kernel, stride, padding: of `second` along time.
        frames: how many frames `first` gives at most, as many as `second` reads for one or more.
    """

    def __init__(
        self,
        first: nn.Module,
        second: nn.Module,
        kernel: int,
        stride: int,
        padding: int,
        frames: int,
    ) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.kernel, self.stride, self.padding, self.frames = kernel, stride, padding, frames

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        clips = [torch.cat([*self._pieces(clip)], dim=2) for clip in x.split(1)]
        return clips[0] if len(clips) == 1 else torch.cat(clips)  # torch copies one, too

    def _pieces(self, clip: Tensor) -> Iterator[Tensor]:
        length = (clip.shape[2] + 2 * self.padding - self.kernel) // self.stride + 1
        reads = _reads(self.kernel, self.stride, self.padding)
        count = math.ceil(length / ((self.frames - reads) // self.stride + 1))
        ends = [length * i // count for i in range(count + 1)]
        for begin, end in itertools.pairwise(ends):
            # What `second` reads; of its result, the ends are wrong that lie within the clip.
            skipped = max(begin - math.ceil(self.padding / self.stride), 0)
            stop = (end - 1) * self.stride - self.padding + self.kernel
            piece = self.second(self.first(clip[:, :, skipped * self.stride : stop]))
            yield piece[:, :, begin - skipped : end - skipped]


def compute_in_pieces(graph: fx.GraphModule, limit: int = LIMIT) -> int:
    """Compute layers that give more than `limit` bytes a clip by `InPieces`, in place.

    Args:
        graph: in which convolutions are fused.
        limit: bytes.

    Returns:
        How many; those stay whose result others read too, or a layer that gives as much, or one
        that reads many frames of those that fit.
    """
    found = 0
    for node in list(graph.graph.nodes):
        user = only_user(node)
        if user is None:
            continue
        first, second = _framewise(graph, node), _over_time(graph, user)
        if first is None or second is None:
            continue
        whole, left = (_clip_bytes(x, first.packed.dtype) for x in (node, user))
        frames = limit * node.meta["val"].shape[2] // max(whole, 1)
        if whole <= limit or left > limit or frames < MIN_READS * _reads(*second[1:]):
            continue
        called = [x for x in (node, user) if x.op == "call_module"]
        user.meta["layers"] = {layer_name(x): str(x.target).rpartition("_")[0] for x in called}
        replace(graph, (node, user), "in_pieces", InPieces(first, *second, frames), node.args)
        graph.graph.erase_node(node)
        found += 1
    return found


class _Second(NamedTuple):
    layer: nn.Module
    kernel: int
    stride: int
    padding: int


def _framewise(graph: fx.GraphModule, node: fx.Node) -> Packed | None:
    """Give the layer that a node calls, if it computes each frame from one frame."""
    layer = _layer(graph, node)
    if isinstance(layer, FusedRows):
        return layer
    if not isinstance(layer, FusedConv) or len(node.args) > 1:
        return None
    g = layer.geometry
    return layer if (g.kernel[0], g.stride[0], g.padding[0]) == (1, 1, 0) else None


def _over_time(graph: fx.GraphModule, node: fx.Node) -> _Second | None:
    """Give the layer that a node calls, if it is a convolution or a pool, and what it reads."""
    layer = _layer(graph, node)
    if isinstance(layer, FusedConv) and len(node.args) == 1:
        g = layer.geometry
        second = _Second(layer, g.kernel[0], g.stride[0], g.padding[0])
        return second if g.dilation[0] == 1 and g.padding[0] < g.kernel[0] else None
    if node.target is not aten.max_pool3d.default:
        return None
    size, stride, padding, dilation, ceil = (argument(node, i, d) for i, d in _POOL)
    stride = stride or size
    if [_frames(x) for x in (size, stride, padding)] != [1, 1, 0]:
        return None
    return _Second(nn.MaxPool3d(size, stride, padding, dilation, ceil_mode=ceil), 1, 1, 0)


def _reads(kernel: int, stride: int, padding: int) -> int:
    """How many frames a layer gets for one frame, from one that it can begin with."""
    return kernel + -padding % stride


def _layer(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _clip_bytes(node: fx.Node, dtype: torch.dtype) -> int:
    return math.prod(int(length) for length in node.meta["val"].shape[1:]) * dtype.itemsize


def _frames(size: Any) -> int:
    return size if isinstance(size, int) else size[0]
