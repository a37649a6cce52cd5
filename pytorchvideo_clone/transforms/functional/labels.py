"""Labels."""

import torch
from torch import Tensor

__all__ = ["convert_to_one_hot"]


def convert_to_one_hot(targets: Tensor, num_class: int, label_smooth: float = 0.0) -> Tensor:
    """Turn class numbers into rows of weights.

    Args:
        targets: (N,) whole numbers within [0, num_class).
        num_class: number of classes K.
        label_smooth: share of the weight that is spread over all classes, within [0, 1).

    Returns:
        (N, K), each row with sum 1; int64 without smoothing, else float32.

    Raises:
        AssertionError: if a target or `label_smooth` is out of range.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
    https://arxiv.org/abs/1512.00567, section 7.

    >>> convert_to_one_hot(torch.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    >>> convert_to_one_hot(torch.tensor([1]), 4, label_smooth=0.2)
    tensor([[0.0500, 0.8500, 0.0500, 0.0500]])
    """
    if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < num_class:
        raise AssertionError(
            f"Class numbers run from {int(targets.min())} to {int(targets.max())}; "
            f"with num_class={num_class} they must lie within [0, {num_class - 1}]."
        )
    if not 0 <= label_smooth < 1:
        raise AssertionError(f"label_smooth is {label_smooth}; it must lie within [0, 1).")
    hot = torch.nn.functional.one_hot(targets.long(), num_class)
    return hot if label_smooth == 0 else hot * (1 - label_smooth) + label_smooth / num_class
