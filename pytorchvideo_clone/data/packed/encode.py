"""From a video file to a record of a packed store."""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import torch
from av.video.frame import PictureType
from av.video.reformatter import Interpolation, VideoReformatter

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.pyav import OtherOrder, PyAVDecoder
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.packed.format import (
    KEY,
    PACKET,
    REFERENCED,
    Codec,
    RecordHeader,
    join_record,
)
from pytorchvideo_clone.data.packed.sound import NO_SOUND, Sound, take_sound
from pytorchvideo_clone.data.video import VideoReadError

__all__ = ["PackedVideoBytes", "encode_video"]

# Groups of 16 pictures, of which 3 in 4 are used by no other and need not be decoded; no in-loop
# filter. Measured best of several structures for clips of every 2nd to 8th frame. Bits serve
# fidelity alone, not looks: half a dB more at the same size (benchmarks/results/loader.md).
_X264 = {
    "preset": "slow",
    "tune": "fastdecode",
    "g": "16",
    "keyint_min": "16",
    "sc_threshold": "0",
    "bf": "3",
    "b_strategy": "0",
    "x264-params": "b-pyramid=none:ref=1:weightp=0:open-gop=0:threads=1:no-psy=1:aq-mode=0:subme=9"
    ":chroma-qp-offset=-2:me=umh:merange=24",
}
# With AVX-512 x264's mbtree gives other bytes than with AVX2 or SSE4, and others again in up to
# one of ten runs (x264 165 on an AMD Zen 4); without mbtree the pictures lose half a dB.
if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
    _X264["x264-params"] += ":asm=avx2"


@dataclass(frozen=True)
class PackedVideoBytes:
    """A record, what the index says of it, and why it has no sound where its source has some."""

    record: bytes
    crc32: int
    duration: float
    lost_sound: str = ""


def encode_video(
    path: str, codec: Codec, short_side: int | None, quality: int, audio: bool
) -> PackedVideoBytes:
    """Encode a video for random access.

    Args:
        path: path or URL of a video file.
        codec: "h264" or "jpeg".
        short_side: pixels to which a longer short side is scaled; None keeps the size.
        quality: x264's constant rate factor (18 is visually lossless, lower is better), or JPEG's
            quality (90 is good, higher is better).
        audio: whether to take the sound, as it is coded if that can be.

    Raises:
        VideoReadError: if a frame of it cannot be read.
    """
    try:
        source: Any = files.local_path(path)
    except NotImplementedError:  # the scheme offers open files only
        source = files.open_file(path)
    try:
        EncodedVideo.from_path(path, decode_audio=False).close()  # says best what is wrong
        decoder = PyAVDecoder(source)
        try:
            sound = take_sound(source) if audio else NO_SOUND
            try:
                return _encode(decoder, codec, short_side, quality, sound)
            except OtherOrder:
                return _encode(decoder, codec, short_side, quality, sound)
        finally:
            decoder.close()
    except VideoReadError as error:
        raise VideoReadError(error.cause, path, "pyav", error.time) from error
    except av.FFmpegError as error:
        raise VideoReadError(error.strerror or str(error), path, "pyav") from error


def _encode(
    decoder: PyAVDecoder, codec: Codec, short_side: int | None, quality: int, sound: Sound
) -> PackedVideoBytes:
    reader = decoder.reader
    pictures = _pictures(decoder, short_side)
    coded = _ENCODERS[codec](pictures, reader.time_base, quality)
    rows, payload = [], io.BytesIO()
    size = (0, 0)
    for pts, data, flags, picture_size in coded:
        size = picture_size
        rows.append((pts, payload.tell(), len(data), zlib.crc32(data), flags))
        payload.write(data)
    if not rows:
        raise VideoReadError("it has no frame that can be decoded")
    header = RecordHeader(
        codec,
        *size,
        time_base=reader.time_base.as_integer_ratio(),
        start_pts=reader.start_pts,
        rate=None if reader.rate is None else reader.rate.as_integer_ratio(),
        duration=reader.duration.as_integer_ratio(),
        num_packets=len(rows),
        audio_bytes=len(sound.data),
        audio_crc32=zlib.crc32(sound.data),
        audio_start=(sound.start - reader.start_pts * reader.time_base).as_integer_ratio(),
    )
    record, crc32 = join_record(header, np.array(rows, PACKET), sound.data, payload.getvalue())
    return PackedVideoBytes(record, crc32, float(reader.duration), sound.lost)


def _pictures(decoder: PyAVDecoder, short_side: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every frame that is shown, with its stamp, upright and in its size."""
    scaler = VideoReformatter()
    last: int | None = None
    for pts, frame in decoder.frames():
        if last is not None and pts <= last:
            continue  # a player shows one picture at a time
        last = pts
        turns = frame.rotation // 90 % 4 if frame.rotation % 90 == 0 else 0
        if turns:
            rgb: Any = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        height, width = _even_size(frame.height, frame.width, short_side)
        sized: dict[str, Any] = {"width": width, "height": height, "threads": 1}
        method = Interpolation.BICUBIC
        yield pts, scaler.reformat(frame, format="yuv420p", interpolation=method, **sized)


def _even_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    scale = Fraction(min(short_side or height, height, width), min(height, width))
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


Coded = Iterator[tuple[int, bytes, int, tuple[int, int]]]


def _to_h264(
    pictures: Iterator[tuple[int, av.VideoFrame]], time_base: Fraction, quality: int
) -> Coded:
    encoder: Any = None
    for pts, picture in pictures:
        if encoder is None:
            encoder = av.CodecContext.create("libx264", "w")
            encoder.height, encoder.width = picture.height, picture.width
            encoder.pix_fmt, encoder.time_base = "yuv420p", time_base
            encoder.colorspace, encoder.color_range = picture.colorspace, picture.color_range
            encoder.options = {**_X264, "crf": str(quality)}
            encoder.thread_count = 1
        elif (picture.height, picture.width) != (encoder.height, encoder.width):
            picture = picture.reformat(encoder.width, encoder.height)
        picture.pts, picture.time_base = pts, time_base
        picture.pict_type = PictureType.NONE  # that of the source is nothing to go by
        for packet in encoder.encode(picture):
            yield _h264_row(packet, encoder)
    if encoder is not None:
        for packet in encoder.encode(None):
            yield _h264_row(packet, encoder)


def _h264_row(packet: av.Packet, encoder: Any) -> tuple[int, bytes, int, tuple[int, int]]:
    data = bytes(packet)
    assert packet.pts is not None  # every encoded packet has one
    flags = KEY * packet.is_keyframe | REFERENCED * _is_reference(data)
    return packet.pts, data, flags, (encoder.height, encoder.width)


def _is_reference(data: bytes) -> bool:
    """Whether a slice of these H.264 bytes (Annex B) has nal_ref_idc other than 0."""
    start = data.find(b"\0\0\1")
    while start >= 0:
        head = data[start + 3]
        if head & 31 in (1, 5):
            return bool(head >> 5 & 3)
        start = data.find(b"\0\0\1", start + 3)
    return True


def _to_jpeg(
    pictures: Iterator[tuple[int, av.VideoFrame]], time_base: Fraction, quality: int
) -> Coded:
    simplejpeg = optional_import("simplejpeg", extra="packed")
    for pts, picture in pictures:
        rgb = picture.to_ndarray(format="rgb24")
        data = simplejpeg.encode_jpeg(rgb, quality, colorspace="RGB", colorsubsampling="420")
        yield pts, data, KEY, (picture.height, picture.width)


_ENCODERS = {"h264": _to_h264, "jpeg": _to_jpeg}
