"""Decode with decord, where it is right: it counts frames, and miscounts in some files.

decord 0.6 is unmaintained and built on FFmpeg 4; decord2, from 3 on, is its successor of the same
module name, with a current FFmpeg. Whether either can be trusted with a file shows in the
file's packets, which are read with PyAV when it is opened.
"""

import ctypes
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.data.decoders.frames import DecoderRefusal, Frames, collect_frames, shrink
from pytorchvideo_clone.data.decoders.orientation import Orientation
from pytorchvideo_clone.data.decoders.packets import PacketReader
from pytorchvideo_clone.data.decoders.timestamps import select_frames
from pytorchvideo_clone.data.files import FileView
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import FrameFilter, OnDamage, Seconds, VideoReadError

__all__ = ["DecordDecoder"]

_REFUSED_CONTAINERS = {
    "mpegts": "decord returns wrong frames of MPEG-TS files, or hangs",
    "mpeg": "decord returns wrong frames of MPEG-PS files",
    "avi": "decord has no frame times in AVI files",
}


class DecordDecoder:
    """A video file opened with decord.

    Args:
        source: a local path, or an open binary file, which decord reads into memory.
        width: pixels to scale to; -1 keeps the size.
        height: pixels to scale to; -1 keeps the size.
        num_threads: threads that decode; one, since several workers decode at once.
        fault_tol: how many damaged frames decord may replace by others, as decord's own argument;
            none unless it is given.
        video_stream: which video stream, as for `PacketReader`; decord reads files that have one.

    Raises:
        ImportError: if decord does not load.
        VideoReadError: if decord cannot read the video, or not exactly.
    """

    name = "decord"

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        width: int = -1,
        height: int = -1,
        num_threads: int = 1,
        fault_tol: float = -1,
        video_stream: int | None = None,
    ) -> None:
        decord = _import_decord()
        self._errors = (decord.DECORDError, RuntimeError, AssertionError)
        self._reader = PacketReader(source, video_stream)
        self._size = self._reader.container.size
        try:
            self._refuse_hevc(decord.__version__)
            self._numbers = self._check_packets()
            self._open = lambda: decord.VideoReader(
                source if isinstance(source, str) else FileView(source),
                width=width,
                height=height,
                num_threads=num_threads,
                fault_tol=fault_tol,
            )
            self._decoder = self._open()
            self._check_times()
        except self._errors as error:
            self.close()
            raise self._failure(error) from error

    @staticmethod
    def about() -> str:
        """Give the version in use; ImportError if it does not load."""
        version = _import_decord().__version__
        return f"decord {version}, FFmpeg 4" if version.startswith("0.") else f"decord2 {version}"

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""
        return self._reader.duration

    @property
    def begin(self) -> Fraction:
        """Seconds of the file's own time at which the first frame begins."""
        return self._reader.begin

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range]:
        """Count frames, as `Decoder.places`."""
        return self._reader.places(windows)

    def read(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Frames | None:
        """Decode the frames that begin in [start_sec, end_sec), as `Decoder.read`.

        As with PyTorchVideo's decord reader, a window after the last frame's begin but within the
        duration is (0, H, W, 3).

        Raises:
            VideoReadError: if the window ends before it starts, starts after the video's end, or
                cannot be decoded.
        """
        if start_sec > end_sec or start_sec > self.duration:
            raise VideoReadError(
                f"the window [{float(start_sec)}, {float(end_sec)}) is not within the video's "
                f"{float(self.duration)} s",
                backend=self.name,
            )
        if self._reader.container.size != self._size:
            # decord would give another frame in place of one that is gone.
            raise VideoReadError("the file has changed since it was opened", backend=self.name)
        first, last = self._reader.window(start_sec, end_sec)
        window = self._reader.read(first, last)
        planned = window.stamps
        wanted = [planned[index] for index in select_frames(len(planned), frame_filter)]
        if not wanted:
            codec = self._reader.stream.codec_context
            none = torch.empty((0, codec.height, codec.width, 3), dtype=torch.uint8)
            return Frames(none, torch.ones(0).bool())
        if window.damage.keys().isdisjoint(wanted):
            try:
                pictures = self._decode(wanted)
                return Frames(shrink(pictures, short_side), torch.ones(len(wanted)).bool())
            except VideoReadError:
                pass  # damage before or between them may still let them be decoded one by one

        def read_one(pts: int) -> Tensor:
            self._reader.refuse_damaged(pts, window.damage)
            return shrink(self._decode([pts]), short_side)[0]

        return collect_frames(wanted, read_one, on_damage)

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._reader.close()
        self._decoder = None

    def _decode(self, wanted: list[int]) -> Tensor:
        try:
            self._decoder = self._decoder or self._open()
            with stage("decode"):  # and conversion, in one
                batch = self._decoder.get_batch([self._numbers[pts] for pts in wanted])
        except self._errors as error:
            self._decoder = None  # it would fail for good
            raise self._failure(error) from error
        # Somebody may have set decord's process-wide bridge to torch; it is left as it is.
        return batch if isinstance(batch, Tensor) else torch.from_numpy(batch.asnumpy())

    def _refuse_hevc(self, version: str) -> None:
        if self._reader.stream.codec_context.name == "hevc" and not version.startswith("0."):
            # It sends a packet before the decoder has room, which fails for about every third seek.
            raise self._refusal(f"decord2 {version} fails on HEVC at random")

    def _check_packets(self) -> dict[int, int]:
        """Refuse what decord is known to miscount; give the number of the frame at each stamp."""
        container = self._reader.container_name
        if container in _REFUSED_CONTAINERS:
            raise self._refusal(_REFUSED_CONTAINERS[container])
        if self._reader.timeline is not None:
            raise self._refusal("its time stamps do not tell which frame is when")
        if len(self._reader.container.streams.video) > 1:
            raise self._refusal("it has several video streams, of which decord takes its own")
        context = self._reader.stream.codec_context
        if Orientation.of_first(context, self._reader.scan()).mirrors:
            raise self._refusal("decord does not mirror pictures")
        stamps, key_pts, left = [], None, self._reader.stream.frames
        for packet in self._reader.scan():
            left -= 1
            if packet.pts is None:
                raise self._refusal("some packets have no time stamps")
            if packet.is_keyframe:
                key_pts = packet.pts
            elif key_pts is None or packet.pts < key_pts:
                raise self._refusal(
                    "decord miscounts the frames of open groups of pictures (frames shown before "
                    "the key frame that they follow)"
                )
            if not packet.is_discard:
                stamps.append(packet.pts)
        if left > 0:
            # Its threads may meet the end before they give the frames before it.
            raise self._refusal("the file is cut off")
        stamps.sort()
        gap = self._reader.gap
        if gap and self._reader.even and any(b - a >= 1.5 * gap for a, b in pairwise(stamps)):
            raise self._refusal("frames are missing between others, behind which decord miscounts")
        return {pts: number for number, pts in enumerate(stamps)}

    def _check_times(self) -> None:
        """Refuse a file in which decord sees other frames than the container states."""
        expected = (np.array(list(self._numbers)) - self._reader.start_pts) * float(
            self._reader.time_base
        )
        if len(self._decoder) != len(expected):
            raise self._refusal(
                f"decord counts {len(self._decoder)} frames where there are {len(expected)}"
            )
        times = self._decoder.get_frame_timestamp(range(len(expected)))[:, 0]
        gap = np.diff(expected).min(initial=1.0)
        if np.abs(times - expected).max() > gap / 2:
            raise self._refusal("decord sees the frames at other times than the container states")

    def _refusal(self, reason: str) -> DecoderRefusal:
        return DecoderRefusal(f"{reason}; use decoder='pyav'", backend=self.name)

    def _failure(self, error: Exception) -> VideoReadError:
        if isinstance(error, VideoReadError):
            return error
        lines = [line for line in str(error).splitlines() if line.strip()]
        # decord begins with the time and the place in its source.
        reason = lines[0].partition("] ")[2].partition(": ")[2] if lines else ""
        codec = self._reader.stream.codec_context.name
        return self._refusal(f"decord failed ({reason or error}) on {codec} video")


class _Apart(ctypes.CDLL):
    """A library whose symbols do not stand in for those of libraries that are loaded later."""

    def __init__(self, name: Any, mode: int = ctypes.DEFAULT_MODE, *more: Any) -> None:
        # Those of CUDA, which it loads before, are for all.
        super().__init__(name, ctypes.RTLD_LOCAL if "decord" in str(name) else mode, *more)


def _import_decord() -> ModuleType:
    # It opens itself, and the FFmpeg that it brings, for the whole process: the FFmpeg that
    # TorchCodec loads then would call decord's AV1 decoder, of another version, and crash.
    opened_by = ctypes.CDLL
    if "decord" not in sys.modules:
        ctypes.CDLL = _Apart  # type: ignore[assignment, misc]  # it takes no argument for it
    try:
        return optional_import("decord", extra="decord")
    finally:
        ctypes.CDLL = opened_by  # type: ignore[misc]
