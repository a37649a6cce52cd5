"""The features of all processes of a training."""

import torch
from torch import Tensor
from torch import distributed as dist

from pytorchvideo_clone.layers.distributed import cat_all_gather, get_world_size, sum_over_ranks

__all__ = ["gather_rows"]


def gather_rows(x: Tensor) -> tuple[Tensor, int]:
    """Concatenate the rows of all processes, in the order of their ranks.

    The gradient of every process's loss reaches the rows: averaged over the processes, as
    DistributedDataParallel does, the gradients are those of the mean of the losses.

    Args:
        x: (N, D); N may differ between the processes.

    Returns:
        (rows of all, D), and the number of this process's first row among them.

    >>> gather_rows(torch.eye(2))
    (tensor([[1., 0.],
            [0., 1.]]), 0)
    """
    if get_world_size() == 1:
        return x, 0
    rows = cat_all_gather(torch.tensor([len(x)], device=x.device)).tolist()
    first = sum(rows[: dist.get_rank()])
    before = x.new_zeros(first, *x.shape[1:])
    after = x.new_zeros(sum(rows) - first - len(x), *x.shape[1:])
    return sum_over_ranks(torch.cat([before, x, after])), first
