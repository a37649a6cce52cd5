"""The sound of a packed video: a file of its own."""

import io
import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, NamedTuple

import av

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from pytorchvideo_clone.data.decoders.sound_arrays import Resampler, channels_first

__all__ = ["NO_SOUND", "Sound", "first_sound", "steady_frames", "take_sound"]

_TRIED = 4  # packets that a copy must decode

# Format of samples -> codec that keeps them as they are.
_PCM = {
    "u8": "pcm_u8",
    "s16": "pcm_s16le",
    "s32": "pcm_s32le",
    "flt": "pcm_f32le",
    "dbl": "pcm_f64le",
}


class Sound(NamedTuple):
    """The sound of a video.

    Attributes:
        data: a NUT file; empty for none.
        start: seconds at which its first packet begins in the source.
        lost: why there is none, though the source has some; else empty.
    """

    data: bytes
    start: Fraction = Fraction(0)
    lost: str = ""


NO_SOUND = Sound(b"")


def take_sound(source: Any) -> Sound:
    """Take the sound of a video: not coded again if the file can hold its codec, else as samples.

    Args:
        source: a path on this machine, or an open binary file.
    """
    with _open(source) as given:
        if not given.streams.audio:
            return NO_SOUND
        stream = first_sound(given)
        if stream is None:
            return Sound(b"", lost="FFmpeg does not know the codec of its sound")
        codec = stream.codec_context.name
    with suppress(av.FFmpegError, ValueError):
        copied = _copied(source)
        if copied is not None and _plays(copied.data, codec):
            return copied
    try:
        return _as_samples(source) or Sound(b"", lost=f"no sound of its {codec} can be decoded")
    except (av.FFmpegError, ValueError) as error:
        return Sound(b"", lost=f"its sound ({codec}) cannot be kept ({error})")


def first_sound(container: Any) -> Any:
    """Give the first stream of sound whose codec is known; None if there is none."""
    streams = container.streams.audio
    return next((stream for stream in streams if stream.codec_context is not None), None)


def steady_frames(frames: Iterable[Any]) -> Iterator[Any]:
    """Stamp frames of sound one after the other, in samples from the first.

    Stamps of a source may be coarser than samples, or run backwards: they only tell of gaps. The
    frames leave with channels that have places, which some containers only count.
    """
    start: Fraction | None = None
    position = rate = 0
    for frame in frames:
        tick = _tick(frame)
        if start is None:
            start, rate = frame.pts * tick, frame.sample_rate
        late = (frame.pts * tick - start) * rate - position
        position += round(late) if late > tick * rate + 1 else 0
        steady = _with_layout(frame)
        steady.pts, steady.time_base = position, Fraction(1, rate)
        position += round(Fraction(frame.samples * rate, frame.sample_rate))
        yield steady


def _tick(timed: Any) -> Fraction:
    return exact(timed.time_base) or Fraction(0)


def _with_layout(frame: Any) -> Any:
    usual = {1: "mono", 2: "stereo"}.get(frame.layout.nb_channels)
    if usual is None or frame.layout.name in ("mono", "stereo"):
        return frame
    known = av.AudioFrame.from_ndarray(frame.to_ndarray(), frame.format.name, usual)
    known.sample_rate = frame.sample_rate
    return known


def _open(source: Any) -> Any:
    if not isinstance(source, str):
        source = files.FileView(source)
    return open_input(source)


def _new(out: io.BytesIO) -> Any:
    # NUT keeps times to the sample; bit-exact is without its writer's version.
    return av.open(out, "w", format="nut", options={"fflags": "+bitexact"})


def _copied(source: Any) -> Sound | None:
    """The packets as they are; None if there are none."""
    out = io.BytesIO()
    start: Fraction | None = None
    with _open(source) as given, _new(out) as copy:
        stream = first_sound(given)
        target = copy.add_stream_from_template(stream)
        packets = given.demux(stream)
        if (exact(stream.time_base) or 0) * stream.codec_context.sample_rate > 1:
            packets = _to_the_sample(packets, stream.codec_context.sample_rate)
        for packet in packets:
            if packet.pts is not None and packet.size:
                begin = packet.pts * _tick(packet)
                start = begin if start is None else start
                packet.stream = target
                copy.mux(packet)
    return None if start is None else Sound(out.getvalue(), start)


def _to_the_sample(packets: Iterable[Any], rate: int) -> Iterator[Any]:
    """Stamp packets in samples, by what they decode to: coarser stamps only tell of gaps.

    In a file of finer ticks a reader would believe them, and hear a gap or an overlap at each.
    """
    position: int | None = None
    for packet in packets:
        samples = 0
        with suppress(av.FFmpegError):
            samples = sum(frame.samples for frame in packet.decode())
        if packet.pts is not None and packet.size:
            tick = _tick(packet)
            stamp = packet.pts * tick * rate
            if position is None or abs(stamp - position) > tick * rate + 1:
                position = round(stamp)
            packet.time_base = Fraction(1, rate)
            packet.pts = packet.dts = position
            position += samples
            yield packet


def _plays(data: bytes, codec: str) -> bool:
    """Whether a file still has sound of this codec, and decodes."""
    with open_input(io.BytesIO(data)) as file:
        stream = first_sound(file)
        if stream is None or stream.codec_context.name != codec:
            return False
        packets = itertools.islice(file.demux(stream), _TRIED)
        frames = [frame for packet in packets for frame in packet.decode()]
        return len(list(map(channels_first, frames))) > 0  # NumPy may not know their format


def _as_samples(source: Any) -> Sound | None:
    """The decoded samples, a packet for each that the source has; None if there are none."""
    out = io.BytesIO()
    with _open(source) as given, _new(out) as file:
        frames = _frames(given)
        first = next(frames, None)
        if first is None:
            return None
        start = first.pts * _tick(first)
        target: Any = None
        for frame in steady_frames(itertools.chain([first], frames)):
            if target is None:
                kind, layout, rate = frame.format.packed.name, frame.layout, frame.sample_rate
                kind = "s32" if kind == "s64" else kind  # which NumPy frames do not take
                resampler = Resampler(kind, layout.name, rate)
                target = file.add_stream(_PCM[kind], rate=rate, layout=layout.name)
            for same in resampler.resample(frame):
                file.mux(target.encode(same))
        file.mux(target.encode(None))
    return Sound(out.getvalue(), start)


def _frames(container: Any) -> Iterator[Any]:
    """What decodes of the sound; damaged packets are left out."""
    packets = container.demux(first_sound(container))
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except av.FFmpegError:
            continue
        if packet is None:
            return
        yield from (frame for frame in frames if frame.pts is not None)
