"""Who reads which video."""

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Sampler, get_worker_info

__all__ = ["MultiProcessSampler"]

_log = logging.getLogger(__name__)


class MultiProcessSampler(Sampler):
    """The share of a sampler that belongs to this worker process of a `DataLoader`.

    Shares are contiguous and as equal as can be, the first ones longer: 10 videos give 3 workers
    4, 3 and 3. Outside a worker the share is all.

    Workers draw the same order if the sampler draws from torch's generator, and another one each
    time they begin again.

    Args:
        sampler: the order to divide.

    >>> list(MultiProcessSampler([5, 3, 8]))
    [5, 3, 8]
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self._passes = 0

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        if worker is None:
            return iter(list(self.sampler))
        with torch.random.fork_rng(devices=[]):
            # What the seeds of an epoch's workers have in common, and workers that live through
            # several epochs have none but this.
            torch.default_generator.manual_seed(worker.seed - worker.id + self._passes)
            order = list(self.sampler)
        self._passes += 1
        size, longer = divmod(len(order), worker.num_workers)
        start = worker.id * size + min(worker.id, longer)
        share = order[start : start + size + (worker.id < longer)]
        if not share:
            _log.warning(
                "Worker %d of %d has nothing to read: there are only %d videos.",
                worker.id,
                worker.num_workers,
                len(order),
            )
        return iter(share)
