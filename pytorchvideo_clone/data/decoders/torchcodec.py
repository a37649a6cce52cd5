"""Decode with TorchCodec, which needs FFmpeg's shared libraries on the machine."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, BinaryIO

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

__all__ = ["TorchCodecDecoder"]

# Tried with TorchCodec 0.17 on FFmpeg 5: frames are missing or wrong after seeking.
_REFUSED_CONTAINERS = ("mpegts", "mpeg")


class TorchCodecDecoder:
    """A video file opened with TorchCodec in its exact mode, which scans the file once.

    Args:
        source: a local path, or an open binary file.
        num_ffmpeg_threads: threads that decode; one, since several workers decode at once.
        device: "cuda" decodes on a GPU, into its memory.
        video_stream: which video stream, as for `PacketReader`.

    Raises:
        ValueError: if `device` is a GPU and torch finds none.
        ImportError: if TorchCodec or FFmpeg does not load.
        VideoReadError: if TorchCodec cannot read the video exactly.
    """

    name = "torchcodec"

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        num_ffmpeg_threads: int = 1,
        device: str = "cpu",
        video_stream: int | None = None,
    ) -> None:
        if torch.device(device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                f"device is {device!r}, but torch finds no GPU here; leave it out to decode on the "
                "CPU, or use decoder='pyav'."
            )
        decoders = _import_torchcodec().decoders
        self._reader = PacketReader(source, video_stream)
        container = self._reader.container_name
        wrong_frames = f"does not find the right frames of {container} files"
        if self._reader.timeline is not None or container in _REFUSED_CONTAINERS:
            raise self._refusal(wrong_frames)
        context = self._reader.stream.codec_context
        if Orientation.of_first(context, self._reader.scan()).mirrors:
            raise self._refusal("does not mirror pictures")
        try:
            self._decoder = decoders.VideoDecoder(
                source if isinstance(source, str) else FileView(source),
                dimension_order="NHWC",
                num_ffmpeg_threads=num_ffmpeg_threads,
                seek_mode="exact",
                device=device,
                stream_index=self._reader.stream.index,
            )
        except (RuntimeError, ValueError) as error:
            self.close()
            raise self._failure(error) from error

        begin = self._decoder.metadata.begin_stream_seconds_from_content or 0
        tick = float(self._reader.time_base)
        if container == "avi" and abs(begin - self._reader.start_pts * tick) > tick / 2:
            raise self._refusal(wrong_frames)  # it stamps B-frames late

    @staticmethod
    def about() -> str:
        """Give the versions in use; ImportError if it does not load."""
        module = _import_torchcodec()
        return f"torchcodec {module.__version__}, FFmpeg {module.ffmpeg_major_version}"

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

        Raises:
            VideoReadError: if TorchCodec fails or answers with other frames.
        """
        first, last = self._reader.window(start_sec, end_sec)
        window = self._reader.read(first, last)
        planned = window.stamps
        wanted = [planned[index] for index in select_frames(len(planned), frame_filter)]
        if not wanted:
            return None
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
        # TorchCodec's own ranges also hold the frame that is on screen at start_sec. Asking for
        # frames by the time at which they begin gives those of the window and nothing else.
        tick = float(self._reader.time_base)
        try:
            # Half a tick later, the frame is on screen however the time was rounded.
            with stage("decode"):  # and conversion, in one
                batch = self._decoder.get_frames_played_at([(pts + 0.5) * tick for pts in wanted])
        except (RuntimeError, IndexError, ValueError) as error:
            raise self._failure(error) from error
        begins = torch.tensor([pts * tick for pts in wanted], dtype=torch.float64)
        if not torch.allclose(batch.pts_seconds.double(), begins, rtol=0, atol=tick / 2):
            raise VideoReadError(
                "TorchCodec answers with frames of other times; use decoder='pyav'",
                backend=self.name,
            )
        return batch.data

    def _refusal(self, reason: str) -> DecoderRefusal:
        self.close()
        return DecoderRefusal(f"TorchCodec {reason}; use decoder='pyav'", backend=self.name)

    def _failure(self, error: Exception) -> VideoReadError:
        reason = str(error).strip().splitlines()[0]
        reason = re.sub(r"^.*\.cpp:\d+, ", "", reason)  # the place in its source
        return VideoReadError(f"{reason} (decoder='pyav' may read it)", backend=self.name)


def _import_torchcodec() -> Any:
    module = optional_import("torchcodec", extra="torchcodec")
    # Since 0.16 it imports without FFmpeg, and fails at the first video.
    if getattr(module, "ffmpeg_major_version", True) is None:
        raise ImportError(
            "torchcodec does not find FFmpeg's shared libraries (versions 4 to 9). Install them "
            "(apt-get install ffmpeg, conda install ffmpeg), or use decoder='pyav', which brings "
            "its own.",
            name="torchcodec",
        )
    return module
