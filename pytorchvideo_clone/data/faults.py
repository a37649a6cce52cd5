"""What a data set does about videos that cannot be read, and the report of them."""

import errno
import json
import logging
import os
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar, get_args

import torch
import torch.distributed as dist
from torch import Tensor

from pytorchvideo_clone.data.decoders.audio import AudioOptions
from pytorchvideo_clone.data.sharding import rank_and_world_size
from pytorchvideo_clone.data.video import (
    Clip,
    FrameFilter,
    Seconds,
    Video,
    VideoReadError,
    as_clip,
)

__all__ = [
    "BlankVideo",
    "Fault",
    "FaultLog",
    "FaultReport",
    "Faults",
    "Policy",
    "damaged_frames",
    "read_within",
]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_V = TypeVar("_V", bound=Video)

Policy = Literal["raise", "skip", "substitute", "pad"]


@dataclass(frozen=True)
class Faults:
    """What to do about a video that cannot be opened or decoded.

    "raise" raises `VideoReadError`. "skip" leaves out the rest of the video, where samples are not
    numbered (`LabeledVideoDataset`). "substitute" gives a clip of another video, which follows from
    (seed, epoch, index). "pad" gives the good frames and repeats them where others are damaged; for
    a video of which nothing can be read it gives black frames. All but "skip" keep the number of
    samples.

    Args:
        policy: which of these.
        time_limit_sec: how long opening and reading one clip may take; what takes longer counts as
            unreadable. None means for ever. The reading goes on in a thread of its own until it
            ends or the process does; a decoder that never lets go of Python's lock is not stopped.
        attempts: how many other videos "substitute" tries.
        blank: frames a second, height and width of the black frames of "pad", before `transform`.

    Raises:
        ValueError: if there is no such policy, or the limit is not positive.

    >>> Faults("pad", time_limit_sec=60).policy
    'pad'
    """

    policy: Policy = "raise"
    time_limit_sec: float | None = None
    attempts: int = 100
    blank: tuple[int, int, int] = (30, 256, 256)

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            known = ", ".join(map(repr, get_args(Policy)))
            raise ValueError(f"faults is {self.policy!r}; it must be one of {known}, or a Faults.")
        if self.time_limit_sec is not None and self.time_limit_sec <= 0:
            raise ValueError(f"time_limit_sec is {self.time_limit_sec}; it must be positive.")

    @classmethod
    def of(cls, faults: "Faults | Policy") -> "Faults":
        """Take a policy by its name, or as it is."""
        return faults if isinstance(faults, Faults) else cls(faults)


@dataclass(frozen=True)
class Fault:
    """One failure to read a video.

    Attributes:
        path: of the video.
        cause: in words.
        backend: name of the decoder, "" if it was not opened.
        time: seconds into the video; None when it was opened.
        epoch: of the data set.
        index: of the sample; -1 if samples are not numbered.
    """

    path: str
    cause: str
    backend: str
    time: float | None
    epoch: int
    index: int


@dataclass(frozen=True)
class FaultReport:
    """The videos that could not be read, or only in part.

    Attributes:
        faults: every failure.
        refusals: why the decoder asked for did not read some videos, so that PyAV did: cause -> one
            of them.

    >>> report = FaultReport((Fault("a.mp4", "the file is empty", "", None, 0, 7),) * 2)
    >>> report.causes, report.counts
    ({'a.mp4': 'the file is empty'}, {'a.mp4': 2})
    >>> print(report)
    1 video could not be read, or only in part (2 failures):
      a.mp4: the file is empty
    """

    faults: tuple[Fault, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def causes(self) -> dict[str, str]:
        """What was wrong, first, with each video: path -> cause, in the order of the paths."""
        first: dict[str, str] = {}
        for fault in self.faults:
            first.setdefault(fault.path, fault.cause)
        return dict(sorted(first.items()))

    @property
    def counts(self) -> dict[str, int]:
        """How often each video failed: path -> number, in the order of the paths."""
        return dict(sorted(Counter(fault.path for fault in self.faults).items()))

    def __len__(self) -> int:
        return len(self.counts)

    def __str__(self) -> str:
        causes, limit = self.causes, 20
        instead = [f"  {path}: {cause}" for cause, path in self.refusals.items()]
        if instead:
            instead = ["PyAV read some in place of the decoder asked for, such as:", *instead]
        if not causes:
            return "\n".join(["all videos could be read", *instead])
        lines = [f"  {path}: {cause}" for path, cause in list(causes.items())[:limit]]
        if len(causes) > limit:
            lines.append(f"  and {len(causes) - limit} more")
        videos = "1 video" if len(causes) == 1 else f"{len(causes)} videos"
        failures = "1 failure" if len(self.faults) == 1 else f"{len(self.faults)} failures"
        head = f"{videos} could not be read, or only in part ({failures}):"
        return "\n".join([head, *lines, *instead])


class FaultLog:
    """The failures of a data set, told by all its worker processes, asked for in any.

    Workers append to one file in the folder for temporary files; it goes when the log does, in the
    process that made it.

    >>> log = FaultLog()
    >>> log.add(VideoReadError("the file is empty", "a.mp4"), epoch=0, index=7)
    >>> len(log.report()), len(log.report(epoch=1))
    (1, 0)
    """

    def __init__(self) -> None:
        self._unwritten: list[dict[str, Any]] = []  # of this process
        self._path = ""
        try:
            number, self._path = tempfile.mkstemp(prefix="video-faults-", suffix=".jsonl")
            os.close(number)
        except OSError as error:
            _log.warning("Worker processes cannot note what they cannot read: %s.", error)
        self._logged: set[int] = set()
        self._refusals: set[str] = set()
        weakref.finalize(self, _remove, self._path, os.getpid())

    def add(self, error: VideoReadError, epoch: int, index: int = -1) -> None:
        """Note a failure.

        Args:
            error: says which video, when and why.
            epoch: of the data set.
            index: of the sample.
        """
        time = None if error.time is None else float(error.time)
        self._write(asdict(Fault(error.path, error.cause, error.backend, time, epoch, index)))

    def note_decoder(self, video: _V, path: str) -> _V:
        """Note if PyAV reads a video in place of the decoder asked for, once for each reason.

        Args:
            video: which says so as `refusal`, if it is an `EncodedVideo`; it is given back.
            path: of the video.
        """
        refusal = getattr(video, "refusal", None)
        if refusal and refusal not in self._refusals:
            self._refusals.add(refusal)
            self._write({"refusal": refusal, "path": path})
        return video

    def _write(self, row: dict[str, Any]) -> None:
        try:
            # One write to the end of a file is never mixed with that of another process.
            number = os.open(self._path, os.O_RDWR | os.O_APPEND)
            try:
                line = (json.dumps(row) + "\n").encode()
                if os.fstat(number).st_size:
                    os.lseek(number, -1, os.SEEK_END)
                    if os.read(number, 1) != b"\n":  # no room for the end of the row before
                        line = b"\n" + line
                if os.write(number, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(number)
        except OSError as error:  # the disk is full, or this is a copy that outlives its original
            _log.warning("Cannot note it in the report (%s): %s", error.strerror, row)
            if not (self._path and isinstance(error, FileNotFoundError)):
                self._unwritten.append(row)

    def report(self, epoch: int | None = None, *, all_ranks: bool = False) -> FaultReport:
        """Give the failures until now.

        Args:
            epoch: whose; None gives those of all.
            all_ranks: whether to gather those of all processes of torch.distributed, which must all
                call this.
        """
        rows: list[dict[str, Any]] = []
        lines: list[str] = []
        with suppress(OSError):
            lines = Path(self._path).read_text(encoding="utf-8").splitlines()
        for line in lines:
            with suppress(ValueError):  # of a row for which there was no room
                rows.append(json.loads(line))
        rows += self._unwritten
        refusals = {row["refusal"]: row["path"] for row in reversed(rows) if "refusal" in row}
        faults = [Fault(**row) for row in rows if "refusal" not in row]
        faults = [fault for fault in faults if epoch is None or fault.epoch == epoch]
        world_size = rank_and_world_size()[1]
        if all_ranks and world_size > 1:
            shares: list[Any] = [None] * world_size
            dist.all_gather_object(shares, (faults, refusals))
            faults = [fault for share, _ in shares for fault in share]
            refusals = {cause: path for _, share in shares for cause, path in share.items()}
        return FaultReport(tuple(faults), refusals)

    def log_once(self, epoch: int, *, all_ranks: bool = False) -> FaultReport:
        """Put the report of an epoch into the log of the program, if there is any and none before.

        Args:
            epoch: whose.
            all_ranks: as in `report`; then only rank 0 writes.
        """
        if epoch in self._logged:
            return FaultReport()
        report = self.report(epoch, all_ranks=all_ranks)
        self._logged.add(epoch)
        if report and not (all_ranks and rank_and_world_size()[0]):
            _log.warning("Epoch %d: %s", epoch, report)
        return report


class BlankVideo(Video):
    """Black frames in place of a video of which nothing can be read.

    Args:
        path: of that video.
        seconds: its length.
        blank: frames a second, height and width.
        open_options: what the video was to be opened with; with `missing_audio="silence"` the clips
            are silent, else they have no audio.

    >>> BlankVideo("a.mp4", 2, (10, 4, 6)).get_clip(0, 1)["video"].shape
    torch.Size([3, 10, 4, 6])
    """

    def __init__(
        self,
        path: str,
        seconds: Seconds,
        blank: tuple[int, int, int],
        open_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._path, self._seconds, self._blank = path, seconds, blank
        self._audio = AudioOptions.of(open_options or {})

    @property
    def name(self) -> str:
        """File name of the video."""
        return PurePath(self._path).name

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return self._seconds

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        *,
        on_damage: Literal["raise", "pad"] = "pad",
        short_side: int | None = None,
    ) -> Clip:
        """Give black frames, of which none is valid."""
        rate, height, width = self._blank
        indices = list(range(max(1, round(float(end_sec - start_sec) * rate))))
        count = len(indices if frame_filter is None else frame_filter(indices))
        frames = torch.zeros(count, height, width, 3, dtype=torch.uint8)
        valid = torch.zeros(count, dtype=torch.bool)
        sound = self._audio.silence(start_sec, end_sec)
        return {"video": as_clip(frames, video_dtype), **sound, "valid": valid}


def read_within(limit_sec: float | None, path: str, read: Callable[[], _T]) -> _T:
    """Call a function that reads a video, and give up on it after a time.

    Args:
        limit_sec: how long to wait; None waits for ever, without a thread.
        path: what is read, for the error.
        read: what to call.

    Raises:
        VideoReadError: if it takes longer.

    >>> read_within(5.0, "a.mp4", lambda: 3)
    3
    """
    if limit_sec is None:
        return read()
    result: Future[_T] = Future()

    def run() -> None:
        try:
            result.set_result(read())
        except BaseException as error:  # whatever it is, it belongs to the caller
            result.set_exception(error)

    # A thread, as a signal does not reach FFmpeg, which begins an interrupted call again.
    threading.Thread(target=run, daemon=True, name=f"read {path}").start()
    try:
        return result.result(limit_sec)
    except TimeoutError as error:
        if result.done():  # it is the reader's own
            raise
        raise VideoReadError(f"reading took longer than {limit_sec:g} s", path) from error


def damaged_frames(mask: Tensor | list[Tensor], path: str) -> VideoReadError | None:
    """Say which share of a clip is damaged; None if nothing is.

    Args:
        mask: (T,) bool, which frames are real; of several clips, a list.
        path: of the video.

    >>> str(damaged_frames(torch.tensor([True, False]), "a.mp4"))
    'cannot read a.mp4: 1 of 2 frames are damaged'
    """
    real = torch.cat(mask) if isinstance(mask, list) else mask
    bad = int((~real).sum())
    return VideoReadError(f"{bad} of {len(real)} frames are damaged", path) if bad else None


def _remove(path: str, process: int) -> None:
    if os.getpid() == process:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 (at the end of the program as little as can be)
