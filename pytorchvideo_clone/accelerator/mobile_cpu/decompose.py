"""A 3D convolution as a sum of 2D ones, one for each tap of its kernel along time."""

import copy
import functools
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pytorchvideo_clone.accelerator.train_cpu import computes_as_conv3d
from pytorchvideo_clone.layers.fold import batch_norm_affine

__all__ = ["FrameConv3d", "fold_norm", "tap_reach", "why_not_decomposed", "why_not_replaced"]


class FrameConv3d(nn.Module):
    """A 3D convolution computed frame by frame, for runtimes that have 2D convolutions alone.

    Frames are the batch of the 2D convolutions: each tap of the temporal kernel is one call over
    all the frames that it reads. Batch, length and size of the clip may change from call to call.
    The result lies frame after frame in memory, so that in a row of such layers no clip is copied.

    Args:
        conv: any kernel size, stride, padding with zeros, dilation, groups; it stays as it is.

    Raises:
        ValueError: if its padding is of another kind.

    >>> conv = nn.Conv3d(4, 6, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0))
    >>> x = torch.randn(2, 4, 5, 8, 8)
    >>> torch.allclose(FrameConv3d(conv)(x), conv(x), atol=1e-5)
    True
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        reason = why_not_decomposed(conv)
        if reason:
            raise ValueError(f"{conv} cannot be computed frame by frame: {reason}.")
        assert not isinstance(conv.padding, str)
        self.kernel_size, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        self.padding, self.groups = conv.padding, conv.groups
        self.taps = nn.ParameterList(
            nn.Parameter(tap.clone(), conv.weight.requires_grad)
            for tap in conv.weight.detach().unbind(2)
        )
        self.bias = None
        if conv.bias is not None:
            self.bias = nn.Parameter(conv.bias.detach().clone(), conv.bias.requires_grad)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        clip, padding = x.transpose(1, 2), self.padding[0]
        steps = self._steps(clip.shape[1])
        reaches = self._reaches(clip.shape[1], padding, steps)
        if (0, steps) not in reaches:
            # No tap reads a frame for every step of the result: let all read frames of zeros too.
            clip, padding = F.pad(clip, (0, 0, 0, 0, 0, 0, padding, padding)), 0
            reaches = self._reaches(clip.shape[1], padding, steps)
        whole = reaches.index((0, steps))
        # Taps at the ends read fewer frames: what they add begins and ends where they reach.
        sums = {
            i: self._convolve(clip, i, reach, padding, self.bias if i == whole else None)
            for i, reach in enumerate(reaches)
            if reach[0] < reach[1]
        }
        edges = sorted({edge for i in sums for edge in reaches[i]})
        parts = [
            functools.reduce(
                torch.add,
                (
                    y[:, first - reaches[i][0] : end - reaches[i][0]]
                    for i, y in sums.items()
                    if reaches[i][0] <= first and end <= reaches[i][1]
                ),
            )
            for first, end in itertools.pairwise(edges)
        ]
        return (torch.cat(parts, 1) if len(parts) > 1 else parts[0]).transpose(1, 2)

    def _steps(self, frames: int) -> int:
        room = frames + 2 * self.padding[0] - self.dilation[0] * (len(self.taps) - 1)
        if room < 1:
            raise RuntimeError(
                f"the clip has {frames} frames; a kernel of {len(self.taps)} along time, dilation "
                f"{self.dilation[0]} and padding {self.padding[0]}, takes {frames + 1 - room}."
            )
        return (room - 1) // self.stride[0] + 1

    def _reaches(self, frames: int, padding: int, steps: int) -> list[tuple[int, int]]:
        return [
            tap_reach(i * self.dilation[0] - padding, frames, self.stride[0], steps)
            for i in range(len(self.taps))
        ]

    def _convolve(
        self, clip: Tensor, tap: int, reach: tuple[int, int], padding: int, bias: Tensor | None
    ) -> Tensor:
        """(B, T, C, H, W) -> (B, steps within reach, C', H', W')."""
        first, end = reach
        stride = self.stride[0]
        start = first * stride + tap * self.dilation[0] - padding
        frames = clip[:, start : start + (end - first - 1) * stride + 1 : stride]
        y = F.conv2d(
            frames.flatten(0, 1),
            self.taps[tap],
            bias,
            self.stride[1:],
            self.padding[1:],
            self.dilation[1:],
            self.groups,
        )
        return y.reshape(clip.shape[0], end - first, *y.shape[1:])

    def extra_repr(self) -> str:
        """The geometry, as of a 3D convolution."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, groups={self.groups}"
        )


def tap_reach(offset: int, frames: int, stride: int, steps: int) -> tuple[int, int]:
    """Give the steps [first, end) of the result for which a tap reads a frame, not padding.

    Args:
        offset: of the frame that the tap reads for step 0; negative before the first frame.
        frames: of the clip.
        stride: frames from one step to the next.
        steps: of the result.

    >>> [tap_reach(offset, frames=4, stride=1, steps=4) for offset in (-1, 0, 1)]
    [(1, 4), (0, 4), (0, 3)]
    """
    first = max(0, -(offset // stride))
    end = min(steps, (frames - 1 - offset) // stride + 1)
    return first, max(first, end)


def why_not_decomposed(conv: nn.Conv3d) -> str:
    """Say why `FrameConv3d` cannot compute a convolution; empty if it can.

    >>> why_not_decomposed(nn.Conv3d(3, 4, 3, padding=1, padding_mode="replicate"))
    "its padding_mode is 'replicate', not 'zeros'"
    """
    if conv.padding_mode != "zeros":
        return f"its padding_mode is {conv.padding_mode!r}, not 'zeros'"
    if isinstance(conv.padding, str):
        return f"its padding is {conv.padding!r}, not a number"
    return ""


def why_not_replaced(conv: nn.Conv3d) -> str:
    """Say why a convolution must stay in its model as it is; empty if `FrameConv3d` does the same.

    >>> conv = nn.Conv3d(3, 4, 3)
    >>> why_not_replaced(conv)
    ''
    >>> handle = conv.register_forward_hook(lambda module, args, output: 2 * output)
    >>> why_not_replaced(conv)
    'it has hooks, which may change what it computes'
    """
    if not computes_as_conv3d(conv):
        return f"a {type(conv).__name__} may compute something else than a convolution"
    if conv._forward_hooks or conv._forward_pre_hooks:
        return "it has hooks, which may change what it computes"
    return why_not_decomposed(conv)


@torch.no_grad()
def fold_norm(conv: nn.Conv3d, norm: _BatchNorm | None) -> nn.Conv3d:
    """Make the convolution that computes `norm(conv(x))` in evaluation.

    Args:
        conv: stays as it is.
        norm: of its result, also one of several processes, or None: then the convolution is copied.

    >>> conv, norm = nn.Conv3d(2, 3, 1), nn.BatchNorm3d(3).eval()
    >>> x = torch.randn(1, 2, 4, 5, 5)
    >>> torch.allclose(fold_norm(conv, norm)(x), norm(conv(x)), atol=1e-6)
    True
    """
    folded = copy.deepcopy(conv)
    if norm is not None:
        scale, shift = batch_norm_affine(norm)
        folded.weight.mul_(scale.reshape(-1, 1, 1, 1, 1))
        if conv.bias is not None:
            shift = shift + conv.bias * scale
        folded.bias = nn.Parameter(shift, conv.weight.requires_grad)
    return folded
