"""Video decoders behind one protocol.

A decoder is one opened file. To add one, write a class with these members and put it into
`DECODERS`: the contract test runs over the table.
"""

import enum
import functools
import logging
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple, Protocol

from pytorchvideo_clone.data.decoders.decord import DecordDecoder
from pytorchvideo_clone.data.decoders.frames import DecoderRefusal, Frames
from pytorchvideo_clone.data.decoders.pyav import PyAVDecoder
from pytorchvideo_clone.data.decoders.torchcodec import TorchCodecDecoder
from pytorchvideo_clone.data.video import FrameFilter, OnDamage, Seconds

__all__ = [
    "DECODERS",
    "Decoder",
    "DecoderRefusal",
    "DecoderStatus",
    "DecoderType",
    "Frames",
    "decoder_report",
    "open_decoder",
    "open_reliable_decoder",
    "resolve_decoder",
]

_LOG = logging.getLogger(__name__)
# Options of the others that mean the same to PyAV.
_OF_PYAV_TOO = ("width", "height", "video_stream")


class Decoder(Protocol):
    """One opened video file. Times are seconds from the beginning of the video stream."""

    name: str

    @staticmethod
    def about() -> str:
        """Give the versions in use; ImportError, with the way out, if the decoder does not load."""

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""

    @property
    def begin(self) -> Fraction:
        """Seconds of the file's own time at which the first frame begins, as for `AudioReader`."""

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range]:
        """Say which frames of the window around several windows begin in each of them.

        The window around them reaches from the earliest start to the latest end; its frames are
        numbered as for the `frame_filter` of `read`.
        """

    def read(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Frames | None:
        """Decode the frames that begin in [start_sec, end_sec).

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: maps the positions 0, 1, ... in the window to those to keep.
            on_damage: what to do with frames that cannot be decoded, as in `Video.get_clip`.
            short_side: the size asked for, as in `Video.get_clip` and `frames.scaled_size`.

        Returns:
            The frames, upright; None if no frame begins there.
        """

    def close(self) -> None:
        """Release the file; more calls do nothing."""


# In the order in which "auto" tries them. PyAV brings its own FFmpeg, is exact for every file, and
# none of the others is faster (benchmarks/decoders.py); decord refuses most.
DECODERS: dict[str, type[PyAVDecoder] | type[TorchCodecDecoder] | type[DecordDecoder]] = {
    "pyav": PyAVDecoder,
    "torchcodec": TorchCodecDecoder,
    "decord": DecordDecoder,
}


class DecoderType(enum.StrEnum):
    """PyTorchVideo's list of decoder names."""

    PYAV = "pyav"
    TORCHVISION = "torchvision"
    DECORD = "decord"


class DecoderStatus(NamedTuple):
    """Whether a decoder can be used here.

    Attributes:
        name: key of `DECODERS`.
        loads: whether it does.
        about: its versions, or how to install what is missing.
    """

    name: str
    loads: bool
    about: str


def decoder_report() -> list[DecoderStatus]:
    """Say for every decoder whether it loads on this machine, in the order of "auto".

    >>> decoder_report()[0].name
    'pyav'
    """
    return [_status(name) for name in DECODERS]


def resolve_decoder(name: str) -> str:
    """Give the key of `DECODERS` that a decoder's name stands for.

    Args:
        name: a key of `DECODERS`; "auto" for the first that loads; "torchvision", which dropped its
            video reader, for "torchcodec" with a warning.

    Raises:
        ValueError: if there is no such decoder.

    >>> resolve_decoder("auto")
    'pyav'
    """
    if name == "auto":
        return _first_that_loads()
    if name == "torchvision":
        warnings.warn(
            "torchvision dropped its video reader; decoder='torchvision' uses TorchCodec, its "
            "successor. Write decoder='torchcodec', or 'auto'.",
            stacklevel=3,
        )
        return "torchcodec"
    if name not in DECODERS:
        known = ", ".join(map(repr, [*DECODERS, "auto"]))
        raise ValueError(f"decoder is {name!r}; it must be one of {known}.")
    return str(name)


def open_decoder(source: str | BinaryIO, name: str = "auto", **options: Any) -> Decoder:
    """Open a video for decoding.

    Args:
        source: a local path, or an open binary file.
        name: as in `resolve_decoder`.
        options: passed to the decoder.

    Raises:
        ValueError: if there is no such decoder.
        ImportError: if the decoder does not load.
        VideoReadError: if the decoder cannot read the video.
    """
    return DECODERS[resolve_decoder(name)](source, **options)


def open_reliable_decoder(
    source: Callable[[], str | BinaryIO], name: str, **options: Any
) -> tuple[Decoder, str | None]:
    """Open a video, with PyAV where the decoder asked for is known to read such files wrongly.

    Says so in a warning, once a process for each reason.

    Args:
        source: gives a local path, or an open binary file.
        name: as in `resolve_decoder`.
        options: passed to the decoder; PyAV gets those of the size and of the stream.

    Returns:
        The decoder; and why it is PyAV, or None if it is the one asked for.

    Raises:
        ValueError: as `open_decoder`, as are the others.
    """
    try:
        return open_decoder(source(), name, **options), None
    except DecoderRefusal as refusal:
        kept = {key: options[key] for key in _OF_PYAV_TOO if key in options}
        decoder = PyAVDecoder(source(), **kept)
        _say_once(refusal.backend, refusal.cause)
        return decoder, refusal.cause


@functools.cache
def _say_once(name: str, reason: str) -> None:
    warnings.warn(
        f"decoder={name!r} does not read some of these videos, PyAV does so in its place: {reason}",
        stacklevel=2,
    )


@functools.cache
def _first_that_loads() -> str:
    name = next(name for name in DECODERS if _status(name).loads)
    _LOG.info("decoder='auto' takes %s", name)
    return name


def _status(name: str) -> DecoderStatus:
    try:
        return DecoderStatus(name, True, DECODERS[name].about())
    except ImportError as error:
        return DecoderStatus(name, False, str(error))
