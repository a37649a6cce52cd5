"""Files opened with PyAV, the one place that knows how its releases differ."""

from fractions import Fraction
from typing import Any, BinaryIO, Protocol

import av
from av.container import InputContainer
from av.stream import Disposition

from pytorchvideo_clone.data.video import VideoReadError

__all__ = ["Ratio", "choose_stream", "exact", "open_input", "picture_streams"]

# Tags in another encoding than UTF-8 must not keep a video from being read. PyAV 19 reads any.
_ANY_TAGS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)


class Ratio(Protocol):
    """A rational number of PyAV's: a Fraction up to 18, an AVRational from 19 on."""

    @property
    def numerator(self) -> int:
        """Upper part."""

    @property
    def denominator(self) -> int:
        """Lower part, which may be 0."""


def open_input(source: str | BinaryIO, format: str | None = None) -> InputContainer:
    """Open a file for reading.

    Args:
        source: a local path, or an open binary file.
        format: FFmpeg's name of the container; by default it finds out.

    Raises:
        av.FFmpegError: if it cannot.
    """
    # A playlist or a description of a session names what FFmpeg opens next. Where the source is a
    # path, that may be files only; an open file may be from anywhere, and names none of ours.
    options = {} if isinstance(source, str) else {"protocol_whitelist": "none"}
    return av.open(source, "r", format=format, options=options, **_ANY_TAGS)


def exact(ratio: Ratio | None) -> Fraction | None:
    """Give a time base, rate or aspect ratio of PyAV's as a Fraction, None if it is not known.

    An AVRational has no `as_integer_ratio` and rounds its products with others to 32 bits; where
    nothing is known it is 0/1 or 0/0, not None.

    >>> exact(Fraction(30000, 1001)), exact(Fraction(0)), exact(None)
    (Fraction(30000, 1001), None, None)
    """
    if ratio is None or not ratio.numerator or not ratio.denominator:
        return None
    return Fraction(ratio.numerator, ratio.denominator)


def picture_streams(container: InputContainer) -> list[av.VideoStream]:
    """Give the video streams of a file without attached pictures, as covers of albums are."""
    streams = container.streams.video
    return [stream for stream in streams if not stream.disposition & Disposition.attached_pic]


def choose_stream(container: InputContainer, video_stream: int | None) -> av.VideoStream:
    """Give the video stream to read.

    Args:
        container: the open file.
        video_stream: which, counted from 0 without attached pictures; None for the one that FFmpeg
            takes for the best.

    Raises:
        VideoReadError: if there is none.
    """
    videos = picture_streams(container)
    if not videos:
        raise VideoReadError("it has no video stream; pass decode_video=False to read its audio")
    if video_stream is not None:
        if not 0 <= video_stream < len(videos):
            raise VideoReadError(f"video_stream is {video_stream}; it has {len(videos)}, from 0 on")
        chosen = videos[video_stream]
    else:
        best = container.streams.best("video")
        chosen = best if best in videos else videos[0]
    if chosen.codec_context is None:
        raise VideoReadError("FFmpeg does not know the codec of its pictures")
    return chosen
