"""Timers in the path from a file to a clip, off unless `data.profile` turns them on."""

import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

__all__ = ["HAND_OVER", "STAGES", "StageTime", "start", "stage", "stop", "sums"]

HAND_OVER = "hand-over"
STAGES = ("open", "demux", "decode", "convert", "transform", "collate", HAND_OVER, "other")


class StageTime(NamedTuple):
    """What a stage took.

    Attributes:
        wall_sec: by the clock.
        cpu_sec: of the thread that works.
    """

    wall_sec: float
    cpu_sec: float


def stage(name: str) -> AbstractContextManager[object]:
    """Count the time until the block ends for a stage, and not for the one around it.

    Args:
        name: one of `STAGES`.

    >>> start()
    >>> with stage("decode"):
    ...     pass
    >>> sums()["decode"].wall_sec >= 0
    True
    >>> stop()
    """
    if _clock is None or _clock.thread != threading.get_ident():
        return _OFF
    return _Block(_clock, name)


def start() -> None:
    """Begin to count in this thread, from zero; what is in no block counts for the hand-over."""
    global _clock
    _clock = _Clock()


def stop() -> None:
    """Count no more."""
    global _clock
    _clock = None


def sums() -> dict[str, StageTime]:
    """Give what each stage took since `start`; nothing if it was not called."""
    return {} if _clock is None else _clock.sums()


class _Clock:
    """Time divided among stages: at any moment one of them runs."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.current = HAND_OVER
        self._sums = {name: [0.0, 0.0] for name in STAGES}
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def switch(self, name: str) -> str:
        """Begin a stage; give the one that ends."""
        wall, cpu = time.perf_counter(), time.thread_time()
        ended = self.current
        total = self._sums[ended]
        total[0] += wall - self._wall
        total[1] += cpu - self._cpu
        self._wall, self._cpu, self.current = wall, cpu, name
        return ended

    def sums(self) -> dict[str, StageTime]:
        self.switch(self.current)
        return {name: StageTime(*total) for name, total in self._sums.items()}


class _Block:
    def __init__(self, clock: _Clock, name: str) -> None:
        self._clock, self._name = clock, name

    def __enter__(self) -> None:
        self._around = self._clock.switch(self._name)

    def __exit__(self, *_: object) -> None:
        self._clock.switch(self._around)


_OFF = nullcontext()
_clock: _Clock | None = None
