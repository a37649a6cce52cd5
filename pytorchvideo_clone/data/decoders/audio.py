"""Read the sound of a video file, with PyAV whatever decodes its frames."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, Literal

import av
import numpy as np
import torch
from av.container import InputContainer
from torch import Tensor

from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from pytorchvideo_clone.data.decoders.timestamps import secs_to_pts
from pytorchvideo_clone.data.video import Clip, Seconds

__all__ = ["DECORD_SOUND", "AudioOptions", "AudioReader"]

# PyTorchVideo's options of decord's sound, which had this rate and was mono unless told otherwise.
DECORD_SOUND: dict[str, Any] = {"sample_rate": 44100, "mono": True}

# A codec that overlaps its frames (AAC, Opus) needs a few before the first one asked for.
_WARM_UP_SEC = Fraction(1, 5)

# How far FFmpeg's resampling filter reaches, in samples of the lower rate; half of it would do.
_FILTER_REACH = 64


@dataclass(frozen=True)
class AudioOptions:
    """How the sound of a window is given.

    Args:
        rate: None for the codec frames that begin in the window, whole, in the codec's values; else
            exactly the window's samples, in [-1, 1], at this rate, or at the file's own ("native").
        mono: the mean of the channels, (S,); else (channels, S). Only with a rate.
        missing: what a window without sound has: None, or "silence", zeros and `has_audio` False;
            for that the rate must be a number. Damaged sound then is silence too.

    Raises:
        ValueError: if they do not fit together.
    """

    rate: int | Literal["native"] | None = None
    mono: bool = True
    missing: Literal["silence"] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rate, str) and self.rate != "native":
            raise ValueError(f"audio_rate is {self.rate!r}; it must be a number or 'native'.")
        if not isinstance(self.rate, str | None) and (self.rate < 1 or self.rate % 1):
            raise ValueError(f"audio_rate is {self.rate}; it must be a positive whole number.")
        if self.missing not in (None, "silence"):
            raise ValueError(f"missing_audio is {self.missing!r}; it must be None or 'silence'.")
        if self.missing and not isinstance(self.rate, int):
            raise ValueError(
                f"missing_audio is {self.missing!r}, but audio_rate is {self.rate!r}: it must be a "
                "number, as a file without sound has no rate of its own."
            )
        if not self.mono and self.rate is None:
            raise ValueError("audio_mono is False; it needs audio_rate, a number or 'native'.")

    @classmethod
    def of(cls, open_options: Mapping[str, Any]) -> "AudioOptions":
        """Take them from the arguments that a video is opened with."""
        if not open_options.get("decode_audio"):
            return cls()
        rate, mono = open_options.get("audio_rate"), open_options.get("audio_mono", True)
        if rate is None and open_options.get("decoder") == "decord":
            rate, mono = (open_options.get(*option) for option in DECORD_SOUND.items())
        return cls(rate, mono, open_options.get("missing_audio"))

    def read(self, reader: "AudioReader", start_sec: Seconds, end_sec: Seconds) -> Clip:
        """Give the entries of a clip: `audio`, and `has_audio` if missing sound is silence."""
        if self.rate is None:
            return {"audio": reader.read(start_sec, end_sec)}
        rate = None if self.rate == "native" else int(self.rate)
        tolerant = self.missing is not None
        sound = reader.read_samples(start_sec, end_sec, rate, self.mono, tolerant)
        if not tolerant:
            return {"audio": sound}
        if sound is not None:
            return {"audio": sound, "has_audio": True}
        end_sec = reader.end_sec if math.isinf(end_sec) else end_sec
        return self.silence(start_sec, end_sec, reader.channels)

    def silence(self, start_sec: Seconds, end_sec: Seconds, channels: int = 1) -> Clip:
        """Give the entries of a clip without sound, as `read` does."""
        if self.missing is None:
            return {"audio": None}
        assert isinstance(self.rate, int)
        count = max(0, _nearest((end_sec - start_sec) * self.rate))
        shape = (count,) if self.mono else (channels, count)
        return {"audio": torch.zeros(shape), "has_audio": False}


class AudioReader:
    """The sound of a video file.

    Times count from the begin of the video stream if the file has one, so that sound and frames of
    a window belong together; else from the begin of the sound.

    Args:
        source: a local path, or an open binary file.

    Attributes:
        duration: seconds; 0 if there is no sound.
        channels: how many; 1 if there is no sound.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._source = source
        self._open()
        self.duration = Fraction(0)
        self.channels = 1
        self._grid: tuple[int, int] | None = None
        if self._stream is None:
            return
        time_base = exact(self._stream.time_base)
        assert time_base is not None  # every opened stream has one
        self._time_base = time_base
        leading = next(iter(self._container.streams.video), self._stream)
        self._start_sec = (leading.start_time or 0) * (exact(leading.time_base) or Fraction(0))
        self._start_pts = round(self._start_sec / self._time_base)
        # Decoding may change what the context says.
        self.channels = self._stream.codec_context.channels
        self._own_rate = self._stream.codec_context.sample_rate
        if self._stream.duration:
            self.duration = self._stream.duration * self._time_base
        else:
            self.duration = self.file_duration

    def read(self, start_sec: Seconds, end_sec: Seconds) -> Tensor | None:
        """Decode the codec frames that begin in [start_sec, end_sec), whole.

        Returns:
            (S,) float32, the mean over the channels in the values that the codec delivers (16-bit
            samples stay within ±32768), at the file's own rate; None if nothing begins there.
        """
        if self._stream is None:
            return None
        first = secs_to_pts(start_sec, self._time_base, self._start_pts, "ceil")
        last = secs_to_pts(end_sec, self._time_base, self._start_pts, "ceil")
        pieces = []
        for pts, frame in self._frames(int(min(first, last))):
            if pts < first:
                continue
            if pts >= last:
                break
            pieces.append(_channels_first(frame).mean(axis=0, dtype=np.float32))
        return torch.from_numpy(np.concatenate(pieces)) if pieces else None

    def read_samples(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        rate: int | None = None,
        mono: bool = True,
        tolerant: bool = False,
    ) -> Tensor | None:
        """Decode exactly the samples of [start_sec, end_sec), silence where the file has none.

        There are (end_sec - start_sec) * rate of them, to the nearest, wherever the window lies.
        The first is the one nearest to `start_sec`; a sample has the same time and value in all
        windows that hold it, so that windows of a whole number of samples share and lose none.

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded; infinity is where the sound ends.
            rate: samples a second; None is the file's own.
            mono: the mean of the channels.
            tolerant: damaged sound is silence, not an error.

        Returns:
            (channels, S) float32 in [-1, 1], (S,) if `mono`; None if the file has no sample there.
        """
        if self._stream is None:
            return None
        own = self._own_rate
        rate = rate or own
        if math.isinf(end_sec):
            end_sec = self.end_sec
        # Counted from time 0 of the file, in which the two rates meet every `block` samples.
        first = _nearest((self._start_sec + start_sec) * rate)
        count = _nearest((end_sec - start_sec) * rate)
        if count < 1:
            return None
        block, own_block = rate // math.gcd(rate, own), own // math.gcd(rate, own)
        reach = 0 if rate == own else _FILTER_REACH * max(1, -(-own // rate))
        begin = (first * own // rate - reach) // own_block
        end = -(-(first + count) * own // rate) + reach + 1
        sound = self._collect(
            begin * own_block,
            end,
            first * own // rate,
            (first + count) * own // rate,
            mono,
            tolerant,
        )
        if sound is None:
            return None
        skip = first - begin * block
        sound = _resample(sound, own, rate)[:, skip : skip + count].copy()
        return torch.from_numpy(sound[0] if mono else sound)

    @property
    def file_duration(self) -> Fraction:
        """Length of the file in seconds, whatever it holds."""
        return Fraction(self._container.duration or 0, av.time_base)

    @property
    def end_sec(self) -> Fraction:
        """Where the sound ends; where the file does if there is none."""
        if self._stream is None:
            return self.file_duration
        return (self._stream.start_time or 0) * self._time_base + self.duration - self._start_sec

    @property
    def exists(self) -> bool:
        """Whether the file has sound."""
        return self._stream is not None

    @property
    def container(self) -> InputContainer:
        """The open file."""
        return self._container

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._container.close()

    def _open(self) -> None:
        if not isinstance(self._source, str):
            self._source.seek(0)
        self._container = open_input(self._source)
        # A stream whose codec FFmpeg does not know has no context.
        streams = (s for s in self._container.streams.audio if s.codec_context is not None)
        self._stream = next(streams, None)
        self._fresh = True

    def _frames(self, pts: int, tolerant: bool = False) -> Iterator[tuple[int, av.AudioFrame]]:
        """Decode from a little before `pts` on: (stamp, frame)."""
        assert self._stream is not None
        try:
            warm_up = int(_WARM_UP_SEC / self._time_base)
            begin = min(self._start_pts, self._stream.start_time or 0)
            # What primes the codec lies before the begin.
            self._container.seek(max(pts, begin) - warm_up, stream=self._stream)
        except av.FFmpegError:  # a source that cannot seek
            self._open()
        yield from self._decode(tolerant)

    def _decode(self, tolerant: bool) -> Iterator[tuple[int, av.AudioFrame]]:
        assert self._stream is not None
        self._fresh = False
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.FFmpegError:
                if not tolerant:
                    raise
                continue
            if packet is None:
                return
            for frame in frames:
                if isinstance(frame, av.AudioFrame) and frame.pts is not None:
                    yield frame.pts, frame

    def _collect(
        self, begin: int, end: int, first: int, last: int, mono: bool, tolerant: bool
    ) -> np.ndarray | None:
        """Decode the samples begin, ..., end - 1 of the file, counted from its time 0.

        Returns:
            (channels or 1, end - begin) float32, 0 where the file has none; None if it has none
            among first, ..., last - 1.
        """
        assert self._stream is not None
        own = self._own_rate
        per_tick = self._time_base * own
        self._find_grid(per_tick)
        out = np.zeros((1 if mono else self.channels, end - begin), np.float32)
        found = False
        position: int | None = None
        for pts, frame in self._frames(math.floor(begin / per_tick), tolerant):
            sound = _to_unit_range(_channels_first(frame))
            if frame.sample_rate != own:  # streams of broadcasts change in the middle
                sound = _resample(sound, frame.sample_rate, own)
            if mono or len(sound) != self.channels:
                sound = sound.mean(axis=0, keepdims=True)
            # Where ticks are coarser than samples (Matroska), stamps only tell of gaps.
            stamp = pts * per_tick
            if position is None or abs(stamp - position) > per_tick + 1:
                position = self._on_grid(stamp, sound.shape[1], per_tick)
            start, stop = max(position, begin), min(position + sound.shape[1], end)
            if start < stop:
                out[:, start - begin : stop - begin] = sound[:, start - position : stop - position]
                found = found or max(start, first) < min(stop, last)
            position += sound.shape[1]
            if position >= end:
                break
        return out if found else None

    def _find_grid(self, per_tick: Fraction) -> None:
        """Where ticks are coarser than samples, find the samples that codec frames begin with.

        These frames have one length, but for the first, whose begin may be cut: a decoder cuts it
        only if the file has just been opened.
        """
        assert self._stream is not None
        if self._grid is not None or per_tick <= 1:
            return
        if not self._fresh:
            self._open()
        frames = self._decode(tolerant=True)
        first, second = next(frames, None), next(frames, None)
        if first is not None and second is not None and second[1].samples:
            self._grid = round(first[0] * per_tick) + first[1].samples, second[1].samples

    def _on_grid(self, stamp: Fraction, samples: int, per_tick: Fraction) -> int:
        """Give the number of the sample that a codec frame begins with."""
        if self._grid is not None:
            origin, size = self._grid
            for edge in (samples, 0):  # the first frame is cut at its begin, the last at its end
                number = origin + round((stamp + edge - origin) / size) * size - edge
                if abs(number - stamp) <= 1.5 * per_tick:
                    return number
        return round(stamp)


def _channels_first(frame: av.AudioFrame) -> np.ndarray:
    """(channels, samples) in the codec's values."""
    sound = frame.to_ndarray()
    if not frame.format.is_planar:  # channels take turns
        sound = sound.reshape(-1, frame.layout.nb_channels).T
    return sound


def _to_unit_range(sound: np.ndarray) -> np.ndarray:
    """The codec's values as float32 in [-1, 1]."""
    if sound.dtype == np.uint8:
        return (sound.astype(np.float32) - 128) / 128
    if np.issubdtype(sound.dtype, np.integer):
        return (sound / -float(np.iinfo(sound.dtype).min)).astype(np.float32)
    return sound.astype(np.float32)


def _resample(sound: np.ndarray, own: int, rate: int) -> np.ndarray:
    """Convert (channels, samples) from one rate to another, sample 0 staying where it is."""
    if own == rate:
        return sound
    channels = []
    for channel in sound:
        resampler = av.AudioResampler("fltp", "mono", rate)
        frame = av.AudioFrame.from_ndarray(channel[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = own, 0, Fraction(1, own)
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        channels.append(np.concatenate([part.to_ndarray()[0] for part in parts]))
    return np.stack(channels)


def _nearest(samples: Seconds) -> int:
    """The nearest whole number; floats that are a half up to rounding noise go up like halves."""
    return math.floor(samples + (Fraction(1, 2) if isinstance(samples, Fraction) else 0.500001))
