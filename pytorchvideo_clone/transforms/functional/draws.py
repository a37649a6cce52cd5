"""Draws of numbers from a generator; None means torch's own."""

import torch
from torch import Tensor

__all__ = ["happens", "random_beta", "random_number", "random_shares", "random_size"]


def happens(p: float, generator: torch.Generator | None = None) -> bool:
    """Say yes with probability `p`.

    >>> happens(0.0), happens(1.0)
    (False, True)
    """
    return bool(torch.rand((), generator=generator) < p)


def random_size(min_size: int, max_size: int, generator: torch.Generator | None = None) -> int:
    """Draw a whole number from [min_size, max_size], both included.

    >>> random_size(7, 7)
    7
    """
    return int(torch.randint(min_size, max_size + 1, (), generator=generator))


def random_number(low: float, high: float, generator: torch.Generator | None = None) -> float:
    """Draw a number from [low, high).

    >>> random_number(0.5, 0.5)
    0.5
    """
    return low + (high - low) * float(torch.rand((), generator=generator))


def random_beta(alpha: float, generator: torch.Generator | None = None) -> float:
    """Draw a number within [0, 1] from Beta(alpha, alpha).

    >>> 0 <= random_beta(0.5) <= 1
    True
    """
    return float(random_shares(alpha, 2, generator)[0])


def random_shares(alpha: float, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw `count` numbers with sum 1 from Dirichlet(alpha, ..., alpha), float64.

    >>> round(float(random_shares(1.0, 3).sum()), 6)
    1.0
    """
    # What torch.distributions calls, which takes no generator.
    concentration = torch.full((count,), alpha, dtype=torch.float64)
    return torch._sample_dirichlet(concentration, generator=generator)
