"""Inputs and outputs of models, of any structure, and how far two outputs are apart."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["copied", "difference", "doubled", "map_tensors", "tensors", "worst"]


def tensors(x: Any) -> list[Tensor]:
    """Flatten lists, tuples and the values of dictionaries."""
    return [leaf for leaf in torch.utils._pytree.tree_leaves(x) if isinstance(leaf, Tensor)]


def map_tensors(change: Callable[[Tensor], Any], x: Any) -> Any:
    """Change each tensor, in the structure that it stands in."""
    return torch.utils._pytree.tree_map_only(Tensor, change, x)


def copied(x: Any) -> Any:
    """Copy tensors and lists, since a model may write into them."""
    return map_tensors(torch.clone, x)


def doubled(x: Any) -> Any:
    """Put each tensor twice into a batch."""
    return map_tensors(lambda tensor: torch.cat([tensor, tensor]), x)


def difference(output: Any, expected: Any) -> float:
    """Give the largest |output - expected| / largest |expected|, of all tensors together.

    It is NaN if a number is, and infinite if there are other tensors than expected.

    >>> difference([torch.tensor([1.0, 2.5])], [torch.tensor([1.0, 2.0])])
    0.25
    """
    pairs = [[x.detach().cpu() for x in tensors(side)] for side in (output, expected)]
    if [x.shape for x in pairs[0]] != [x.shape for x in pairs[1]]:
        return float("inf")
    largest = worst(float((x - wanted).abs().max()) for x, wanted in zip(*pairs, strict=True))
    scale = worst(float(wanted.abs().max()) for wanted in pairs[1])
    return largest / scale if scale else largest


def worst(differences: Iterable[float]) -> float:
    """Give the largest; NaN if one is, which `max` may leave out; 0 if there is none."""
    return float(torch.tensor([0.0, *differences], dtype=torch.float64).max())
