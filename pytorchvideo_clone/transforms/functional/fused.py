"""Crop, resize, flip, convert and normalise in as few passes over the pixels as there can be.

A box is a rectangle of the source, (top, left, height, width) in whole pixels; only what lies in it
is read. Bytes are resized as bytes and become floats last, in the one pass that normalises them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.functional.boxes import (
    clip_boxes_to_image,
    crop_boxes,
    flip_boxes,
)
from pytorchvideo_clone.transforms.functional.spatial import crop, resize

__all__ = [
    "crop_resize",
    "crop_resize_batch",
    "crop_resize_boxes",
    "crop_resize_normalize",
    "normalize_pixels",
]

Box = tuple[int, int, int, int]


def crop_resize(
    video: Tensor,
    box: Box,
    size: tuple[int, int],
    flip: bool = False,
    interpolation: str = "bilinear",
) -> Tensor:
    """Resize what lies in a box, mirrored or not.

    Args:
        video: (C, T, H, W), float or uint8; fastest for bytes as decoders give them, with the
            channels of a pixel side by side in memory.
        box: top, left, height and width in pixels, within the video.
        size: height and width of the result in pixels.
        flip: whether to mirror left to right.
        interpolation: as in `resize`.

    Returns:
        (C, T, *size), same type.

    >>> crop_resize(torch.zeros(3, 2, 30, 40, dtype=torch.uint8), (5, 6, 20, 24), (10, 12)).shape
    torch.Size([3, 2, 10, 12])
    """
    resized = resize(crop(video, *box), *size, interpolation)
    # torch has a kernel that mirrors images whose channels lie side by side.
    return resized.transpose(0, 1).flip(-1).transpose(0, 1) if flip else resized


def normalize_pixels(video: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Give (video / 255 - mean) / std in one pass that also converts and puts channels first.

    Args:
        video: (C, T, H, W), uint8 or float, 0 to 255, any memory layout.
        mean: of each channel, for pixels within [0, 1].
        std: of each channel, not 0.

    Returns:
        (C, T, H, W) float32, contiguous.

    Raises:
        ValueError: if a standard deviation is 0 or the channels do not match.

    >>> normalize_pixels(torch.full((3, 1, 1, 1), 255), [0.5] * 3, [0.25] * 3).unique()
    tensor([2.])
    """
    scale, shift = _affine(mean, std, video.shape[0], video.device)
    # Copying, multiplying and adding is twice as fast as one operation on mixed types.
    return torch.empty(video.shape, device=video.device).copy_(video).mul_(scale).add_(shift)


def crop_resize_normalize(
    video: Tensor,
    box: Box,
    size: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    flip: bool = False,
    interpolation: str = "bilinear",
) -> Tensor:
    """Turn a box of a clip into a model's input: `crop_resize`, then `normalize_pixels`.

    Args:
        video: (C, T, H, W), uint8 or float, 0 to 255.
        box: as in `crop_resize`.
        size: height and width of the result in pixels.
        mean: of each channel, for pixels within [0, 1].
        std: of each channel, not 0.
        flip: whether to mirror left to right.
        interpolation: as in `resize`.

    Returns:
        (C, T, *size) float32.

    Raises:
        ValueError: as in `normalize_pixels`.

    >>> clip = torch.full((3, 2, 30, 40), 255, dtype=torch.uint8)
    >>> crop_resize_normalize(clip, (5, 6, 20, 20), (8, 8), [0.5] * 3, [0.25] * 3).unique()
    tensor([2.])
    """
    return normalize_pixels(crop_resize(video, box, size, flip, interpolation), mean, std)


def crop_resize_batch(
    videos: Tensor,
    boxes: Sequence[Box],
    size: tuple[int, int],
    flips: Sequence[bool],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Tensor:
    """Crop, resize, flip and normalise every clip of a batch by a box of its own.

    On a CPU clip by clip, on other devices by one interpolation of the whole batch; the results
    differ by rounding alone.

    Args:
        videos: (B, C, T, H, W), uint8 or float, 0 to 255.
        boxes: B boxes as in `crop_resize`.
        size: height and width of the result in pixels.
        flips: B times whether to mirror left to right.
        mean: of each channel, for pixels within [0, 1]; None leaves values and type as they are.
        std: of each channel, not 0.

    Returns:
        (B, C, T, *size), float32 or the type of `videos`.

    Raises:
        ValueError: as in `normalize_pixels`.

    >>> clips = torch.zeros(2, 3, 4, 30, 40, dtype=torch.uint8)
    >>> crop_resize_batch(clips, [(0, 0, 20, 20), (5, 5, 9, 9)], (8, 8), [True, False]).shape
    torch.Size([2, 3, 4, 8, 8])
    """
    if videos.device.type != "cpu":
        return _sample_batch(videos, boxes, size, flips, mean, std)
    resized = (
        crop_resize(video, box, size, flip)
        for video, box, flip in zip(videos, boxes, flips, strict=True)
    )
    if mean is None or std is None:
        views = list(resized)
        return views[0][None] if len(views) == 1 else torch.stack(views)
    scale, shift = _affine(mean, std, videos.shape[1], videos.device)
    batch = torch.empty(*videos.shape[:3], *size)
    for place, view in zip(batch, resized, strict=True):
        place.copy_(view).mul_(scale).add_(shift)
    return batch


def crop_resize_boxes(boxes: Tensor, box: Box, size: tuple[int, int], flip: bool = False) -> Tensor:
    """Move boxes as `crop_resize` moves pixels, clipped to the result.

    Args:
        boxes: (K, 4) pixels x1 y1 x2 y2; whole numbers become float32.
        box: as in `crop_resize`.
        size: height and width of the result in pixels.
        flip: whether the clip is mirrored.

    Returns:
        (K, 4), float.

    >>> crop_resize_boxes(torch.tensor([[12.0, 8.0, 16.0, 12.0]]), (4, 10, 8, 8), (16, 16))
    tensor([[ 4.,  8., 12., 15.]])
    """
    top, left, height, width = box
    across, down = size[1] / width, size[0] / height
    boxes = boxes if boxes.is_floating_point() else boxes.float()
    moved = crop_boxes(boxes, left, top) * boxes.new_tensor([across, down, across, down])
    moved = clip_boxes_to_image(moved, *size)
    return flip_boxes(moved, size[1]) if flip else moved


def _affine(
    mean: Sequence[float], std: Sequence[float], channels: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Scale and shift, (C, 1, 1, 1) each, that normalise pixels 0 to 255."""
    if 0 in std:
        raise ValueError(f"std is {tuple(std)}; no entry may be 0.")
    if len(mean) != channels or len(std) != channels:
        raise ValueError(
            f"mean has {len(mean)} entries and std {len(std)}, but the video {channels} channels."
        )
    deviations = torch.tensor(std, dtype=torch.float64)
    scale, shift = 1 / (255 * deviations), -torch.tensor(mean, dtype=torch.float64) / deviations
    return (
        scale.float().to(device, non_blocking=True).view(-1, 1, 1, 1),
        shift.float().to(device, non_blocking=True).view(-1, 1, 1, 1),
    )


def _sample_batch(
    videos: Tensor,
    boxes: Sequence[Box],
    size: tuple[int, int],
    flips: Sequence[bool],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Tensor:
    """Do `crop_resize_batch` by one `grid_sample`, whose grid crops, resizes and flips."""
    count, channels, frames, height, width = videos.shape
    if mean is None or std is None:
        pixels = videos.float()
    else:
        # Interpolation keeps sums of weights at 1, so normalising may come first, with the
        # conversion that is needed anyway: one pass less.
        scale, shift = _affine(mean, std, channels, videos.device)
        pixels = torch.addcmul(shift, videos, scale)
    tops, lefts, heights, widths = torch.tensor(boxes, dtype=torch.float32).unbind(1)
    rows = _places(tops, heights, size[0], height)
    columns = _places(lefts, widths, size[1], width)
    columns = torch.where(torch.tensor(flips)[:, None], columns.flip(1), columns)
    # Only these travel; the grid is 200 times as large.
    rows = rows.to(videos.device, non_blocking=True)
    columns = columns.to(videos.device, non_blocking=True)
    grid = torch.stack(
        [columns[:, None].expand(-1, size[0], -1), rows[:, :, None].expand(-1, -1, size[1])], dim=-1
    )
    sampled = torch.nn.functional.grid_sample(
        pixels.reshape(count, channels * frames, height, width),
        grid,
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    ).view(count, channels, frames, *size)
    if videos.dtype == torch.uint8 and mean is None:
        return sampled.round_().to(torch.uint8)
    return sampled


def _places(starts: Tensor, lengths: Tensor, count: int, total: int) -> Tensor:
    """Where `count` pixels spread over each range lie, (B, count), in `grid_sample`'s [-1, 1]."""
    pixels = (torch.arange(count) + 0.5) * (lengths / count)[:, None] - 0.5
    # As `interpolate` of the cropped clip: no pixel beyond the box is looked at.
    inside = pixels.clamp(min=0).minimum(lengths[:, None] - 1) + starts[:, None]
    return (2 * inside + 1) / total - 1
