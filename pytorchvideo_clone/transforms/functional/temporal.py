"""Choosing frames."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "uniform_temporal_indices",
    "uniform_temporal_subsample",
    "uniform_temporal_subsample_repeated",
]


def uniform_temporal_indices(num_frames: int, num_samples: int) -> Tensor:
    """Spread `num_samples` indices evenly over `num_frames` frames, from the first to the last.

    Args:
        num_frames: how many frames there are, at least 1.
        num_samples: how many to take, at least 1; more than there are repeats some.

    Returns:
        (num_samples,) int64, ascending.

    Raises:
        AssertionError: if one of the numbers is below 1.

    >>> uniform_temporal_indices(20, 10).tolist()
    [0, 2, 4, 6, 8, 10, 12, 14, 16, 19]
    """
    if num_frames < 1 or num_samples < 1:
        # PyTorchVideo's exception, here and in the other transforms; -O must not drop it.
        raise AssertionError(
            f"Cannot take {num_samples} of {num_frames} frames; both must be at least 1."
        )
    # float32 and truncation decide which frames PyTorchVideo takes.
    places = torch.linspace(0, num_frames - 1, num_samples)
    return places.clamp(0, num_frames - 1).long()


def uniform_temporal_subsample(x: Tensor, num_samples: int, temporal_dim: int = -3) -> Tensor:
    """Take `num_samples` frames at even distances.

    Args:
        x: frames along `temporal_dim`, for example (C, T, H, W), any type.
        num_samples: how many, as in `uniform_temporal_indices`.
        temporal_dim: which dimension is time.

    Returns:
        As `x`, with `num_samples` frames.

    Raises:
        AssertionError: if `num_samples` is below 1 or there is no frame.

    >>> uniform_temporal_subsample(torch.zeros(3, 20, 4, 4), 8).shape
    torch.Size([3, 8, 4, 4])
    """
    indices = uniform_temporal_indices(x.shape[temporal_dim], num_samples)
    if x.is_contiguous() or x.device.type != "cpu":
        return x.index_select(temporal_dim, indices.to(x.device))
    # Of frames as decoders write them, and of views, torch gathers single numbers: ten times slower
    # than one copy a frame.
    places: list[int] = indices.tolist()
    return torch.stack([x.select(temporal_dim, place) for place in places], temporal_dim)


def uniform_temporal_subsample_repeated(
    frames: Tensor, frame_ratios: Sequence[int], temporal_dim: int = -3
) -> list[Tensor]:
    """Take one uniform subsample for each ratio, such as the pathways of SlowFast.

    Args:
        frames: frames along `temporal_dim`, for example (C, T, H, W), any type.
        frame_ratios: a subsample has T // ratio frames.
        temporal_dim: which dimension is time.

    Returns:
        One tensor a ratio, in their order.

    Raises:
        AssertionError: if a ratio leaves no frame.

    >>> slow, fast = uniform_temporal_subsample_repeated(torch.zeros(3, 32, 4, 4), (4, 1))
    >>> slow.shape[1], fast.shape[1]
    (8, 32)
    """
    num_frames = frames.shape[temporal_dim]
    return [
        uniform_temporal_subsample(frames, num_frames // ratio, temporal_dim)
        for ratio in frame_ratios
    ]
