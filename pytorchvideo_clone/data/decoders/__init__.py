"""Video decoders behind one protocol.

A decoder is one opened file. To add one, write a class with these members and put it into
`DECODERS`: the contract test runs over the table.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, BinaryIO, Protocol

from torch import Tensor

from pytorchvideo_clone.data.decoders.pyav import PyAVDecoder
from pytorchvideo_clone.data.video import FrameFilter, Seconds

__all__ = ["DECODERS", "Decoder", "check_decoder_name", "open_decoder"]


class Decoder(Protocol):
    """One opened video file. Times are seconds from the beginning of the video stream."""

    name: str

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""

    def read(
        self, start_sec: Seconds, end_sec: Seconds, frame_filter: FrameFilter | None = None
    ) -> Tensor | None:
        """Decode the frames that begin in [start_sec, end_sec).

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: maps the positions 0, 1, ... in the window to those to keep.

        Returns:
            (T, H, W, 3) uint8 RGB, upright; None if no frame begins there.
        """

    def close(self) -> None:
        """Release the file; more calls do nothing."""


DECODERS: dict[str, Callable[..., Decoder]] = {"pyav": PyAVDecoder}


def check_decoder_name(name: str) -> None:
    """Raise ValueError unless `name` is a decoder, "auto" or PyTorchVideo's "torchvision"."""
    if name not in (*DECODERS, "auto", "torchvision"):
        raise ValueError(
            f"decoder is {name!r}; it must be one of {', '.join(map(repr, DECODERS))} or 'auto'."
        )


def open_decoder(source: str | BinaryIO, name: str = "auto", **options: Any) -> Decoder:
    """Open a video for decoding.

    Args:
        source: a local path, or an open binary file.
        name: a key of `DECODERS`, or "auto" for the first that loads.
        options: passed to the decoder.

    Raises:
        ValueError: if there is no such decoder.
        VideoReadError: if the decoder cannot read the video.
    """
    check_decoder_name(name)
    return DECODERS["pyav" if name == "auto" else name](source, **options)
