"""Sound of files that cannot be entered in the middle: decoded from the begin, and counted."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import av

__all__ = [
    "STAMPED_BY_BYTES",
    "PlacedSound",
    "SoundWalk",
    "is_without_gaps",
    "must_be_walked",
    "remembers_all",
    "stamps_contradict",
]

# Their decoders fill what was not coded with noise, or shape it by all that came before.
_REMEMBER_ALL = {"aac", "ac3", "eac3", "nellymoser", "speex", "libspeex", "g723_1"}
# Frames of several lengths: where ticks are coarser than samples, only their count is exact.
_UNEVEN = {"vorbis", "libvorbis"}
# In Ogg the time stands at the end of a page; what does not count its frames is placed by guess.
_COUNTED_IN_OGG = {"vorbis", "libvorbis", "opus", "libopus"}
# Their readers make the stamps of sound up from bytes, which is right for constant rates alone.
STAMPED_BY_BYTES = {"avi", "rm"}

_ROUNDED_SEC = Fraction(1, 500)


class PlacedSound(NamedTuple):
    """A codec frame.

    Attributes:
        pts: its time stamp.
        position: number of its first sample, from time 0 of the file, at the stream's rate.
        frame: its samples, or why it cannot be decoded.
    """

    pts: int
    position: int
    frame: Any


def must_be_walked(codec: str, container: str, per_tick: Fraction) -> bool:
    """Say whether the samples of a stream are only exact when it is decoded from its begin.

    Args:
        codec: name of the decoder.
        container: FFmpeg's name of the container.
        per_tick: samples a tick.
    """
    if container == "ogg" and codec not in _COUNTED_IN_OGG:
        return True
    return (codec in _UNEVEN and per_tick > 1) or is_without_gaps(codec, container)


def remembers_all(codec: str, container: str) -> bool:
    """Say whether the samples depend, a little, on all that were decoded before.

    So do those of MPEG-PS, which is entered within a frame.
    """
    return codec in _REMEMBER_ALL or container == "mpeg"


def is_without_gaps(codec: str, container: str) -> bool:
    """Say whether the time stamps of a stream are no better than a count (uncompressed in VOB)."""
    return container == "mpeg" and codec.startswith("pcm")


def stamps_contradict(frames: Sequence[tuple[int, av.AudioFrame]], per_tick: Fraction) -> bool:
    """Say whether stamps do not fit the samples between them.

    Args:
        frames: (stamp, frame), the first ones of a file.
        per_tick: samples a tick.
    """
    counts = itertools.accumulate(frame.samples for _, frame in frames)
    return any(
        abs((stamp - frames[0][0]) * per_tick - count) > per_tick + frame.samples
        for (stamp, frame), count in zip(frames[1:], counts, strict=False)
    )


class SoundWalk:
    """Decode sound from the begin of a file once, for windows that follow on one another.

    Args:
        frames: (stamp, frame) from the begin of the file on, an error for what cannot be decoded.
        per_tick: samples a tick.
        rate: samples a second of the stream.
        without_gaps: count all samples from the first one, whatever the later stamps say.
    """

    def __init__(
        self,
        frames: Iterator[tuple[int, av.AudioFrame | av.FFmpegError]],
        per_tick: Fraction,
        rate: int,
        without_gaps: bool,
    ) -> None:
        self._frames, self._per_tick, self._rate = frames, per_tick, rate
        self._without_gaps = without_gaps
        self._held: deque[PlacedSound] = deque()  # those of the last second
        self._has_dropped = False
        self._next: int | None = None

    @property
    def position(self) -> int:
        """Number of the sample that is decoded next."""
        return self._next or 0

    def reaches(self, number: int) -> bool:
        """Whether sample `number` is still to come, or held; else begin anew."""
        return not self._has_dropped or self._held[0].position <= number

    def __iter__(self) -> Iterator[PlacedSound]:
        yield from list(self._held)
        for pts, frame in self._frames:
            yield self._hold(pts, frame)

    def _hold(self, pts: int, frame: av.AudioFrame | av.FFmpegError) -> PlacedSound:
        if isinstance(frame, av.FFmpegError):
            placed = PlacedSound(pts, self.position, frame)
        else:
            stamp = pts * self._per_tick
            position = round(stamp) if self._next is None else self._next
            # Stamps are rounded, for several frames at once in MPEG-TS: they only tell of gaps.
            apart = max(self._per_tick, _ROUNDED_SEC * self._rate) + 1
            if abs(stamp - position) > apart and not self._without_gaps:
                position = round(stamp)
            placed = PlacedSound(pts, position, frame)
            self._next = position + round(frame.samples * self._rate / frame.sample_rate)
        self._held.append(placed)
        while len(self._held) > 1 and self._held[1].position < self.position - self._rate:
            self._held.popleft()
            self._has_dropped = True
        return placed
