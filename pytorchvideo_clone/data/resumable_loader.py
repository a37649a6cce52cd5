"""A loader that can be stopped in the middle of an epoch and taken up again."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data.sharding import EpochSampler

__all__ = ["ResumableLoader"]


class ResumableLoader(DataLoader):
    """A `DataLoader` that knows how much of an epoch it has handed over.

    Save `state_dict` at any time; after `load_state_dict` the next iteration gives the samples that
    are left of the epoch, also with other numbers of workers, ranks or samples in a batch. What
    workers have read ahead does not count. `len` is the number of batches of the epoch, those
    before the stop included. Lightning's checkpoints contain and restore this state.

    Args:
        dataset: what to read.
        sampler: its order; a `SequentialSampler` becomes an `EpochSampler` that does not shuffle.
        **options: other arguments of `DataLoader`, `batch_size` for example.

    >>> sampler = EpochSampler(range(6), shuffle=False)
    >>> loader = ResumableLoader(range(6), sampler, batch_size=2)
    >>> first = next(iter(loader))
    >>> state = loader.state_dict()
    >>> loader.load_state_dict(state)
    >>> [batch.tolist() for batch in loader]
    [[2, 3], [4, 5]]
    """

    sampler: EpochSampler

    def __init__(self, dataset: Any, sampler: EpochSampler, **options: Any) -> None:
        if isinstance(sampler, SequentialSampler):  # of Lightning, for `overfit_batches`
            sampler = EpochSampler(dataset, shuffle=False)
        if not isinstance(sampler, EpochSampler):
            raise TypeError(
                f"sampler is {type(sampler).__name__}; it must be an EpochSampler, which shares "
                "samples among ranks itself: Trainer(use_distributed_sampler=False)."
            )
        super().__init__(dataset, sampler=sampler, **options)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, as `EpochSampler.set_epoch`."""
        self.sampler.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """As `EpochSampler.state_dict`."""
        return self.sampler.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As `EpochSampler.load_state_dict`."""
        self.sampler.load_state_dict(state_dict)

    def __len__(self) -> int:
        return self.sampler._start_batches + super().__len__()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.sampler._prepare()  # at once, as the length depends on it
        return self._hand_over()

    def _hand_over(self) -> Iterator[Any]:
        # Workers begin with the first batch, so that the epoch may be set after `iter`.
        left = len(self.sampler)
        for batch in super().__iter__():
            samples = min(self.batch_size or 1, left)
            left -= samples
            # Samples too few for a batch are dropped.
            is_last = self.sampler._batches + 1 == len(self)
            self.sampler.advance(samples + left if is_last else samples)
            yield batch
