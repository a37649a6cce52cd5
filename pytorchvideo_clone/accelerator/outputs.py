"""Inputs and outputs of models, of any structure, and how far two outputs are apart."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "arguments",
    "copied",
    "difference",
    "doubled",
    "dtype_name",
    "forms",
    "map_tensors",
    "tensors",
    "worst",
]


def tensors(x: Any) -> list[Tensor]:
    """Flatten lists, tuples and the values of dictionaries."""
    return [leaf for leaf in torch.utils._pytree.tree_leaves(x) if isinstance(leaf, Tensor)]


def arguments(example: Any) -> tuple[Any, ...]:
    """Give all arguments of a model for an example: a tensor, a list of them, or all arguments.

    Raises:
        TypeError: if it holds no tensor.
        ValueError: if its first tensor has no row.

    >>> len(arguments([torch.ones(1, 3, 4, 8, 8), torch.ones(1, 3, 16, 8, 8)]))
    1
    """
    given = tensors(example)
    if not given:
        raise TypeError(
            f"the example is {example!r:.80}; give a tensor, such as a clip (B, C, T, H, W), a "
            "list with one a pathway, or the tuple of all arguments."
        )
    if not given[0].numel():
        raise ValueError(
            f"the example is empty, {tuple(given[0].shape)}; give a batch of at least one clip."
        )
    return example if isinstance(example, tuple) else (example,)


def forms(x: Any) -> str:
    """Say what tensors an input holds, B for the batch.

    >>> forms([torch.ones(1, 3, 4, 8, 8), torch.ones(1, 7)])
    '(B, 3, 4, 8, 8) float32 and (B, 7) float32'
    """
    return " and ".join(
        f"({', '.join(('B', *map(str, tensor.shape[1:])))}) {dtype_name(tensor)}"
        for tensor in tensors(x)
    )


def dtype_name(x: Tensor) -> str:
    """Name a number format as NumPy does."""
    return str(x.dtype).removeprefix("torch.")


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
