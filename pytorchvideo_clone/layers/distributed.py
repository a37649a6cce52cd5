"""Talking to the other processes of a training: all of them, or those on the same machine."""

import os
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

__all__ = [
    "GroupGather",
    "cat_all_gather",
    "get_local_process_group",
    "get_local_rank",
    "get_local_size",
    "get_world_size",
    "init_distributed_training",
    "sum_over_ranks",
]

# The world's group at the time -> the group of this machine in it.
_local_groups: dict[Any, Any] = {}


def get_world_size() -> int:
    """Number of processes; 1 without a process group.

    >>> get_world_size()
    1
    """
    return dist.get_world_size() if _is_running() else 1


def get_local_size() -> int:
    """Number of processes on this machine; 1 without a process group.

    >>> get_local_size()
    1
    """
    return dist.get_world_size(get_local_process_group()) if _is_running() else 1


def get_local_rank() -> int:
    """Number of this process among those on this machine; 0 without a process group.

    >>> get_local_rank()
    0
    """
    return dist.get_rank(get_local_process_group()) if _is_running() else 0


def get_local_process_group() -> Any:
    """The group of the processes on this machine.

    It is that of `init_distributed_training`, or else made from the environment that torchrun and
    Lightning set (`LOCAL_WORLD_SIZE`) when all processes first ask for it.

    Raises:
        RuntimeError: without a process group, or if the number of local processes is not known.
    """
    if not _is_running():
        raise RuntimeError(
            "there is no process group; call torch.distributed.init_process_group first."
        )
    if dist.group.WORLD not in _local_groups:
        if "LOCAL_WORLD_SIZE" not in os.environ:
            raise RuntimeError(
                "the number of processes on this machine is not known; "
                "start with torchrun, or call init_distributed_training(num_gpus, shard_id)."
            )
        size = int(os.environ["LOCAL_WORLD_SIZE"])
        init_distributed_training(size, dist.get_rank() // size)
    return _local_groups[dist.group.WORLD]


def init_distributed_training(num_gpus: int, shard_id: int) -> None:
    """Make the group of the processes on this machine; every process calls it.

    Args:
        num_gpus: processes on each machine; their ranks follow each other.
        shard_id: number of this machine.

    Raises:
        ValueError: if the number of processes is no multiple of `num_gpus`, or this process's
            rank belongs to another machine than `shard_id`.
        RuntimeError: without a process group.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     dist.init_process_group("gloo", f"file://{folder}/group", rank=0, world_size=1)
    ...     init_distributed_training(num_gpus=1, shard_id=0)
    ...     dist.get_world_size(get_local_process_group())
    ...     dist.destroy_process_group()
    1
    """
    if not _is_running():
        raise RuntimeError(
            "there is no process group; call torch.distributed.init_process_group first."
        )
    world, rank = dist.get_world_size(), dist.get_rank()
    if num_gpus < 1 or world % num_gpus:
        raise ValueError(f"num_gpus is {num_gpus}; expected a divisor of the {world} processes.")
    if rank // num_gpus != shard_id:
        raise ValueError(
            f"shard_id is {shard_id}, but rank {rank} is on machine {rank // num_gpus} "
            f"with {num_gpus} processes on each."
        )
    # Every process has to take part in the making of every group.
    groups = [
        dist.new_group(list(range(first, first + num_gpus))) for first in range(0, world, num_gpus)
    ]
    _local_groups.clear()
    _local_groups[dist.group.WORLD] = groups[shard_id]


def cat_all_gather(tensors: Tensor, local: bool = False) -> Tensor:
    """Concatenate a tensor of every process, in the order of their ranks; without gradients.

    Args:
        tensors: (N, ...), the same shape in every process.
        local: only of the processes on this machine.

    Returns:
        (processes * N, ...); a copy of `tensors` without a process group.

    >>> cat_all_gather(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    if not _is_running():
        return tensors.detach().clone()
    group = get_local_process_group() if local else None
    parts = [torch.empty_like(tensors) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, tensors.detach().contiguous(), group=group)
    return torch.cat(parts)


class GroupGather(torch.autograd.Function):
    """Sum a tensor over groups of processes on this machine; gradients are summed likewise.

    To be called as `GroupGather.apply(input, num_sync_devices, num_groups)`: the `num_groups`
    groups on a machine have `num_sync_devices` processes each, with ranks that follow each other.

    >>> GroupGather.apply(torch.tensor([1, 2]), 1, 1)
    tensor([1, 2])
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, num_sync_devices: int, num_groups: int) -> Tensor:
        """Any shape, the same in every process -> the sum."""
        ctx.groups = num_sync_devices, num_groups
        return _sum_in_group(input, num_sync_devices, num_groups)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """The gradient of the sum of all processes' losses."""
        return _sum_in_group(grad_output, *ctx.groups), None, None


def sum_over_ranks(x: Tensor) -> Tensor:
    """Sum a tensor over all processes; the gradients are summed likewise.

    >>> sum_over_ranks(torch.tensor([1, 2]))
    tensor([1, 2])
    """
    return _SumOverRanks.apply(x) if _is_running() else x


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _all_reduced(x)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # type: ignore[override]
        return _all_reduced(grad_output)


def _all_reduced(x: Tensor) -> Tensor:
    total = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def _sum_in_group(x: Tensor, num_sync_devices: int, num_groups: int) -> Tensor:
    size = get_local_size()
    if num_sync_devices * num_groups != size:
        raise ValueError(
            f"{num_groups} groups of {num_sync_devices} processes do not make up the {size} "
            "processes on this machine."
        )
    parts = cat_all_gather(x.unsqueeze(0), local=True) if _is_running() else x.unsqueeze(0)
    first = get_local_rank() // num_sync_devices * num_sync_devices
    return parts[first : first + num_sync_devices].sum(0)


def _is_running() -> bool:
    return dist.is_available() and dist.is_initialized()
