"""Spatial transforms of a clip together with its boxes, (K, 4) pixels x1 y1 x2 y2, or None.

Boxes are a tensor or a NumPy array, and what comes back is of the same kind.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pytorchvideo_clone.transforms.functional.draws import happens, random_size
from pytorchvideo_clone.transforms.functional.spatial import (
    crop,
    random_crop_corner,
    resize,
    short_side_size,
    uniform_crop_corner,
)

__all__ = [
    "clip_boxes_to_image",
    "crop_boxes",
    "flip_boxes",
    "horizontal_flip_with_boxes",
    "random_crop_with_boxes",
    "random_short_side_scale_with_boxes",
    "short_side_scale_with_boxes",
    "uniform_crop_with_boxes",
]

Boxes = TypeVar("Boxes", Tensor, np.ndarray, None)


def clip_boxes_to_image(boxes: Boxes, height: int, width: int) -> Boxes:
    """Move corners that lie outside the image to its border.

    Args:
        boxes: (K, 4).
        height: of the image in pixels.
        width: of the image in pixels.

    Returns:
        (K, 4), x within [0, width - 1] and y within [0, height - 1].

    >>> clip_boxes_to_image(torch.tensor([[-3.0, 2.0, 40.0, 9.0]]), 8, 20)
    tensor([[ 0.,  2., 19.,  7.]])
    """

    def clip(boxes: Tensor) -> Tensor:
        x = boxes[..., 0::2].clamp(0, width - 1)
        y = boxes[..., 1::2].clamp(0, height - 1)
        return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)

    return _map(clip, boxes)


def crop_boxes(boxes: Boxes, x_offset: int, y_offset: int) -> Boxes:
    """Express boxes in the coordinates of a crop.

    Args:
        boxes: (K, 4).
        x_offset: left edge of the crop in pixels.
        y_offset: top edge of the crop in pixels.

    Returns:
        (K, 4), not clipped to the crop.

    >>> crop_boxes(torch.tensor([[5.0, 6.0, 9.0, 9.0]]), 4, 2)
    tensor([[1., 4., 5., 7.]])
    """
    offsets = [x_offset, y_offset, x_offset, y_offset]
    return _map(lambda boxes: boxes - boxes.new_tensor(offsets), boxes)


def flip_boxes(boxes: Boxes, width: int) -> Boxes:
    """Mirror boxes left to right.

    Args:
        boxes: (K, 4).
        width: of the image in pixels.

    Returns:
        (K, 4).

    >>> flip_boxes(torch.tensor([[2.0, 3.0, 5.0, 6.0]]), 10)
    tensor([[4., 3., 7., 6.]])
    """

    def flip(boxes: Tensor) -> Tensor:
        x1, y1, x2, y2 = boxes.unbind(-1)
        return torch.stack([width - x2 - 1, y1, width - x1 - 1, y2], dim=-1)

    return _map(flip, boxes)


def short_side_scale_with_boxes(
    images: Tensor,
    boxes: Boxes,
    size: int,
    interpolation: str = "bilinear",
    backend: str = "pytorch",
) -> tuple[Tensor, Boxes]:
    """Resize a clip so that its short side is `size`, and its boxes alike.

    Args:
        images: (C, T, H, W), float or uint8.
        boxes: (K, 4).
        size: length of the short side in pixels.
        interpolation: as in `resize`.
        backend: as in `short_side_scale`.

    Returns:
        The clip and (K, 4) boxes, scaled as the long side is.

    >>> video, boxes = short_side_scale_with_boxes(
    ...     torch.zeros(3, 2, 10, 20), torch.tensor([[2.0, 2.0, 8.0, 8.0]]), 5
    ... )
    >>> video.shape, boxes
    (torch.Size([3, 2, 5, 10]), tensor([[1., 1., 4., 4.]]))
    """
    height, width = images.shape[-2:]
    new_height, new_width = short_side_size(height, width, size)
    ratio = new_height / height if width < height else new_width / width
    scaled = _map(lambda boxes: boxes * ratio, boxes)
    return resize(images, new_height, new_width, interpolation, backend), scaled


def random_short_side_scale_with_boxes(
    images: Tensor,
    boxes: Boxes,
    min_size: int,
    max_size: int,
    interpolation: str = "bilinear",
    backend: str = "pytorch",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Boxes]:
    """`short_side_scale_with_boxes` to a size drawn from [min_size, max_size].

    Args:
        images: (C, T, H, W), float or uint8.
        boxes: (K, 4).
        min_size: smallest length of the short side in pixels.
        max_size: largest, included.
        interpolation: as in `resize`.
        backend: as in `short_side_scale`.
        generator: draws; None means torch's own.

    Returns:
        The clip and (K, 4) boxes.

    >>> video, _ = random_short_side_scale_with_boxes(
    ...     torch.zeros(3, 2, 10, 20), torch.zeros(1, 4), 5, 7
    ... )
    >>> 5 <= video.shape[2] <= 7
    True
    """
    size = random_size(min_size, max_size, generator)
    return short_side_scale_with_boxes(images, boxes, size, interpolation, backend)


def uniform_crop_with_boxes(
    images: Tensor, size: int, spatial_idx: int, boxes: Boxes
) -> tuple[Tensor, Boxes]:
    """`uniform_crop` of a clip, with its boxes shifted and clipped to the crop.

    Args:
        images: (C, T, H, W), any type.
        size: side of the square crop in pixels.
        spatial_idx: as in `uniform_crop`.
        boxes: (K, 4).

    Returns:
        (C, T, size, size) and (K, 4).

    Raises:
        AssertionError: as in `uniform_crop`.
        ValueError: as in `uniform_crop`.

    >>> video, boxes = uniform_crop_with_boxes(
    ...     torch.zeros(3, 2, 10, 20), 10, 2, torch.tensor([[12.0, 2.0, 18.0, 8.0]])
    ... )
    >>> boxes
    tensor([[2., 2., 8., 8.]])
    """
    top, left = uniform_crop_corner(images.shape[-2], images.shape[-1], size, spatial_idx)
    return _crop_both(images, boxes, top, left, size)


def random_crop_with_boxes(
    images: Tensor, size: int, boxes: Boxes, generator: torch.Generator | None = None
) -> tuple[Tensor, Boxes]:
    """Crop a clip at a random place, with its boxes shifted and clipped to the crop.

    Args:
        images: (C, T, H, W), any type.
        size: side of the square crop in pixels.
        boxes: (K, 4).
        generator: draws; None means torch's own.

    Returns:
        (C, T, size, size) and (K, 4).

    Raises:
        ValueError: if the clip is smaller than the crop.

    >>> video, boxes = random_crop_with_boxes(torch.zeros(3, 2, 10, 20), 8, torch.zeros(1, 4))
    >>> video.shape, boxes.shape
    (torch.Size([3, 2, 8, 8]), torch.Size([1, 4]))
    """
    top, left = random_crop_corner(images.shape[-2], images.shape[-1], size, size, generator)
    return _crop_both(images, boxes, top, left, size)


def horizontal_flip_with_boxes(
    prob: float, images: Tensor, boxes: Boxes, generator: torch.Generator | None = None
) -> tuple[Tensor, Boxes]:
    """Mirror a clip and its boxes left to right, with probability `prob`.

    Args:
        prob: within [0, 1].
        images: (C, T, H, W), any type.
        boxes: (K, 4).
        generator: draws; None means torch's own.

    Returns:
        The clip and (K, 4) boxes.

    >>> _, boxes = horizontal_flip_with_boxes(
    ...     1.0, torch.zeros(3, 2, 4, 10), torch.tensor([[2.0, 1.0, 5.0, 3.0]])
    ... )
    >>> boxes
    tensor([[4., 1., 7., 3.]])
    """
    if not happens(prob, generator):
        return images, boxes
    return images.flip(-1), flip_boxes(boxes, images.shape[-1])


def _crop_both(
    images: Tensor, boxes: Boxes, top: int, left: int, size: int
) -> tuple[Tensor, Boxes]:
    cropped = crop(images, top, left, size, size)
    return cropped, clip_boxes_to_image(crop_boxes(boxes, left, top), size, size)


def _map(change: Callable[[Tensor], Tensor], boxes: Any) -> Any:
    """Change boxes of either kind; None stays None."""
    if boxes is None:
        return None
    if isinstance(boxes, np.ndarray):
        # Copied: torch takes neither read-only arrays nor negative strides.
        return change(torch.from_numpy(np.array(boxes, order="C"))).numpy()
    if not isinstance(boxes, Tensor):
        raise TypeError(
            f"boxes is a {type(boxes).__name__}; expected a tensor or a NumPy array (K, 4) of "
            "x1 y1 x2 y2."
        )
    return change(boxes)
