"""A loader whose workers are set up for video: one call instead of a dozen options."""

import ctypes
import gc
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, Sampler

from pytorchvideo_clone.data.clip_reading import Sample
from pytorchvideo_clone.data.resumable_loader import ResumableLoader
from pytorchvideo_clone.data.sharding import EpochSampler
from pytorchvideo_clone.data.shared_batches import SharedCollate

__all__ = ["available_cores", "each_clip", "make_loader", "worker_options"]


def make_loader(
    dataset: Any,
    batch_size: int | None = 8,
    *,
    num_workers: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    sampler: Sampler | None = None,
    drop_last: bool = False,
    collate_fn: Callable[[Sequence[Any]], Any] | None = None,
    **options: Any,
) -> DataLoader:
    """Make a loader that keeps all cores busy with decoding, and none with anything else.

    Worker processes live through all epochs; each computes with one thread of torch, so that it
    does not wait for those of another; what they inherit is left out of garbage collection;
    batches come in shared memory that is used again (`SharedCollate`), and in pinned memory where
    there is a GPU. A process that loads, this one without workers, keeps up to 128 MB of freed
    memory for the next clip. Give it clips of uint8 and normalise them on the device: a quarter of
    the bytes.

    Args:
        dataset: a `ClipDataset`, or any other data set.
        batch_size: samples of a batch; None for samples as they are.
        num_workers: worker processes; None takes one for each core that this process may use,
            shared among the ranks of this machine, and 0 loads in this process.
        shuffle: whether the order is random, a new one for each epoch that `set_epoch` sets.
        seed: of the order, and of the workers' generators.
        sampler: an order of your own, instead of `shuffle`.
        drop_last: whether samples too few for a batch are left out.
        collate_fn: makes a batch; None takes `SharedCollate`.
        **options: more arguments of `DataLoader`, which win over those chosen here.

    Returns:
        A `ResumableLoader` over an `EpochSampler`; for an iterable data set or a sampler of another
        kind a `DataLoader`.

    Raises:
        ValueError: if `num_workers` is negative, or an iterable data set comes with a sampler.

    >>> loader = make_loader([{"clip": torch.zeros(3)}] * 5, batch_size=2, num_workers=0)
    >>> [len(batch["clip"]) for batch in loader]
    [2, 2, 1]
    """
    settings = {
        "batch_size": batch_size,
        "drop_last": drop_last,
        **worker_options(num_workers, seed),
        **options,
    }
    if collate_fn is not None:
        settings["collate_fn"] = collate_fn
    elif batch_size is None and "batch_sampler" not in options:
        del settings["collate_fn"]
    if isinstance(dataset, IterableDataset):
        if sampler is not None:
            raise ValueError("an iterable data set has an order of its own; give no sampler.")
        return DataLoader(dataset, **settings)
    if "batch_sampler" in options:
        for name in ("batch_size", "drop_last"):
            del settings[name]
        return DataLoader(dataset, **settings)
    sampler = EpochSampler(dataset, shuffle=shuffle, seed=seed) if sampler is None else sampler
    if isinstance(sampler, EpochSampler):
        # By name, as Lightning puts another in its place for `overfit_batches`.
        return ResumableLoader(dataset, sampler=sampler, **settings)
    return DataLoader(dataset, sampler=sampler, **settings)


def worker_options(num_workers: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Give the arguments of `DataLoader` by which `make_loader` sets its workers up.

    Args:
        num_workers: as in `make_loader`.
        seed: of the workers' generators.

    Raises:
        ValueError: if `num_workers` is negative.

    >>> worker_options(num_workers=0)["num_workers"]
    0
    """
    if num_workers is None:
        num_workers = available_cores()
    if num_workers < 0:
        raise ValueError(f"num_workers is {num_workers}; it must be 0 or more, or None.")
    if num_workers == 0:
        _keep_freed_memory()
    options: dict[str, Any] = {
        "num_workers": num_workers,
        "collate_fn": SharedCollate(),
        "pin_memory": torch.cuda.is_available(),
        "generator": torch.Generator().manual_seed(seed),
    }
    if num_workers:
        options["persistent_workers"] = True
        options["worker_init_fn"] = _set_up_worker
    return options


def available_cores() -> int:
    """Count the cores that this process may use, divided among the processes of this machine.

    >>> available_cores() >= 1
    True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    # torchrun and Lightning start one process a device, and say how many.
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def each_clip(sample: Sample, transform: Callable[[Sample], Any] | None = None) -> list[Any]:
    """Make samples of the clips of a sample that has several, as `RandomMultiClipSampler` gives it.

    As a data set's transform it lets each visit to a video give several clips, which costs little
    more than one; `make_loader` puts them into the batch one after the other, so that it holds
    `batch_size` times as many.

    Args:
        sample: `video` and what else differs from clip to clip are lists.
        transform: applied to each.

    >>> sample = {"video": ["first", "second"], "clip_index": [0, 0], "label": 3}
    >>> each_clip(sample)[1]
    {'video': 'second', 'clip_index': 0, 'label': 3}
    """
    count = len(sample["video"])
    listed = {
        key for key, value in sample.items() if isinstance(value, list) and key in _OF_EACH_CLIP
    }
    samples = (
        {key: value[place] if key in listed else value for key, value in sample.items()}
        for place in range(count)
    )
    return [one if transform is None else transform(one) for one in samples]


# Names of glibc's `mallopt`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

# What `read_clip` and `make_sample` give as lists for a sample of several clips.
_OF_EACH_CLIP = {"video", "audio", "clip_index", "aug_index", "frame_mask", "has_audio"}


def _set_up_worker(number: int) -> None:
    # No thread of torch beyond the one that `DataLoader` gives a worker: in a process forked from
    # one that has used OpenMP, libgomp waits for ever for threads that the fork did not take along.
    _keep_freed_memory()
    # What is there lives as long as the worker: to look through it takes 0.1 s each time.
    gc.freeze()


def _keep_freed_memory() -> None:
    """Let glibc give freed blocks to the next clip, not to the system.

    A clip takes some 20 MB in a few blocks. To have the system clear and map their pages for every
    clip took a fifth of all work.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    mallopt(_MMAP_THRESHOLD, 2**26)
    mallopt(_TRIM_THRESHOLD, 2**27)
