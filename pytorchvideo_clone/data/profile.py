"""Where a loader's time goes: run it for some seconds and measure each stage."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch.utils.data import DataLoader

from pytorchvideo_clone.data import stages
from pytorchvideo_clone.data.stages import HAND_OVER, STAGES, StageTime

__all__ = ["LoaderProfile", "profile_loader"]

# Stage -> what to do about it where it takes most of the time.
ADVICE = {
    "open": "Opening files takes most of the time: pack them into a store "
    "(`pytorchvideo-clone data pack`), or bring them to a local disk.",
    "demux": "Reading the files takes most of the time: pack them into a store "
    "(`pytorchvideo-clone data pack`), or bring them to a faster disk or a cache "
    "(`register_remote`).",
    "decode": "Decoding takes most of the time: pack the videos into a store "
    "(`pytorchvideo-clone data pack`; `--codec jpeg` is faster still), take several clips of a "
    "video at a visit (`RandomMultiClipSampler`, `each_clip`), or give it more cores.",
    "convert": "Converting pictures takes most of the time: let large ones be scaled before "
    "(`short_side`), keep only the frames that you need (`frame_filter`), as bytes "
    "(`video_dtype=torch.uint8`).",
    "transform": "The transform takes most of the time: give it bytes "
    "(`video_dtype=torch.uint8`), take `ClipTransform`, and do the rest on the device "
    "(`BatchTransform`).",
    "collate": "Making batches takes most of the time: hand over bytes "
    "(`video_dtype=torch.uint8`) and let `make_loader` collate them.",
    HAND_OVER: "Handing batches over takes most of the time: hand over bytes "
    "(`video_dtype=torch.uint8`), by `make_loader`, with fewer workers or other batches; or the "
    "workers wait for the process that takes the batches.",
    "other": "Most of the time goes into nothing that is measured: a sampler, a data set or a "
    "`frame_filter` of your own, or sound.",
}


@dataclass(frozen=True)
class LoaderProfile:
    """What a loader did with its time.

    Attributes:
        clips: samples loaded while it was measured.
        seconds: by the clock.
        processes: that loaded.
        stages: stage -> seconds, the sum of all processes. "decode" holds the conversion where
            TorchCodec, decord, JPEG or images do both in one; "hand-over" holds the way of a batch
            to the process that takes it, and the wait for it; "other" what is not measured, and the
            CPU time of threads of torch or a decoder.

    >>> LoaderProfile(10, 2.0, 1, {"decode": StageTime(1.5, 1.4)}).limiting
    'decode'
    """

    clips: int
    seconds: float
    processes: int
    stages: dict[str, StageTime]

    @property
    def clips_per_second(self) -> float:
        """Clips loaded in a second of the clock, by all processes together."""
        return self.clips / self.seconds

    @property
    def limiting(self) -> str:
        """The stage that takes most of the time of the processes."""
        return max(self.stages, key=lambda name: self.stages[name].wall_sec)

    @property
    def advice(self) -> str:
        """A sentence that says what to do about it."""
        return ADVICE[self.limiting]

    def rows(self) -> list[list[str]]:
        """Give the table: stage, CPU and clock in ms a clip, share of the clock."""
        total = sum(spent.wall_sec for spent in self.stages.values())
        named = [*self.stages.items(), ("sum", StageTime(total, self._cpu()))]
        return [
            [
                name,
                f"{1000 * spent.cpu_sec / self.clips:.2f}",
                f"{1000 * spent.wall_sec / self.clips:.2f}",
                f"{100 * spent.wall_sec / total:.1f} %",
            ]
            for name, spent in named
        ]

    def _cpu(self) -> float:
        return sum(spent.cpu_sec for spent in self.stages.values())


def profile_loader(loader: DataLoader, seconds: float = 10) -> LoaderProfile:
    """Run a loader and measure where its time goes, in its worker processes too.

    Measured is what a `ClipDataset` or a `LabeledVideoDataset` does; of other data sets only the
    collating. The first batch of each process does not count: it loads code. An epoch that ends
    before the time is up is followed by the next. Afterwards the loader is as it was, and stands at
    the begin of an epoch.

    Args:
        loader: of `make_loader`, or any `DataLoader`, whose workers do not run yet.
        seconds: for how long, from the first batch on.

    Raises:
        ValueError: if `seconds` is not positive, its workers run already, or it has too few batches
            to measure one.

    >>> from pytorchvideo_clone.data.loader import make_loader
    >>> loader = make_loader([{"clip": 0}] * 64, batch_size=2, num_workers=0)
    >>> profile_loader(loader, seconds=0.01).clips > 0
    True
    """
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds}; it must be positive.")
    if getattr(loader, "_iterator", None) is not None:
        raise ValueError("the workers of this loader run already; profile it before it is used.")
    first: dict[int, _Report] = {}
    last: dict[int, _Report] = {}
    begin = end = time.perf_counter()
    with _measuring(loader):
        for report in _reports(loader):
            end = time.perf_counter()
            if not first:
                begin = end
            first.setdefault(report.process, report)
            last[report.process] = report
            if end - begin >= seconds:
                break
    clips = sum(last[process].clips - first[process].clips for process in last)
    if not clips:
        raise ValueError(
            f"the loader gave {len(last)} batches in the time, of which the first of each process "
            "does not count; give it more seconds, videos, or fewer workers."
        )
    spent = {
        name: StageTime(
            *(
                sum(last[p].stages[name][part] - first[p].stages[name][part] for p in last)
                for part in (0, 1)
            )
        )
        for name in STAGES
    }
    return LoaderProfile(clips, end - begin, len(last), spent)


@dataclass(frozen=True)
class _Report:
    """What a process has done so far; it travels in the place of a batch, and with it."""

    process: int
    clips: int
    stages: dict[str, StageTime]
    batch: Any


class _Reporting:
    """A collate function that reports."""

    def __init__(self, collate: Callable[[Any], Any]) -> None:
        self._collate = collate
        self._clips = 0

    def __call__(self, samples: Any) -> _Report:
        listed = samples if isinstance(samples, list) else [samples]
        self._clips += sum(len(one) if isinstance(one, list) else 1 for one in listed)
        with stages.stage("collate"):
            batch = self._collate(samples)
        return _Report(os.getpid(), self._clips, _with_other_threads(stages.sums()), batch)


def _with_other_threads(sums: dict[str, StageTime]) -> dict[str, StageTime]:
    """Count the work of this process's other threads too, of which it is not known what it is."""
    others = time.process_time() - time.thread_time()
    wall, cpu = sums["other"]
    return {**sums, "other": StageTime(wall, cpu + others)}


@contextmanager
def _measuring(loader: DataLoader) -> Iterator[None]:
    """Let a loader report instead of giving batches."""
    collate, set_up = loader.collate_fn, loader.worker_init_fn
    loader.collate_fn = _Reporting(collate)
    loader.worker_init_fn = partial(_start_worker, set_up=set_up)
    if not loader.num_workers:
        stages.start()
    try:
        yield
    finally:
        stages.stop()
        loader._iterator = None  # ends the workers
        loader.collate_fn, loader.worker_init_fn = collate, set_up


def _start_worker(number: int, set_up: Callable[[int], None] | None) -> None:
    if set_up is not None:
        set_up(number)
    stages.start()


def _reports(loader: DataLoader) -> Iterator[_Report]:
    """Epoch after epoch."""
    state = loader.state_dict() if hasattr(loader, "state_dict") else None
    try:
        while True:
            reports = 0
            for report in loader:
                reports += 1
                yield report
            if not reports:
                return
    finally:
        if state is not None:
            loader.load_state_dict(state)  # type: ignore[attr-defined]
