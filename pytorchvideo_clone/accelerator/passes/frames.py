"""Compute clips as frames: every activation (T * B, C, H, W), every convolution 2D.

Runtimes of phones know no 3D convolution. With time outermost, a convolution over space is one call
for all frames, and what a tap of a kernel along time reads is a range of the first axis: memory in
one piece.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import fx

from pytorchvideo_clone.accelerator.passes.graph import add_constant, argument, constant

__all__ = ["to_frames"]

aten = torch.ops.aten

# Operators that work on each number or channel alone: on frames they are the same.
ALONE = (
    aten.batch_norm.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.gelu.default,
    aten.hardsigmoid.default,
    aten.hardswish.default,
    aten.hardtanh.default,
    aten.relu.default,
    aten.sigmoid.default,
    aten.silu.default,
    aten.tanh.default,
)
BINARY = (aten.add.Tensor, aten.div.Tensor, aten.mul.Tensor, aten.sub.Tensor)
OUT_OF_PLACE: dict[Any, Any] = {
    aten.add_.Tensor: aten.add.Tensor,
    aten.hardtanh_.default: aten.hardtanh.default,
    aten.mul_.Tensor: aten.mul.Tensor,
    aten.relu_.default: aten.relu.default,
    aten.sigmoid_.default: aten.sigmoid.default,
    aten.silu_.default: aten.silu.default,
}


def to_frames(graph: fx.GraphModule) -> int:
    """Let operators on clips work on frames, in place; give how many 3D convolutions became 2D.

    An operator that has no form on frames stays as it is, between two changes of layout.
    """
    for node in graph.graph.nodes:
        if node.target in OUT_OF_PLACE and len(node.args[0].users) == 1:
            node.target = OUT_OF_PLACE[node.target]
    writer = _Writer(graph)
    lowered = [node for node in list(graph.graph.nodes) if writer.lower(node)]
    convolutions = sum(node.target is aten.conv3d.default for node in lowered)
    for node in lowered:
        writer.restore(node)
    graph.graph.eliminate_dead_code()
    return convolutions


class _Frames(NamedTuple):
    """The frames of a clip: a node (T * B, C, H, W). B may be symbolic."""

    node: fx.Node
    batch: Any
    length: int
    size: tuple[int, int, int]


class _Writer:
    """Writes operators on frames into a graph, and keeps the frames of each clip."""

    def __init__(self, graph: fx.GraphModule) -> None:
        self.graph = graph
        self.known: dict[fx.Node, _Frames] = {}
        self.layer: Any = None

    def call(self, operator: Any, *args: Any) -> fx.Node:
        """Add an operator where the graph is being written, to the layer that is lowered."""
        node = self.graph.graph.call_function(operator, args)
        node.meta["nn_module_stack"] = self.layer
        return node

    def lower(self, node: fx.Node) -> bool:
        """Add what computes a clip's frames before the operator that computes the clip."""
        rule = RULES.get(node.target)
        clips = [x for x in node.all_input_nodes if x.op != "get_attr"]
        batches = {str(x.meta["val"].shape[0]) for x in [node, *clips] if _is_clip(x)}
        if rule is None or len(batches) != 1 or not all(map(_is_clip, [node, *clips])):
            return False
        self.layer = node.meta.get("nn_module_stack")
        with self.graph.graph.inserting_before(node):
            frames = rule(self, node)
        if frames is not None:
            self.known[node] = _frames(frames, node)
        return frames is not None

    def restore(self, clip: fx.Node) -> None:
        """Give the clip back to whoever reads it."""
        frames = self.known[clip]
        with self.graph.graph.inserting_before(clip):
            rows = self.call(aten.reshape.default, frames.node, [frames.length, -1, *frames.size])
            restored = self.call(aten.permute.default, rows, [1, 2, 0, 3, 4])
        restored.meta = dict(clip.meta)
        clip.replace_all_uses_with(restored)

    def frames(self, clip: fx.Node) -> _Frames:
        """(B, C, T, H, W) -> (T * B, C, H, W)."""
        if clip not in self.known:
            _, channels, _, height, width = clip.meta["val"].shape
            with self.graph.graph.inserting_after(clip):
                rows = self.call(aten.permute.default, clip, [2, 0, 1, 3, 4])
            with self.graph.graph.inserting_after(rows):
                node = self.call(aten.reshape.default, rows, [-1, channels, height, width])
            self.known[clip] = _frames(node, clip)
        return self.known[clip]

    def cut(self, frames: _Frames, times: range) -> _Frames:
        """Take the frames at these times."""
        if len(times) == 1:
            times = range(times[0], times[0] + 1)
        if times == range(frames.length):
            return frames
        batch, (channels, height, width) = frames.batch, frames.size
        begin, end, step = times.start, times[-1] + 1, times.step
        # How far `begin` is in the row of `step` frames that holds it; rows may not pass the end.
        first = max(0, begin + len(times) * step - frames.length)
        if isinstance(batch, int) and step == 1:
            node = self.call(aten.slice.Tensor, frames.node, 0, begin * batch, end * batch)
        elif isinstance(batch, int) and first <= begin and first < step:
            # XNNPACK has no slices with a step: cut a column from a table of `step` frames a row.
            rows = range(begin - first, begin - first + len(times) * step)
            row = batch * channels
            shape = [len(times), step * row, height, width]
            table = self.call(aten.reshape.default, self.cut(frames, rows).node, shape)
            table = self.call(aten.slice.Tensor, table, 1, first * row, (first + 1) * row)
            node = self.call(aten.reshape.default, table, [-1, *frames.size])
        else:
            shape = [frames.length, -1, *frames.size]
            table = self.call(aten.reshape.default, frames.node, shape)
            table = self.call(aten.slice.Tensor, table, 0, begin, end, step)
            node = self.call(aten.reshape.default, table, [-1, *frames.size])
        return frames._replace(node=node, length=len(times))

    def pad(self, frames: _Frames, length: int) -> _Frames:
        """Add frames of zeros at both ends."""
        rows = self.call(aten.reshape.default, frames.node, [frames.length, -1, *frames.size])
        rows = self.call(aten.constant_pad_nd.default, rows, [0] * 8 + [length, length])
        node = self.call(aten.reshape.default, rows, [-1, *frames.size])
        return frames._replace(node=node, length=frames.length + 2 * length)

    def over_time(self, frames: _Frames, pool: Callable[[fx.Node], fx.Node]) -> fx.Node:
        """Apply a 2D pool whose kernel is 1 wide to (B, C, T, H * W)."""
        channels, height, width = frames.size
        shape = [frames.length, -1, channels, height * width]
        image = self.call(aten.reshape.default, frames.node, shape)
        image = pool(self.call(aten.permute.default, image, [1, 2, 0, 3]))
        image = self.call(aten.permute.default, image, [2, 0, 1, 3])
        return self.call(aten.reshape.default, image, [-1, *frames.size])


def _alone(writer: _Writer, node: fx.Node) -> fx.Node | None:
    clip, *others = node.args
    assert isinstance(clip, fx.Node)
    return writer.call(node.target, writer.frames(clip).node, *others)


def _binary(writer: _Writer, node: fx.Node) -> fx.Node | None:
    if node.kwargs or any(isinstance(x, fx.Node) and not _is_clip(x) for x in node.args):
        return None
    operands: list[Any] = []
    for x in node.args:
        if isinstance(x, fx.Node):
            frames = writer.frames(x)
            repeats = node.meta["val"].shape[2] // frames.length
            x = frames.node
            if repeats > 1 and frames.batch != 1:  # one frame meets many, as a gate does
                x = writer.call(aten.repeat.default, x, [repeats, 1, 1, 1])
        operands.append(x)
    return writer.call(node.target, *operands)


def _cat(writer: _Writer, node: fx.Node) -> fx.Node | None:
    clips = node.args[0]
    assert isinstance(clips, Sequence)
    if argument(node, 1, 0) not in (1, -4):
        return None
    return writer.call(node.target, [writer.frames(clip).node for clip in clips], 1)  # type: ignore[arg-type]


def _mean(writer: _Writer, node: fx.Node) -> fx.Node | None:
    clip, axes, *keep = node.args
    assert isinstance(clip, fx.Node) and isinstance(axes, Sequence)
    if sorted(axis % 5 for axis in axes) != [2, 3, 4] or keep != [True] or node.kwargs:  # type: ignore[operator]
        return None
    frames = writer.frames(clip)
    means = writer.call(aten.mean.dim, frames.node, [2, 3], True)
    if frames.length == 1:
        return means
    channels = frames.size[0]
    rows = writer.call(aten.reshape.default, means, [frames.length, -1, channels, 1])
    rows = writer.call(aten.permute.default, rows, [1, 2, 0, 3])
    return writer.call(aten.mean.dim, rows, [2, 3], True)


def _max_pool(writer: _Writer, node: fx.Node) -> fx.Node | None:
    if any(value != 1 for value in _triple(argument(node, 4, 1))) or argument(node, 5, False):
        return None
    return _pool(writer, node, aten.max_pool2d.default)


def _avg_pool(writer: _Writer, node: fx.Node) -> fx.Node | None:
    padded = any(_triple(argument(node, 3, 0)))
    ceil, whole = argument(node, 4, False), argument(node, 5, True)
    if ceil or argument(node, 6, None) is not None or (padded and not whole):
        return None
    return _pool(writer, node, aten.avg_pool2d.default)


def _pool(writer: _Writer, node: fx.Node, operator: Any) -> fx.Node:
    kernel = _triple(node.args[1])
    stride = _triple(argument(node, 2, None) or kernel)
    padding = _triple(argument(node, 3, 0))
    frames = writer.frames(node.args[0])  # type: ignore[arg-type]
    if kernel[1:] != (1, 1) or stride[1:] != (1, 1):
        pooled = writer.call(
            operator, frames.node, list(kernel[1:]), list(stride[1:]), list(padding[1:])
        )
        size = (frames.size[0], *node.meta["val"].shape[3:])
        frames = frames._replace(node=pooled, size=size)
    if (kernel[0], stride[0]) == (1, 1):
        return frames.node
    time = ([kernel[0], 1], [stride[0], 1], [padding[0], 0])
    return writer.over_time(frames, lambda image: writer.call(operator, image, *time))


def _convolve(writer: _Writer, node: fx.Node) -> fx.Node | None:
    """One 2D convolution a tap, of the real frames that the tap reads; what they give is summed.

    No frames of zeros are made: they would cost a copy of the clip.
    """
    clip, bias = node.args[0], argument(node, 2, None)
    weight = constant(writer.graph, node.args[1])
    assert isinstance(clip, fx.Node)
    if weight is None or (bias is not None and constant(writer.graph, bias) is None):
        return None
    stride, padding, dilation = (
        _triple(argument(node, i, default)) for i, default in ((3, 1), (4, 0), (5, 1))
    )
    plane = (list(stride[1:]), list(padding[1:]), list(dilation[1:]), argument(node, 6, 1))
    frames, length = writer.frames(clip), node.meta["val"].shape[2]
    size = (weight.shape[0], *node.meta["val"].shape[3:])

    def reads(tap: int, begin: int, end: int) -> range:
        """The times of the clip that a tap reads for the times [begin, end) of the result."""
        offset = tap * dilation[0] - shift
        return range(begin * stride[0] + offset, (end - 1) * stride[0] + offset + 1, stride[0])

    def reach(tap: int) -> range:
        """The times of the result to which a tap brings a real frame."""
        times = [t for t in range(length) if 0 <= reads(tap, t, t + 1)[0] < frames.length]
        return range(times[0], times[-1] + 1) if times else range(0)

    def convolve(tap: int, read: _Frames) -> _Frames:
        if tap not in weights:
            weights[tap] = add_constant(writer.graph, node, weight[:, :, tap].clone())
        given = (read.node, weights[tap], bias if tap == centre else None, *plane)
        return read._replace(node=writer.call(aten.conv2d.default, *given), size=size)

    weights: dict[int, fx.Node] = {}
    shift, taps = padding[0], range(weight.shape[2])
    centre = max(taps, key=lambda tap: len(reach(tap)))
    if len(reach(centre)) < length:  # no tap reaches everything, as with an even kernel
        frames, shift = writer.pad(frames, shift), 0
    whole = convolve(centre, writer.cut(frames, reads(centre, 0, length)))
    reached = {tap: times for tap in taps if tap != centre and (times := reach(tap))}
    if not reached:
        return whole.node
    # Frames are copied where they are smaller, before the convolution or after it.
    shrinks = stride[0] == 1 and math.prod(size) < math.prod(frames.size)
    uncut = {tap: convolve(tap, frames) for tap in reached} if shrinks else {}
    # Between two cuts the same taps reach every frame.
    cuts = {0, length, *(cut for times in reached.values() for cut in (times.start, times.stop))}
    spans = list(itertools.pairwise(sorted(cuts)))
    # The centre is added to all times at once, unless it is alone at some.
    alone = not all(any(begin in times for times in reached.values()) for begin, _ in spans)
    sums = []
    for begin, end in spans:
        total = writer.cut(whole, range(begin, end)).node if alone else None
        for tap in reached:
            if begin in reached[tap]:
                times = reads(tap, begin, end)
                part = (
                    writer.cut(uncut[tap], times)
                    if shrinks
                    else convolve(tap, writer.cut(frames, times))
                ).node
                total = part if total is None else writer.call(aten.add.Tensor, total, part)
        sums.append(total)
    joined = sums[0] if len(sums) == 1 else writer.call(aten.cat.default, sums, 0)
    return joined if alone else writer.call(aten.add.Tensor, whole.node, joined)


RULES: dict[Any, Callable[[_Writer, fx.Node], fx.Node | None]] = {
    **dict.fromkeys(ALONE, _alone),
    **dict.fromkeys(BINARY, _binary),
    aten.avg_pool3d.default: _avg_pool,
    aten.cat.default: _cat,
    aten.conv3d.default: _convolve,
    aten.max_pool3d.default: _max_pool,
    aten.mean.dim: _mean,
}


def _is_clip(node: fx.Node) -> bool:
    """Whether it is a tensor (B, C, T, H, W) of which but B is fixed."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.dim() != 5:
        return False
    return all(isinstance(size, int) for size in value.shape[1:])


def _frames(node: fx.Node, clip: fx.Node) -> _Frames:
    batch, channels, length, height, width = clip.meta["val"].shape
    return _Frames(node, batch, length, (channels, height, width))


def _triple(size: Any) -> tuple[int, ...]:
    size = (size,) if isinstance(size, int) else tuple(size)
    return size * 3 if len(size) == 1 else size
