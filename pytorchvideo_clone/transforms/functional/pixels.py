"""Pixel values: ranges, types, normalisation."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["check_unit_range", "div_255", "float_to_uint8", "normalize", "uint8_to_float"]


def div_255(x: Tensor) -> Tensor:
    """Divide by 255.

    Args:
        x: any shape, usually 0..255; uint8 becomes float32.

    Returns:
        The same shape, float.

    >>> div_255(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    return x / 255.0


def check_unit_range(video: Tensor) -> None:
    """Refuse floats up to 255, which operations on colours would take for white.

    Args:
        video: any shape; bytes always pass.

    Raises:
        ValueError: if floats exceed 2: interpolation may go a little beyond 1.

    >>> check_unit_range(torch.tensor([255], dtype=torch.uint8))
    """
    if video.is_floating_point() and video.numel() and video.max() > 2:
        raise ValueError(
            f"The clip goes up to {float(video.max()):.5g}; floats must lie within [0, 1]: apply "
            "Div255 before, or ask for bytes (video_dtype=torch.uint8)."
        )


def uint8_to_float(x: Tensor) -> Tensor:
    """Map 0..255 to [0, 1].

    Args:
        x: any shape, uint8.

    Returns:
        The same shape, float32.

    Raises:
        AssertionError: if `x` is not uint8.

    >>> uint8_to_float(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    if x.dtype != torch.uint8:
        raise AssertionError(f"The dtype is {x.dtype}; it must be torch.uint8.")
    return x / 255.0


def float_to_uint8(x: Tensor) -> Tensor:
    """Map [0, 1] to 0..255, each whole number for an equal share of the range.

    Args:
        x: any shape, float within [0, 1].

    Returns:
        The same shape, uint8.

    Raises:
        AssertionError: if `x` is not floating point.

    >>> float_to_uint8(torch.tensor([0.0, 0.5, 1.0]))
    tensor([  0, 127, 255], dtype=torch.uint8)
    """
    if not x.is_floating_point():
        raise AssertionError(f"The dtype is {x.dtype}; it must be floating point, within [0, 1].")
    return (x * (256 - 1e-3)).to(torch.uint8)


def normalize(
    video: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """Subtract the mean of each channel and divide by its standard deviation.

    Args:
        video: (C, T, H, W) or (B, C, T, H, W), float.
        mean: C numbers, or one for all channels, in the range of `video`.
        std: as many, not 0.
        inplace: whether to overwrite `video`.

    Returns:
        The same shape and type; `video` itself if `inplace`.

    Raises:
        TypeError: if `video` is not floating point.
        ValueError: if a standard deviation is 0 or the channels do not match.

    >>> normalize(torch.full((3, 1, 2, 2), 0.9), [0.45] * 3, [0.225] * 3).unique()
    tensor([2.])
    """
    if not video.is_floating_point():
        raise TypeError(
            f"The video is {video.dtype}; normalising needs floating point. "
            "Apply ConvertUint8ToFloat or Div255 before it."
        )
    if 0 in std:
        raise ValueError(f"std is {tuple(std)}; no entry may be 0.")
    channels = video.shape[-4]
    if len(mean) not in (1, channels) or len(mean) != len(std):
        raise ValueError(
            f"mean has {len(mean)} entries and std {len(std)}, but the video {channels} channels."
        )
    centre = _beside(torch.tensor(mean, dtype=video.dtype, device=video.device), video)
    scale = _beside(torch.tensor(std, dtype=video.dtype, device=video.device), video)
    centred = video.sub_(centre) if inplace else video - centre
    return centred.div_(scale)


def _beside(numbers: Tensor, video: Tensor) -> Tensor:
    """Shape a number a channel, (C,) or (1,), so that it meets the channels of a video.

    Where these lie side by side in memory, as decoders write them, a row of them is laid out alike,
    (C, 1, 1, W): torch then runs along whole rows instead of over C numbers at a time.
    """
    channels, width = video.shape[-4], video.shape[-1]
    if len(numbers) > 1 and video.stride(-4) == 1 and video.stride(-1) == channels:
        return numbers.repeat(width).view(1, 1, width, channels).permute(3, 0, 1, 2)
    return numbers.view(-1, 1, 1, 1)
