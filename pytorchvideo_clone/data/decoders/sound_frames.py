"""The codec frames of a file's sound, each with the number of its first sample."""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer

from pytorchvideo_clone.data.decoders.av_files import exact, open_input, picture_streams
from pytorchvideo_clone.data.decoders.sound_walk import (
    STAMPED_BY_BYTES,
    PlacedSound,
    SoundWalk,
    is_without_gaps,
    must_be_walked,
    remembers_all,
    stamps_contradict,
)

__all__ = ["SoundFrames", "UnevenSound"]

# A codec that overlaps its frames (AAC, Opus) needs a few before the first one asked for.
_WARM_UP_SEC = Fraction(1, 5)

# How far ahead sound is decoded that is nearly the same when it is entered in the middle: a second
# of AAC takes about 4 ms.
_WALKED_SEC = 15

# Codec frames at the begin of a file, by which those of one length are known.
_LOOKED_AT = 9


class UnevenSound(Exception):
    """Codec frames of several lengths, which only a count from the begin of the file places.

    By now it is known: what was begun begins again.
    """


class SoundFrames:
    """The first stream of sound in a file that FFmpeg has a decoder for.

    Args:
        source: a local path, or an open binary file.

    Attributes:
        container: the open file.
        stream: its sound; None without.
        time_base: seconds a tick.
        rate: samples a second, as the file says.
        channels: how many.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._source = source
        self._walk: SoundWalk | None = None
        self._grid: tuple[int, int] | None = None
        self._known = False  # whether the first frames were looked at
        self.reopen()
        if self.stream is None:
            return
        time_base = exact(self.stream.time_base)
        assert time_base is not None  # every opened stream has one
        self.time_base = time_base
        # Decoding may change what the context says.
        context = self.stream.codec_context
        self.channels, self.rate = context.channels, context.sample_rate
        self._per_tick = self.time_base * self.rate
        kind = context.name, self.container.format.name
        self._walks = must_be_walked(*kind, self._per_tick)
        self._walks_for_stamps = must_be_walked(*kind, Fraction(0))
        self._walks_near = remembers_all(*kind)
        self._without_gaps = is_without_gaps(*kind)

    @property
    def begin_of_pictures(self) -> Fraction:
        """Seconds of the file's own time at which its first video stream starts, or the sound."""
        leading = next(iter(picture_streams(self.container)), self.stream)
        assert leading is not None
        return (leading.start_time or 0) * (exact(leading.time_base) or Fraction(0))

    def reopen(self) -> None:
        """Open the file, maybe again."""
        if not isinstance(self._source, str):
            self._source.seek(0)
        self.container: InputContainer = open_input(self._source)
        # A stream whose codec FFmpeg does not know has no context.
        streams = (s for s in self.container.streams.audio if s.codec_context is not None)
        self.stream = next(streams, None)
        self._fresh = True

    def placed(
        self, pts: int, tolerant: bool = False, counted: bool = True
    ) -> Iterator[PlacedSound]:
        """Decode from a little before `pts` on.

        Args:
            pts: ticks.
            tolerant: go on after what cannot be decoded.
            counted: False where time stamps are enough, so that no more is decoded to count.

        Raises:
            UnevenSound: if the samples cannot be counted from there; they are when it is called
                again.
            av.FFmpegError: if something cannot be decoded.
        """
        if counted:
            self._look_at_begin()
        number = math.floor(pts * self._per_tick)
        walks = self._walks if counted else self._walks_for_stamps
        if walks or (self._walks_near and self._is_near(number)):
            yield from self._walked(number, tolerant)
            return
        position: int | None = None
        sizes: list[int] = []
        for stamp, frame in self._entered(pts, tolerant):
            # The last frame of a file may be shorter; the first here may be its first, which too.
            if counted and self._grid is not None and sizes[1:] and sizes[-1] != self._grid[1]:
                self._walks = True
                raise UnevenSound
            place = stamp * self._per_tick
            # Where ticks are coarser than samples (Matroska), stamps only tell of gaps.
            if position is None or abs(place - position) > self._per_tick + 1:
                position = self._on_grid(place, frame.samples)
            yield PlacedSound(stamp, position, frame)
            position += round(frame.samples * self.rate / frame.sample_rate)
            sizes.append(frame.samples)

    def _is_near(self, number: int) -> bool:
        """Whether it is not far from where the walk stands, or from the begin of the file."""
        ahead = number + self.rate - _WALKED_SEC * self.rate
        walk = self._walk
        return ahead < (walk.position if walk is not None and walk.reaches(number) else 0)

    def _walked(self, number: int, tolerant: bool) -> Iterator[PlacedSound]:
        if self._walk is None or not self._walk.reaches(number):
            self.reopen()
            self._walk = SoundWalk(self._decode(), self._per_tick, self.rate, self._without_gaps)
        for placed in self._walk:
            if isinstance(placed.frame, av.FFmpegError):
                # What is damaged before the window is none of its matter.
                if not tolerant and placed.position >= number:
                    raise placed.frame
            else:
                yield placed

    def _entered(self, pts: int, tolerant: bool) -> Iterator[tuple[int, av.AudioFrame]]:
        """Seek to a little before `pts`, and decode: (stamp, frame)."""
        assert self.stream is not None
        self._walk = None  # which stands elsewhere
        in_between = True
        try:
            warm_up = int(_WARM_UP_SEC / self.time_base)
            begin = min(round(self.begin_of_pictures / self.time_base), self.stream.start_time or 0)
            # What primes the codec lies before the begin.
            self.container.seek(max(pts, begin) - warm_up, stream=self.stream)
        except av.FFmpegError:  # a source that cannot seek
            self.reopen()
            in_between = False
        failure: av.FFmpegError | None = None
        for stamp, frame in self._decode():
            if isinstance(frame, av.FFmpegError):
                # The file may be entered within a frame (MPEG-PS), which then is none.
                if not (tolerant or in_between):
                    raise frame
                failure = frame
            else:
                in_between = False
                yield stamp, frame
        if in_between and failure is not None and not tolerant:
            raise failure

    def _decode(self) -> Iterator[tuple[int, av.AudioFrame | av.FFmpegError]]:
        """Decode from where the file stands: (stamp, frame), an error for what cannot be."""
        assert self.stream is not None
        self._fresh = False
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.FFmpegError as error:
                yield 0, error
                continue
            if packet is None:
                return
            for frame in frames:
                if isinstance(frame, av.AudioFrame) and frame.pts is not None:
                    yield frame.pts, frame

    def _look_at_begin(self) -> None:
        """Look once at the first codec frames: what the stamps mean, and how long frames are.

        Where ticks are coarser than samples, the samples that codec frames begin with are on a
        grid: frames have one length, but for the first, whose begin may be cut (a decoder cuts it
        only if the file has just been opened), and the last. Else samples are counted.
        """
        by_bytes = self.container.format.name in STAMPED_BY_BYTES
        if self._known or not (self._per_tick > 1 or by_bytes):
            return
        self._known = True
        if not self._fresh:
            self.reopen()
        decoded = ((pts, one) for pts, one in self._decode() if isinstance(one, av.AudioFrame))
        frames = list(itertools.islice(decoded, _LOOKED_AT))
        whole = frames[1:] if len(frames) == _LOOKED_AT else frames[1:-1] or frames[1:]
        sizes = {frame.samples for _, frame in whole}
        if by_bytes and stamps_contradict(frames, self._per_tick):
            self._walks = self._without_gaps = True
        elif self._per_tick > 1 and len(sizes) > 1:
            self._walks = True
        elif self._per_tick > 1 and sizes and sizes != {0}:
            first, frame = frames[0]
            self._grid = round(first * self._per_tick) + frame.samples, sizes.pop()

    def _on_grid(self, stamp: Fraction, samples: int) -> int:
        """Give the number of the sample that a codec frame begins with."""
        if self._grid is not None:
            origin, size = self._grid
            for edge in (samples, 0):  # the first frame is cut at its begin, the last at its end
                number = origin + round((stamp + edge - origin) / size) * size - edge
                if abs(number - stamp) <= 1.5 * self._per_tick:
                    return number
        return round(stamp)
