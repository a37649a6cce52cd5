"""Labels."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["convert_to_one_hot", "swap_label"]


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
    if label_smooth == 0:
        return hot
    # Both computed in double precision and rounded once, as PyTorchVideo's are.
    off = label_smooth / num_class
    return torch.where(hot > 0, 1 - label_smooth + off, off).float()


def swap_label(label: Any, swaps: Mapping[Any, Any]) -> Any:
    """Give the label of a clip after mirroring, such as "right to left" for "left to right".

    Args:
        label: a number or a name, a whole-number tensor of such, a list or tuple of labels, or a
            float or bool tensor (..., classes) of weights, whose entries are exchanged.
        swaps: pairs of labels that change places; either order of a pair means both.

    Returns:
        Of the type of `label`; as it was if no pair names it.

    Raises:
        ValueError: if a label has two partners.

    >>> swap_label("left to right", {"left to right": "right to left"})
    'right to left'
    >>> swap_label(torch.tensor([0.9, 0.1, 0.0]), {0: 2})
    tensor([0.0000, 0.1000, 0.9000])
    """
    both = {**{second: first for first, second in swaps.items()}, **swaps}
    for one, other in both.items():
        if both[other] != one:
            raise ValueError(f"swaps is {dict(swaps)}; {other!r} must have one partner only.")
    if isinstance(label, Tensor) and (label.is_floating_point() or label.dtype == torch.bool):
        return label[..., [both.get(place, place) for place in range(label.shape[-1])]]
    if isinstance(label, Tensor):
        swapped = [both.get(value, value) for value in label.flatten().tolist()]
        return label.new_tensor(swapped).view(label.shape)
    if isinstance(label, list):
        return [swap_label(one, swaps) for one in label]
    if isinstance(label, tuple) and label not in both:
        return tuple(swap_label(one, swaps) for one in label)
    return both.get(label, label)
