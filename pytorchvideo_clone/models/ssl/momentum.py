"""A copy of a network that follows it slowly: the teacher of BYOL and MoCo."""

import copy
import math

import torch
from torch import nn

__all__ = ["cosine_momentum", "momentum_copy", "update_momentum_"]


def momentum_copy(network: nn.Module) -> nn.Module:
    """Copy a network; the copy's parameters take no gradient.

    >>> any(weight.requires_grad for weight in momentum_copy(nn.Linear(2, 2)).parameters())
    False
    """
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_momentum_(follower: nn.Module, network: nn.Module, mmt: float) -> None:
    """Move the parameters of a copy towards those of its network, in place.

    Each becomes `mmt * its own + (1 - mmt) * the network's`. Buffers stay: the running statistics
    of a norm are those of the copy's own features.

    Args:
        follower: from `momentum_copy`.
        network: what it is a copy of.
        mmt: within [0, 1]; 1 leaves the copy as it is.

    Raises:
        ValueError: if `mmt` is not within [0, 1].

    >>> online = nn.Linear(1, 1, bias=False)
    >>> follower = momentum_copy(online)
    >>> _ = nn.init.zeros_(follower.weight), nn.init.ones_(online.weight)
    >>> update_momentum_(follower, online, 0.75)
    >>> follower.weight.item()
    0.25
    """
    if not 0 <= mmt <= 1:
        raise ValueError(f"mmt is {mmt}; expected a number within [0, 1].")
    for slow, fast in zip(follower.parameters(), network.parameters(), strict=True):
        slow.mul_(mmt).add_(fast, alpha=1 - mmt)


def cosine_momentum(step: int, total_steps: int, start: float) -> float:
    """Give the momentum of a training step: from `start` up to 1 along half a cosine.

    Args:
        step: number of the step, from 0.
        total_steps: steps of the whole training; afterwards it stays 1.
        start: momentum of the first step.

    Source: Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020,
    https://arxiv.org/abs/2006.07733, section 3.2.

    >>> [cosine_momentum(step, 10, 0.5) for step in (0, 5, 10)]
    [0.5, 0.75, 1.0]
    """
    part = min(step / total_steps, 1.0)
    return 1 - (1 - start) * (1 + math.cos(math.pi * part)) / 2
