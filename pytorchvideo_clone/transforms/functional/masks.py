"""Which tokens of a clip to hide, for masked autoencoders."""

import torch
from torch import Tensor

__all__ = ["random_token_mask", "tube_token_mask"]


def random_token_mask(
    size: tuple[int, int, int], ratio: float, generator: torch.Generator | None = None
) -> Tensor:
    """Hide tokens anywhere in space and time.

    Args:
        size: tokens of a clip along (T, H, W): its own size divided by that of a patch.
        ratio: share of the tokens to hide, within [0, 1]; the number is rounded down.
        generator: draws; None means torch's own.

    Returns:
        (T, H, W) bool, True where hidden.

    Raises:
        ValueError: if `ratio` is out of range.

    Source: Feichtenhofer et al., "Masked Autoencoders As Spatiotemporal Learners", NeurIPS 2022,
    https://arxiv.org/abs/2205.09113, section 3.

    >>> random_token_mask((8, 14, 14), 0.9).sum()
    tensor(1411)
    """
    time, height, width = size
    return _hide(time * height * width, ratio, generator).view(size)


def tube_token_mask(
    size: tuple[int, int, int], ratio: float, generator: torch.Generator | None = None
) -> Tensor:
    """Hide the same places in every frame, so that no neighbour in time gives them away.

    Args:
        size: as in `random_token_mask`.
        ratio: share of the places to hide, within [0, 1]; the number is rounded down.
        generator: draws; None means torch's own.

    Returns:
        (T, H, W) bool, True where hidden.

    Raises:
        ValueError: if `ratio` is out of range.

    Source: Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for
    Self-Supervised Video Pre-Training", NeurIPS 2022, https://arxiv.org/abs/2203.12602,
    section 3.2.

    >>> mask = tube_token_mask((8, 14, 14), 0.9)
    >>> mask.sum(), bool((mask == mask[0]).all())
    (tensor(1408), True)
    """
    time, height, width = size
    return _hide(height * width, ratio, generator).view(1, height, width).repeat(time, 1, 1)


def _hide(count: int, ratio: float, generator: torch.Generator | None) -> Tensor:
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio is {ratio}; a share lies within [0, 1].")
    mask = torch.zeros(count, dtype=torch.bool)
    mask[torch.randperm(count, generator=generator)[: int(ratio * count)]] = True
    return mask
