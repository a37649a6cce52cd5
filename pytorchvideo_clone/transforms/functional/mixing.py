"""Mixing the clips of a batch: each with its partner, at the same place counted from the end."""

import math

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.functional.draws import random_size

__all__ = ["cut_mix", "mix_with_reversed", "random_cut"]

Box = tuple[int, int, int, int]


def mix_with_reversed(x: Tensor, weight: float) -> Tensor:
    """Give `weight` of each entry of a batch and 1 - `weight` of its partner.

    Args:
        x: (B, ...), clips, waveforms or rows of label weights; whole numbers become float32.
        weight: within [0, 1].

    Returns:
        The same shape, float.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
    https://arxiv.org/abs/1710.09412, section 2.

    >>> mix_with_reversed(torch.tensor([[1.0], [2.0]]), 0.75)
    tensor([[1.2500],
            [1.7500]])
    """
    return x * weight + x.flip(0) * (1.0 - weight)


def cut_mix(x: Tensor, box: Box) -> Tensor:
    """Paste a rectangle of each clip's partner over it.

    Args:
        x: (B, ..., H, W), any type.
        box: top, left, height and width in pixels.

    Returns:
        The same shape and type.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features", ICCV 2019, https://arxiv.org/abs/1905.04899, section 3.

    >>> cut_mix(torch.tensor([[[1, 1, 1]], [[2, 2, 2]]]), (0, 1, 1, 2))[0]
    tensor([[1, 2, 2]])
    """
    top, left, height, width = box
    rows, columns = slice(top, top + height), slice(left, left + width)
    mixed = x.clone()
    mixed[..., rows, columns] = x.flip(0)[..., rows, columns]
    return mixed


def random_cut(
    height: int, width: int, weight: float, generator: torch.Generator | None = None
) -> Box:
    """Draw the rectangle of `cut_mix`: its centre, anywhere; what lies outside is cut off.

    Args:
        height: of the clips in pixels.
        width: of the clips in pixels.
        weight: share of the area that stays, before anything is cut off.
        generator: draws; None means torch's own.

    Returns:
        Top, left, height and width in pixels; may be empty.

    >>> random_cut(6, 8, 1.0)[2:]
    (0, 0)
    """
    ratio = math.sqrt(1.0 - weight)
    top, bottom = _span(height, int(height * ratio), generator)
    left, right = _span(width, int(width * ratio), generator)
    return top, left, bottom - top, right - left


def _span(length: int, side: int, generator: torch.Generator | None) -> tuple[int, int]:
    centre = random_size(0, length - 1, generator)
    return max(centre - side // 2, 0), min(centre + side // 2, length)
