"""The same step of a training in one process and in two."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch import distributed as dist

from tests.layers.ranks import on_ranks

__all__ = ["all_clips", "clips_of", "mean_gradients", "step_on_ranks"]


def all_clips() -> tuple[Tensor, Tensor]:
    """Two views of six clips, each (6, 8)."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(6, 8, generator=generator), torch.randn(6, 8, generator=generator)


def clips_of(rank: int, size: int = 2) -> tuple[Tensor, Tensor]:
    """This process's part of `all_clips`."""
    x1, x2 = all_clips()
    return x1.chunk(size)[rank], x2.chunk(size)[rank]


def mean_gradients(model: nn.Module, *inputs: Tensor) -> dict:
    """Loss and gradients of one step, averaged over the processes as DDP does; and the state."""
    loss = model(*inputs)
    loss.backward()
    gradients = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
    result = {"loss": loss.detach(), **gradients}
    if dist.is_initialized():
        for value in result.values():
            dist.all_reduce(value)
            value /= dist.get_world_size()
    return {"step": result, "state": dict(model.state_dict())}


def step_on_ranks(step: Callable[[int], dict], expected: dict, folder: Path) -> None:
    """Assert that every process gives what one process alone does."""
    for result in on_ranks(step, folder):
        torch.testing.assert_close(result, expected)
