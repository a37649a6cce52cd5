"""Videos whose frames say which frame they are: ground truth for decoding that no decoder has
touched.

A picture is a grid of 3 rows and 8 columns, black or white: the frame's number in binary, its
complement, and a row that is white on the left, which shows whether the picture stands upright.
Lossy codecs, 10 bits, grey and odd sizes keep that readable.
"""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

BITS = 8


def picture(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """The frame with this number, (H, W, 3) uint8."""
    bits = [number >> bit & 1 for bit in range(BITS)]
    cells = np.array([bits, [1 - bit for bit in bits], [1] * 4 + [0] * 4], np.uint8)
    rows = np.arange(height) * 3 // height
    columns = np.arange(width) * BITS // width
    return np.repeat(cells[rows][:, columns, None] * 255, 3, axis=2)


def numbers(video: torch.Tensor | None) -> list[int] | None:
    """Numbers of the frames of (C, T, H, W) in 0..255.

    -1 stands for a picture that is none of ours, damaged, or not upright.
    """
    if video is None:
        return None
    height, width = video.shape[2:]
    rows = [(2 * row + 1) * height // 6 for row in range(3)]
    columns = [(2 * column + 1) * width // (2 * BITS) for column in range(BITS)]
    cells = video.float().mean(0)[:, rows][:, :, columns]
    sharp = ((cells < 96) | (cells > 160)).flatten(1).all(1)
    on = (cells > 128).long()
    value = (on[:, 0] << torch.arange(BITS)).sum(1)
    upright = (on[:, 2] == torch.tensor([1] * 4 + [0] * 4)).all(1)
    whole = sharp & upright & (on[:, 0] == 1 - on[:, 1]).all(1)
    return torch.where(whole, value, -1).tolist()


def write_video(
    path: Path,
    frames: int = 40,
    rate: Fraction | int = 30,
    codec: str = "libx264",
    size: tuple[int, int] = (48, 64),
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation: int = 0,
    audio_sec: float = 0,
    audio_codec: str = "aac",
    audio_rate: int = 16000,
    container_options: dict[str, str] | None = None,
    format: str | None = None,
    noise: int = 0,
    silent: bool = False,
) -> str:
    """Write a coded video and give its path.

    Args:
        path: its ending chooses the container unless `format` does.
        frames: how many.
        rate: frames a second.
        codec: name of an FFmpeg encoder.
        size: (height, width).
        pix_fmt: pixel format of the stream.
        options: of the encoder.
        pts: time stamp of each frame in units of `time_base`; by default 0, 1, ... in units of a
            frame.
        time_base: seconds a tick of `pts`.
        rotation: counter-clockwise quarter turns, in degrees, that a player must apply; the
            pictures are stored turned the other way.
        audio_sec: length of a second stream with a ramp of sound; 0 leaves it out.
        audio_codec: name of an FFmpeg encoder.
        audio_rate: samples a second.
        container_options: of the muxer.
        format: name of the container.
        silent: whether the sound is all zeros.
        noise: how far values may be off, up to 40, which makes files as large as those of cameras.
    """
    chance = np.random.default_rng(0)
    rate = Fraction(rate)
    height, width = size
    with av.open(str(path), "w", format=format, options=container_options or {}) as out:
        stream = out.add_stream(codec, rate=rate)
        stored = (width, height) if rotation % 180 else (height, width)
        stream.height, stream.width = stored
        stream.pix_fmt = pix_fmt
        stream.options = dict(options or {})
        if codec == "libx265" and stream.width <= 48:  # as `export_video_array` does
            given = stream.options.get("x265-params", "log-level=none")
            stream.options |= {"x265-params": f"{given}:cutree=0"}
        if rotation:
            stream.set_display_rotation(rotation)
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = time_base or 1 / rate
        sound = None
        if audio_sec:
            sound = out.add_stream(audio_codec, rate=audio_rate)
            sound.layout = "mono"
        for number in range(frames):
            shown = picture(number, height, width)
            if noise:
                grain = chance.integers(-noise, noise, shown.shape)
                shown = (shown + grain).clip(0, 255).astype(np.uint8)
            stored_picture = np.rot90(shown, -(rotation // 90))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(stored_picture), format="rgb24")
            frame.pts = number if pts is None else pts[number]
            frame.time_base = time_base or 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if sound is not None:
            _write_sound(out, sound, round(audio_sec * audio_rate), audio_rate, silent)
    if codec == "libsvtav1" and hasattr(os, "sched_setscheduler"):
        # Run by root, SVT-AV1 leaves its caller at real-time priority, before all other work.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return str(path)


def _write_sound(
    out: av.container.OutputContainer,
    sound: av.AudioStream,
    samples: int,
    rate: int,
    silent: bool,
) -> None:
    """Write sample values 0, 1, 2, ... modulo 20000 (16 bits), or zeros."""
    step = 1024
    for start in range(0, samples, step):
        values = np.arange(start, min(start + step, samples)) % (1 if silent else 20000)
        frame = av.AudioFrame.from_ndarray(
            values.astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        out.mux(sound.encode(frame))
    out.mux(sound.encode())


def cut_video(source: str, path: Path, start_pts: int) -> str:
    """Copy packets so that frames before `start_pts` are decoded but not shown (an edit list)."""
    with av.open(source) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - start_pts, packet.dts - start_pts
                packet.stream = stream
                out.mux(packet)
    return str(path)
