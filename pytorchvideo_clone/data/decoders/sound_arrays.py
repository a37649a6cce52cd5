"""Sound as arrays: (channels, samples)."""

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import av.filter
import numpy as np

from pytorchvideo_clone.data.decoders.av_files import exact
from pytorchvideo_clone.data.video import Seconds

__all__ = ["Resampler", "channels_first", "nearest", "resample", "to_unit_range"]

# Format of samples with a block of memory a channel -> NumPy's.
_PLANES = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}


def channels_first(frame: av.AudioFrame) -> np.ndarray:
    """(channels, samples) in the codec's values.

    Raises:
        ValueError: if NumPy has no such values.
    """
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:  # channels take turns
        return frame.to_ndarray().reshape(-1, channels).T
    if frame.format.name not in _PLANES:
        raise ValueError(f"samples are {frame.format.name!r}; NumPy takes {', '.join(_PLANES)}.")
    # Not by `to_ndarray`: from 8 channels on it reads another one, from anywhere in memory.
    kind = _PLANES[frame.format.name]
    planes: Any = frame.planes[:channels]
    return np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes])


def to_unit_range(sound: np.ndarray) -> np.ndarray:
    """The codec's values as float32 in [-1, 1]."""
    if sound.dtype == np.uint8:
        return (sound.astype(np.float32) - 128) / 128
    if np.issubdtype(sound.dtype, np.integer):
        return (sound / -float(np.iinfo(sound.dtype).min)).astype(np.float32)
    return sound.astype(np.float32)


def resample(sound: np.ndarray, own: int, rate: int) -> np.ndarray:
    """Convert (channels, samples) from one rate to another, sample 0 staying where it is."""
    if own == rate:
        return sound
    channels = []
    for channel in sound:
        resampler = Resampler("fltp", "mono", rate)
        frame = av.AudioFrame.from_ndarray(channel[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = own, 0, Fraction(1, own)
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        channels.append(np.concatenate([part.to_ndarray()[0] for part in parts]))
    return np.stack(channels)


class Resampler:
    """`av.AudioResampler` without threads.

    That has one for each core, for every object, and waits for them when it is freed; a process
    that was forked in between has none of them and would wait for ever.

    Args:
        form: sample format to convert to.
        layout: of the channels.
        rate: samples a second.
        frame_size: samples of each frame; 0 takes them as they come.
    """

    def __init__(self, form: str, layout: str, rate: int, frame_size: int = 0) -> None:
        self._to = {"sample_fmts": form, "channel_layouts": layout, "sample_rates": str(rate)}
        self._frame_size = frame_size
        self._graph: av.filter.Graph | None = None

    def resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        """Convert a frame; None gives what is left, and ends it."""
        if self._graph is None:
            if frame is None:
                return []
            self._graph = self._build(frame)
        self._graph.push(frame)
        found: list[av.AudioFrame] = []
        while True:
            try:
                found.append(self._graph.pull())  # type: ignore[arg-type]  # pictures are not in it
            except (av.BlockingIOError, av.EOFError):  # until the next frame, or for good
                return found

    def _build(self, frame: av.AudioFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        given = {"sample_fmt": frame.format.name, "channel_layout": frame.layout.name}
        given["sample_rate"] = str(frame.sample_rate)
        if (time_base := exact(frame.time_base)) is not None:
            given["time_base"] = str(time_base)
        parts = [graph.add("abuffer", **given), graph.add("aformat", **self._to)]
        parts.append(graph.add("abuffersink"))
        for one, following in pairwise(parts):
            one.link_to(following)
        graph.configure()
        if self._frame_size:
            graph.set_audio_frame_size(self._frame_size)
        return graph


def nearest(samples: Seconds) -> int:
    """The nearest whole number; floats that are a half up to rounding noise go up like halves."""
    return math.floor(samples + (Fraction(1, 2) if isinstance(samples, Fraction) else 0.500001))
