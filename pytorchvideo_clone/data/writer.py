"""Write a tensor to a video file."""

import os
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream
from torch import Tensor

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.av_files import open_input

__all__ = ["export_video_array"]

# x265's look-ahead (cuTree) handles four blocks of 16 pixels at once and, in pictures with fewer in
# a row, writes beyond its memory: the process ends some time later, in whatever it does then.
_NARROW, _WITHOUT_TREE = 48, "cutree=0"
_EVEN_ONLY = {"libx264", "libx265", "h264", "hevc"}


def export_video_array(
    video: Tensor | np.ndarray,
    output_path: str | os.PathLike[str],
    rate: float | Fraction,
    bit_rate: int | None = None,
    pix_fmt: str | None = None,
    height: int | None = None,
    width: int | None = None,
    in_format: str = "rgb24",
    out_format: str = "bgr24",
    video_codec: str = "mpeg4",
    options: dict[str, str] | None = None,
) -> VideoStream:
    """Encode a video to a file on this machine.

    Args:
        video: (C, T, H, W) in 0..255; floats are rounded.
        output_path: its ending chooses the container, e.g. ".mp4".
        rate: frames a second.
        bit_rate: bits a second; by default the codec chooses.
        pix_fmt: pixel format of the file, "yuv420p" by default ("rgb24" for libx264rgb).
        height: of the file; that of `video` by default.
        width: of the file; that of `video` by default.
        in_format: order of the channels in `video`.
        out_format: pixel format of the frames handed to the encoder, which converts them to
            `pix_fmt`; libx264rgb gets `in_format`.
        video_codec: name of an FFmpeg encoder.
        options: of the encoder, e.g. {"crf": "18"}.

    Returns:
        The stream that was written, read again for its properties.

    Raises:
        ValueError: if `video` does not have four dimensions, is empty, or has an odd size that the
            pixel format cannot hold.

    >>> import tempfile, torch
    >>> path = f"{tempfile.mkdtemp()}/black.mp4"
    >>> export_video_array(torch.zeros(3, 4, 16, 16), path, rate=10).frames
    4
    """
    if video.ndim != 4 or 0 in video.shape:
        raise ValueError(
            f"video has shape {tuple(video.shape)}; it must be (C, T, H, W), without a 0."
        )
    pictures = np.moveaxis(np.asarray(video), 0, -1)
    if pictures.dtype != np.uint8:
        pictures = pictures.round().clip(0, 255).astype(np.uint8)
    out_height, out_width = height or pictures.shape[1], width or pictures.shape[2]
    # libx264 and others say no more than that they failed to open.
    halved = video_codec != "libx264rgb" and (pix_fmt or "yuv420p").startswith("yuv420")
    if halved and (out_height % 2 or out_width % 2) and video_codec in _EVEN_ONLY:
        raise ValueError(
            f"the video is {out_width}x{out_height}; {video_codec} with {pix_fmt or 'yuv420p'} "
            "needs an even width and height. Pass height and width, or pix_fmt='yuv444p'."
        )
    lossless_rgb = video_codec == "libx264rgb"
    with av.open(files.plain_path(output_path), "w") as out:
        # MPEG-4 counts in at most 65535 ticks a second.
        stream = out.add_stream(
            video_codec,
            rate=Fraction(rate).limit_denominator(65535),
            options=_safe_options(video_codec, out_width, options or {}),
        )
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = out_height, out_width
        stream.pix_fmt = pix_fmt or ("rgb24" if lossless_rgb else "yuv420p")
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=in_format)
            if not lossless_rgb:
                frame = frame.reformat(format=out_format)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    # From PyAV 19 on the stream of a closed file tells nothing any more.
    return open_input(files.plain_path(output_path)).streams.video[0]


def _safe_options(codec: str, width: int, options: dict[str, str]) -> dict[str, str]:
    """Options with which the encoder does not damage the memory of this process."""
    if codec not in ("libx265", "hevc") or width > _NARROW:
        return options
    given = options.get("x265-params")
    return {**options, "x265-params": f"{given}:{_WITHOUT_TREE}" if given else _WITHOUT_TREE}
