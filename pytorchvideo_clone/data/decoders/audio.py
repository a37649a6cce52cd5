"""Read the sound of a video file, with PyAV whatever decodes its frames."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, Literal

import av
import numpy as np
import torch
from av.container import InputContainer
from torch import Tensor

from pytorchvideo_clone.data.decoders.sound_arrays import (
    channels_first,
    nearest,
    resample,
    to_unit_range,
)
from pytorchvideo_clone.data.decoders.sound_frames import SoundFrames, UnevenSound
from pytorchvideo_clone.data.decoders.timestamps import secs_to_pts
from pytorchvideo_clone.data.video import Clip, Seconds

__all__ = ["DECORD_SOUND", "AudioOptions", "AudioReader"]

# PyTorchVideo's options of decord's sound, which had this rate and was mono unless told otherwise.
DECORD_SOUND: dict[str, Any] = {"sample_rate": 44100, "mono": True}

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
        count = max(0, nearest((end_sec - start_sec) * self.rate))
        shape = (count,) if self.mono else (channels, count)
        return {"audio": torch.zeros(shape), "has_audio": False}


class AudioReader:
    """The sound of a video file.

    Times count from the begin of the video stream if the file has one, so that sound and frames of
    a window belong together; else from the begin of the sound.

    Args:
        source: a local path, or an open binary file.
        begin: seconds of the file's own time at which the video begins; None for the start of the
            first video stream that is no attached picture.

    Attributes:
        duration: seconds; 0 if there is no sound.
        channels: how many; 1 if there is no sound.
    """

    def __init__(self, source: str | BinaryIO, begin: Fraction | None = None) -> None:
        self._sound = SoundFrames(source)
        self.duration = Fraction(0)
        self.channels = 1
        if self._sound.stream is None:
            return
        self._start_sec = self._sound.begin_of_pictures if begin is None else begin
        self._time_base = self._sound.time_base
        self._start_pts = round(self._start_sec / self._time_base)
        self._first_pts = self._sound.stream.start_time or 0
        self.channels, self._own_rate = self._sound.channels, self._sound.rate
        if self._sound.stream.duration:
            self.duration = self._sound.stream.duration * self._time_base
        else:
            self.duration = self.file_duration

    def read(self, start_sec: Seconds, end_sec: Seconds) -> Tensor | None:
        """Decode the codec frames that begin in [start_sec, end_sec), whole.

        Returns:
            (S,) float32, the mean over the channels in the values that the codec delivers (16-bit
            samples stay within ±32768), at the file's own rate; None if nothing begins there.
        """
        if not self.exists:
            return None
        first = secs_to_pts(start_sec, self._time_base, self._start_pts, "ceil")
        last = secs_to_pts(end_sec, self._time_base, self._start_pts, "ceil")
        pieces = []
        for pts, _, frame in self._sound.placed(int(min(first, last)), counted=False):
            if pts < first:
                continue
            if pts >= last:
                break
            pieces.append(channels_first(frame).mean(axis=0, dtype=np.float32))
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
        if not self.exists:
            return None
        own = self._own_rate
        rate = rate or own
        if math.isinf(end_sec):
            end_sec = self.end_sec
        # Counted from time 0 of the file, in which the two rates meet every `block` samples.
        first = nearest((self._start_sec + start_sec) * rate)
        count = nearest((end_sec - start_sec) * rate)
        if count < 1:
            return None
        block, own_block = rate // math.gcd(rate, own), own // math.gcd(rate, own)
        reach = 0 if rate == own else _FILTER_REACH * max(1, -(-own // rate))
        begin = (first * own // rate - reach) // own_block
        end = -(-(first + count) * own // rate) + reach + 1
        part = begin * own_block, end, first * own // rate, (first + count) * own // rate
        try:
            sound = self._collect(*part, mono, tolerant)
        except UnevenSound:
            sound = self._collect(*part, mono, tolerant)
        if sound is None:
            return None
        skip = first - begin * block
        sound = resample(sound, own, rate)[:, skip : skip + count].copy()
        return torch.from_numpy(sound[0] if mono else sound)

    @property
    def file_duration(self) -> Fraction:
        """Length of the file in seconds, whatever it holds."""
        return Fraction(self._sound.container.duration or 0, av.time_base)

    @property
    def end_sec(self) -> Fraction:
        """Where the sound ends; where the file does if there is none."""
        if not self.exists:
            return self.file_duration
        return self._first_pts * self._time_base + self.duration - self._start_sec

    @property
    def exists(self) -> bool:
        """Whether the file has sound."""
        return self._sound.stream is not None

    @property
    def container(self) -> InputContainer:
        """The open file."""
        return self._sound.container

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._sound.container.close()

    def _collect(
        self, begin: int, end: int, first: int, last: int, mono: bool, tolerant: bool
    ) -> np.ndarray | None:
        """Decode the samples begin, ..., end - 1 of the file, counted from its time 0.

        Returns:
            (channels or 1, end - begin) float32, 0 where the file has none; None if it has none
            among first, ..., last - 1.
        """
        own = self._own_rate
        pts = math.floor(begin / (self._time_base * own))
        out = np.zeros((1 if mono else self.channels, end - begin), np.float32)
        found = False
        for _, position, frame in self._sound.placed(pts, tolerant):
            sound = to_unit_range(channels_first(frame))
            if frame.sample_rate != own:  # streams of broadcasts change in the middle
                sound = resample(sound, frame.sample_rate, own)
            if mono or len(sound) != self.channels:
                sound = sound.mean(axis=0, keepdims=True)
            start, stop = max(position, begin), min(position + sound.shape[1], end)
            if start < stop:
                out[:, start - begin : stop - begin] = sound[:, start - position : stop - position]
                found = found or max(start, first) < min(stop, last)
            if position + sound.shape[1] >= end:
                break
        return out if found else None
