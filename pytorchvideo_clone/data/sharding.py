"""Who reads which clip, in which order, and where to go on after a stop."""

import hashlib
import logging
from collections.abc import Iterator, Sized
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import Sampler

__all__ = [
    "EpochSampler",
    "MultiProcessSampler",
    "Padding",
    "Planned",
    "RankSampler",
    "rank_and_world_size",
]

_log = logging.getLogger(__name__)


class Planned(int):
    """An index that an `EpochSampler` gives, to a data set like any other.

    `ClipDataset` answers it with a sample that has the key `valid`. A `Subset` in between loses the
    mark: take `uneven="drop"`, or a shorter list of videos.
    """

    valid = True


class Padding(Planned):
    """An index that is there only to give every rank as many: its sample must not count."""

    valid = False


class EpochSampler(Sampler[int]):
    """This rank's share of an order of all samples, which can be taken up where it was left.

    The order of an epoch follows from (seed, epoch) alone. Rank r of W takes its positions r,
    r + W, r + 2 W, ...: all ranks together have every sample once and take equally many steps. So
    what is left of an epoch is known from the number of positions consumed, and another number of
    ranks or workers can go on with it. The workers of a `DataLoader` do not matter.

    Each iteration is a whole epoch, save the first after `load_state_dict`. Call `set_epoch` before
    each epoch; the data set hears of it if it has a `set_epoch` itself.

    A `DataLoader` asks for samples before they are needed: iterating does not count as consuming.
    `ResumableLoader` counts what it hands over; torchdata's `StatefulDataLoader` keeps a state of
    its own from this one; else call `advance` after each batch.

    In several processes (torch.distributed) the ranks compare their plans when an epoch begins.

    Args:
        dataset: what to sample; all ranks must have the same.
        shuffle: whether the order is random; else it is 0, 1, 2, ...
        seed: of the order.
        uneven: what to do where the ranks do not divide the samples: "pad" repeats some from the
            begin as `Padding`, "drop" leaves out the last.
        rank: number of this process; None asks torch.distributed.
        world_size: number of processes; None asks torch.distributed.

    Raises:
        ValueError: if there is no such way of `uneven`, or no such rank.

    >>> [list(EpochSampler(range(5), shuffle=False, rank=r, world_size=2)) for r in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        shuffle: bool = True,
        seed: int = 0,
        uneven: Literal["pad", "drop"] = "pad",
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if uneven not in ("pad", "drop"):
            raise ValueError(f"uneven is {uneven!r}; it must be 'pad' or 'drop'.")
        if (rank is None) != (world_size is None):
            raise ValueError(f"rank is {rank} and world_size {world_size}; give both, or neither.")
        if rank is not None and world_size is not None and not 0 <= rank < world_size:
            raise ValueError(f"rank is {rank}; it must be from 0 to {world_size - 1}.")
        self.dataset, self.shuffle, self.seed, self.uneven = dataset, shuffle, seed, uneven
        self._place = None if rank is None or world_size is None else (rank, world_size)
        self.epoch = 0
        # Positions and batches before the iteration that runs or comes next, and by now.
        self._start, self._start_batches = 0, 0
        self._position, self._batches = 0, 0
        self._prepared = False  # whether the next iteration begins at `_start`
        self._compared = False
        self._fingerprint: str | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, from its begin unless it is the one that is set.

        Args:
            epoch: 0, 1, 2, ...
        """
        if epoch != self.epoch:
            self.epoch = epoch
            self._go_to(0, 0)
            self._prepared = self._compared = False
        _tell_epoch(self.dataset, epoch)

    def advance(self, samples: int) -> None:
        """Count a batch as consumed by this rank, and so by all.

        Args:
            samples: how many it has on this rank.
        """
        self._position += samples * self.place[1]
        self._batches += 1

    @property
    def place(self) -> tuple[int, int]:
        """Number of this process, and number of processes."""
        return self._place or rank_and_world_size()

    def state_dict(self) -> dict[str, Any]:
        """Say where the epoch stands, the same on every rank; numbers and strings only."""
        return self._state(self._position, self._batches)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next iteration give what is left of an epoch.

        Args:
            state_dict: from `state_dict`, of any rank of any number of ranks.

        Raises:
            ValueError: if it is of other samples, or of another order of them.
        """
        for key, mine in self._settings().items():
            if key == "videos":
                if state_dict.get(key, mine) != mine:  # states of earlier releases do not say
                    raise ValueError(
                        "the state is of another list of videos; resume with the data and the "
                        "settings of the run that was stopped."
                    )
            elif state_dict.get(key) != mine:
                raise ValueError(
                    f"the state has {key} {state_dict.get(key)}, this sampler {mine}; resume with "
                    "the data and the settings of the run that was stopped."
                )
        self.set_epoch(state_dict["epoch"])
        self._go_to(state_dict["position"], state_dict["batches"])
        self._prepared, self._compared = True, False

    def digest(self) -> str:
        """Give a fingerprint of the coming iteration; on all ranks it must be the same."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self._settings(), self.epoch, self._start, self.uneven)).encode())
        digest.update(self._order().tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        """How many samples this rank has in the iteration that runs or comes next."""
        left, world_size = max(0, len(self.dataset) - self._start), self.place[1]
        return -(-left // world_size) if self.uneven == "pad" else left // world_size

    def __iter__(self) -> "_Share":
        self._prepare()
        self._prepared = False
        return _Share(self)

    def _prepare(self) -> None:
        """Begin at the begin, unless a state was loaded."""
        if not self._prepared:
            self._go_to(0, 0)
        self._prepared = True

    def _go_to(self, position: int, batches: int) -> None:
        self._start = self._position = position
        self._start_batches = self._batches = batches

    def _order(self) -> np.ndarray:
        """All samples in the order of this epoch, (N,) int64."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        key = hashlib.blake2b(f"order {self.seed} {self.epoch}".encode(), digest_size=16).digest()
        rng = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        return rng.permutation(len(self.dataset))

    def _settings(self) -> dict[str, Any]:
        if self._fingerprint is None:
            of_data = getattr(self.dataset, "fingerprint", None)
            self._fingerprint = "" if of_data is None else of_data()
        return {
            "length": len(self.dataset),
            "seed": self.seed,
            "shuffle": self.shuffle,
            "videos": self._fingerprint,
        }

    def _state(self, position: int, batches: int) -> dict[str, Any]:
        # What is padded begins at the end of the order.
        position = min(position, len(self.dataset))
        return {
            "epoch": self.epoch,
            "position": position,
            "batches": batches,
            **self._settings(),
        }

    def _compare_ranks(self) -> None:
        world_size = self.place[1]
        if self._compared or world_size == 1 or rank_and_world_size()[1] != world_size:
            return
        digests: list[str] = [""] * world_size
        dist.all_gather_object(digests, self.digest())
        for rank, digest in enumerate(digests):
            if digest != digests[0]:
                raise RuntimeError(
                    f"rank {rank} plans another epoch than rank 0: every rank needs the same "
                    "videos in the same order, the same seed, epoch and state. Sort the list of "
                    "videos, and call set_epoch on every rank."
                )
        self._compared = True


class _Share(Iterator[int]):
    """One iteration of an `EpochSampler`; its state counts what was given, not what was used."""

    def __init__(self, sampler: EpochSampler) -> None:
        self._sampler = sampler
        self._given = 0
        self._order: np.ndarray | None = None

    def __next__(self) -> int:
        sampler = self._sampler
        if self._order is None:
            sampler._compare_ranks()
            self._order, self._length = sampler._order(), len(sampler)
            self._rank, self._world_size = sampler.place
            self._start = sampler._start
        if self._given >= self._length:
            raise StopIteration
        place = self._start + self._given * self._world_size + self._rank
        self._given += 1
        if place < len(self._order):
            return Planned(self._order[place])
        return Padding(self._order[place % len(self._order)])

    def state_dict(self) -> dict[str, Any]:
        sampler = self._sampler
        given = self._given * sampler.place[1]
        return sampler._state(sampler._start + given, sampler._start_batches)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sampler.load_state_dict(state_dict)
        self._sampler._prepared = False
        self._given, self._order = 0, None


class RankSampler(Sampler):
    """The part of an order of videos that belongs to this process of torch.distributed.

    Video i belongs to rank i modulo the number of ranks, whatever the order: the ranks need not
    draw the same one. In a single process the part is all.

    Args:
        sampler: the order to divide, of numbers below its length.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler
        self._place = rank_and_world_size()

    def __len__(self) -> int:
        rank, world_size = self._current_place()
        return len(range(rank, len(self.sampler), world_size))

    def __iter__(self) -> Iterator[Any]:
        rank, world_size = self._current_place()
        return (index for index in self.sampler if index % world_size == rank)

    def __getstate__(self) -> dict[str, Any]:
        # A worker process that is not forked knows nothing of the ranks.
        return {**self.__dict__, "_place": self._current_place()}

    def _current_place(self) -> tuple[int, int]:
        now = rank_and_world_size()
        return now if now[1] > 1 else self._place


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
        worker = torch.utils.data.get_worker_info()  # asked here, so that tests can patch it
        if worker is None:
            return iter(list(self.sampler))
        with torch.random.fork_rng(devices=[]):
            if isinstance(getattr(worker, "seed", None), int):
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


def rank_and_world_size() -> tuple[int, int]:
    """Give the number of this process and of all processes of torch.distributed, else (0, 1).

    >>> rank_and_world_size()
    (0, 1)
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def _tell_epoch(dataset: Any, epoch: int) -> None:
    """Set the epoch of a data set, also inside a `Subset`."""
    while dataset is not None:
        if hasattr(dataset, "set_epoch"):
            dataset.set_epoch(epoch)
            return
        dataset = getattr(dataset, "dataset", None)
