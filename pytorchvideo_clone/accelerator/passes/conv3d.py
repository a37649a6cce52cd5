"""Compute each 3D convolution by the cheapest exact equivalent of its kind on a CPU.

torch sends 3D convolutions whose kernel is 1 along height and width, and those of few channels, to
a slow kernel, and loses the layout on the way. As 2D convolutions in channels-last they take the
fast one; between five and four dimensions nothing is copied there.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.graph import argument, constant, replace

__all__ = ["KERNELS", "cheapest", "choose_conv3d_kernels", "geometry_of", "to_channels_last"]

aten = torch.ops.aten
Size = tuple[int, ...]
# Dimensions of a weight -> the layout in which the kernels are fast.
LAYOUTS = {2: torch.contiguous_format, 4: torch.channels_last, 5: torch.channels_last_3d}


class Geometry(NamedTuple):
    """A convolution without its weights, and the (T, H, W) of the clip that it gets."""

    clip: Size
    kernel: Size
    stride: Size
    padding: Size
    dilation: Size
    groups: int

    @property
    def pointwise(self) -> bool:
        """Whether each position is computed from itself alone."""
        return self.kernel == self.stride == (1, 1, 1) and self.padding == (0, 0, 0)


class ConvKernel(nn.Module):
    """One way to compute a 3D convolution: weights as it wants them, and the geometry."""

    def __init__(self, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> None:
        super().__init__()
        weight = self.prepare(weight)
        self.weight = nn.Buffer(weight.clone(memory_format=LAYOUTS[weight.dim()]))
        self.bias = None if bias is None else nn.Buffer(bias.clone())
        self.geometry = geometry

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        return self.compute(x, self.weight, self.bias, self.geometry)

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Whether this way computes such a convolution, and is the cheapest that does."""
        raise NotImplementedError

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """(C', C / groups, T, H, W) -> a view of the weight as `compute` wants it."""
        raise NotImplementedError

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, T, H, W) and a prepared weight -> (B, C', T', H', W'); with gradients."""
        raise NotImplementedError


class Linear(ConvKernel):
    """A pointwise convolution of one position, as in squeeze-and-excitation: a linear layer."""

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Clips of one position, no groups."""
        return geometry.pointwise and geometry.groups == 1 and geometry.clip == (1, 1, 1)

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """(C', C)."""
        return weight.flatten(1)

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, 1, 1, 1) -> (B, C', 1, 1, 1)."""
        y = F.linear(x.reshape(len(x), -1), weight, bias)
        return y.view(*y.shape, 1, 1, 1)


class OnRows(ConvKernel):
    """A pointwise convolution of a short clip: 2D, over the rows of all frames as a batch."""

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Fewer than 16 frames: measured, a batch that short leaves the 2D kernel idle."""
        return geometry.pointwise and geometry.groups == 1 and geometry.clip[0] < 16

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """(C', C, 1, 1)."""
        return weight[:, :, 0]

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T, H, W)."""
        batch, channels, frames, height, width = x.shape
        rows = x.permute(0, 2, 3, 4, 1).reshape(batch * frames * height, 1, width, channels)
        y = F.conv2d(rows.permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1)
        return y.reshape(batch, frames, height, width, -1).permute(0, 4, 1, 2, 3)


class OnFrames(ConvKernel):
    """A convolution over space alone: 2D, over the frames as a batch."""

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Kernel and stride 1 along time, no padding there."""
        return geometry.kernel[0] == geometry.stride[0] == 1 and geometry.padding[0] == 0

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """(C', C / groups, H, W)."""
        return weight[:, :, 0]

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T, H', W')."""
        batch, frames = x.shape[0], x.shape[2]
        images = x.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
        y = F.conv2d(
            images, weight, bias, g.stride[1:], g.padding[1:], g.dilation[1:], g.groups
        ).permute(0, 2, 3, 1)
        return y.reshape(batch, frames, *y.shape[1:]).permute(0, 4, 1, 2, 3)


class OverTime(ConvKernel):
    """A convolution over time alone: 2D, over time and all positions as height and width."""

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Kernel and stride 1 along height and width, no padding there."""
        plane = geometry.kernel[1:] == geometry.stride[1:] == (1, 1)
        return plane and geometry.padding[1:] == (0, 0)

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """(C', C / groups, T, 1)."""
        return weight[..., 0]

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H, W)."""
        batch, channels, frames, height, width = x.shape
        image = x.permute(0, 2, 3, 4, 1).reshape(batch, frames, height * width, channels)
        y = F.conv2d(
            image.permute(0, 3, 1, 2),
            weight,
            bias,
            (g.stride[0], 1),
            (g.padding[0], 0),
            (g.dilation[0], 1),
            g.groups,
        ).permute(0, 2, 3, 1)
        return y.reshape(batch, y.shape[1], height, width, -1).permute(0, 4, 1, 2, 3)


class Native(ConvKernel):
    """torch's own 3D convolution, in channels-last."""

    @staticmethod
    def fits(geometry: Geometry) -> bool:
        """Everything."""
        return True

    @staticmethod
    def prepare(weight: Tensor) -> Tensor:
        """The same."""
        return weight

    @staticmethod
    def compute(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        x = x.contiguous(memory_format=torch.channels_last_3d)
        return F.conv3d(x, weight, bias, g.stride, g.padding, g.dilation, g.groups)


# The first that fits computes the convolution.
KERNELS: dict[str, type[ConvKernel]] = {
    "linear": Linear,
    "rows": OnRows,
    "frames": OnFrames,
    "time": OverTime,
    "native": Native,
}


def choose_conv3d_kernels(graph: fx.GraphModule) -> int:
    """Replace 3D convolutions by modules of `KERNELS`, in place; give how many.

    `measure_kernels` may have chosen; otherwise it is the first that fits.
    """
    found = 0
    for node in list(graph.graph.nodes):
        geometry = geometry_of(graph, node)
        if geometry is None:
            continue
        weight, bias = constant(graph, node.args[1]), constant(graph, argument(node, 2, None))
        assert weight is not None
        kind = node.meta.get("kernel") or cheapest(geometry)
        kernel = KERNELS[kind](weight, bias, geometry)
        replace(graph, (node, node), kind, kernel, (node.args[0],))
        found += 1
    return found


def cheapest(geometry: Geometry) -> str:
    """Name the first of `KERNELS` that fits."""
    return next(kind for kind, kernel in KERNELS.items() if kernel.fits(geometry))


def geometry_of(graph: fx.GraphModule, node: fx.Node) -> Geometry | None:
    """Give the geometry of a 3D convolution of batches, by constant weights; None for others."""
    if node.target is not aten.conv3d.default:
        return None
    clip, weight, bias = node.args[0], constant(graph, node.args[1]), argument(node, 2, None)
    assert isinstance(clip, fx.Node)
    if clip.meta["val"].dim() != 5 or weight is None:
        return None
    if bias is not None and constant(graph, bias) is None:
        return None
    return Geometry(
        clip=tuple(clip.meta["val"].shape[2:]),
        kernel=tuple(weight.shape[2:]),
        stride=_triple(argument(node, 3, 1)),
        padding=_triple(argument(node, 4, 0)),
        dilation=_triple(argument(node, 5, 1)),
        groups=argument(node, 6, 1),
    )


def to_channels_last(graph: fx.GraphModule) -> int:
    """Bring the clips that the graph gets into channels-last, in place; give how many."""
    inputs = [
        node
        for node in graph.graph.nodes
        if node.op == "placeholder" and isinstance(node.meta.get("val"), Tensor)
    ]
    clips = [node for node in inputs if node.meta["val"].dim() == 5]
    for clip in clips:
        with graph.graph.inserting_after(clip):
            moved = graph.graph.call_function(_channels_last, (clip,))
        moved.meta = dict(clip.meta)
        clip.replace_all_uses_with(
            moved, delete_user_cb=lambda user, moved=moved: user is not moved
        )
    return len(clips)


def _channels_last(clip: Tensor) -> Tensor:
    return clip.contiguous(memory_format=torch.channels_last_3d)


def _triple(size: Any) -> Size:
    size = (size,) if isinstance(size, int) else tuple(size)
    return size * 3 if len(size) == 1 else size
