"""Colour, grey and blur: torchvision's operations, one setting for all frames of a clip."""

import importlib
from types import ModuleType

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.functional.pixels import check_unit_range

__all__ = ["adjust_color", "erase", "gaussian_blur", "grayscale"]


def adjust_color(
    video: Tensor,
    brightness: float | None = None,
    contrast: float | None = None,
    saturation: float | None = None,
    hue: float | None = None,
) -> Tensor:
    """Change brightness, contrast, saturation and hue, in this order; None leaves one as it is.

    Args:
        video: (C, T, H, W), uint8 or float within [0, 1].
        brightness: factor, 1 for no change.
        contrast: factor, 1 for no change.
        saturation: factor, 1 for no change.
        hue: shift within [-0.5, 0.5], in turns of the colour circle.

    Returns:
        The same shape and type.

    Raises:
        ValueError: if floats go up to 255.

    >>> adjust_color(torch.full((3, 1, 1, 1), 100, dtype=torch.uint8), brightness=1.5).unique()
    tensor([150], dtype=torch.uint8)
    """
    check_unit_range(video)
    frames, vision = video.transpose(0, 1), _torchvision()
    factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    for name, factor in factors.items():
        if factor is not None:
            frames = getattr(vision, f"adjust_{name}")(frames, factor)
    return frames.transpose(0, 1)


def grayscale(video: Tensor) -> Tensor:
    """Replace colours by their lightness.

    Args:
        video: (3, T, H, W), uint8 or float.

    Returns:
        The same shape and type, three equal channels.

    >>> grayscale(torch.eye(3).view(3, 3, 1, 1))[0].flatten()
    tensor([0.2989, 0.5870, 0.1140])
    """
    return _torchvision().rgb_to_grayscale(video.transpose(0, 1), 3).transpose(0, 1)


def gaussian_blur(video: Tensor, sigma: float) -> Tensor:
    """Blur every frame.

    Args:
        video: (C, T, H, W), uint8 or float.
        sigma: standard deviation in pixels, positive; the kernel reaches three of them.

    Returns:
        The same shape and type.

    >>> round(float(gaussian_blur(torch.eye(9).expand(1, 1, 9, 9), 1.0)[0, 0, 4, 4]), 2)
    0.28
    """
    # The border is mirrored, which needs pixels beyond half the kernel on each side.
    reach = min(max(round(3 * sigma), 1), video.shape[-1] - 1, video.shape[-2] - 1)
    if reach < 1:
        return video
    kernel = 2 * reach + 1
    return _torchvision().gaussian_blur(video.transpose(0, 1), kernel, sigma).transpose(0, 1)


def erase(video: Tensor, box: tuple[int, int, int, int], value: float | Tensor) -> Tensor:
    """Overwrite a rectangle of every frame.

    Args:
        video: (C, T, H, W), any type.
        box: top, left, height and width in pixels.
        value: a number, or a tensor that broadcasts to (C, T, height, width).

    Returns:
        A new tensor of the same shape and type.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020,
    https://arxiv.org/abs/1708.04896.

    >>> erase(torch.zeros(1, 1, 3, 3), (1, 0, 1, 2), 1.0)[0, 0]
    tensor([[0., 0., 0.],
            [1., 1., 0.],
            [0., 0., 0.]])
    """
    top, left, height, width = box
    erased = video.clone()
    target = erased[..., top : top + height, left : left + width]
    target.copy_(torch.as_tensor(value, device=video.device).expand(target.shape))
    return erased


def _torchvision() -> ModuleType:
    # Not at the top: importing it takes a second, and few transforms need it.
    return importlib.import_module("torchvision.transforms.v2.functional")
