"""Batch normalization with the statistics of several processes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pytorchvideo_clone.layers.distributed import (
    GroupGather,
    get_local_size,
    get_world_size,
    sum_over_ranks,
)

__all__ = ["NaiveSyncBatchNorm1d", "NaiveSyncBatchNorm2d", "NaiveSyncBatchNorm3d"]


class _NaiveSyncBatchNorm(_BatchNorm):
    """What the three have in common."""

    def __init__(
        self, num_sync_devices: int | None = None, global_sync: bool = True, **args: Any
    ) -> None:
        if global_sync == (num_sync_devices is not None):
            raise ValueError(
                f"num_sync_devices is {num_sync_devices} and global_sync {global_sync}; "
                "give either a number of devices with global_sync=False, or global_sync=True alone."
            )
        super().__init__(**args)
        self.num_sync_devices = num_sync_devices
        self.global_sync = global_sync

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) -> the same shape."""
        if not self.training or get_world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        others = [0, *range(2, input.dim())]
        # Squares of half precision overflow.
        wide = input.to(torch.promote_types(input.dtype, torch.float32))
        moments = self._average(torch.stack([wide.mean(others), wide.square().mean(others)]))
        mean, variance = moments[0], moments[1] - moments[0].square()
        self._remember(mean.detach(), variance.detach())
        shape = [1, -1] + [1] * (input.dim() - 2)
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale
        if self.affine:
            shift = shift + self.bias
        return (wide * scale.view(shape) + shift.view(shape)).to(input.dtype)

    def _average(self, moments: Tensor) -> Tensor:
        if self.num_sync_devices is None:
            return sum_over_ranks(moments) / get_world_size()
        groups, rest = divmod(get_local_size(), self.num_sync_devices)
        if rest:
            raise ValueError(
                f"num_sync_devices is {self.num_sync_devices}; expected a divisor of the "
                f"{get_local_size()} processes on this machine."
            )
        total = GroupGather.apply(moments, self.num_sync_devices, groups)
        return total / self.num_sync_devices

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean += weight * (mean - self.running_mean)
        self.running_var += weight * (variance - self.running_var)


class NaiveSyncBatchNorm1d(_NaiveSyncBatchNorm, nn.BatchNorm1d):
    """`nn.BatchNorm1d` with statistics averaged over several processes.

    Every process counts the same, whatever the size of its batch. With one process, or in
    evaluation, this is the plain batch normalization. With several, the running variance is that of
    the batch itself, without the correction n / (n - 1).

    Args:
        num_sync_devices: processes on a machine that share their statistics; then `global_sync`
            must be False.
        global_sync: all processes share their statistics.
        args: as in torch's module, e.g. `num_features`.

    Raises:
        ValueError: unless exactly one of the two ways is chosen.

    >>> NaiveSyncBatchNorm1d(num_features=3)(torch.ones(4, 3)).shape
    torch.Size([4, 3])
    """


class NaiveSyncBatchNorm2d(_NaiveSyncBatchNorm, nn.BatchNorm2d):
    """`nn.BatchNorm2d` with the statistics of several processes, as `NaiveSyncBatchNorm1d`.

    >>> NaiveSyncBatchNorm2d(num_features=3)(torch.ones(4, 3, 2, 2)).shape
    torch.Size([4, 3, 2, 2])
    """


class NaiveSyncBatchNorm3d(_NaiveSyncBatchNorm, nn.BatchNorm3d):
    """`nn.BatchNorm3d` with the statistics of several processes, as `NaiveSyncBatchNorm1d`.

    >>> NaiveSyncBatchNorm3d(num_features=3)(torch.ones(4, 3, 2, 2, 2)).shape
    torch.Size([4, 3, 2, 2, 2])
    """
