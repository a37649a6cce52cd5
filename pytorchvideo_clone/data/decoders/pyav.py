"""Decode with PyAV, which brings its own FFmpeg: exact for all that FFmpeg reads."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from torch import Tensor

from pytorchvideo_clone.data.decoders.packets import PacketReader
from pytorchvideo_clone.data.decoders.timestamps import select_frames
from pytorchvideo_clone.data.video import FrameFilter, Seconds, VideoReadError

__all__ = ["PyAVDecoder"]


class PyAVDecoder:
    """A video file opened with PyAV.

    Args:
        source: a local path, or an open binary file.
        perform_seek: False decodes every window from the beginning of the file, for files whose
            index is wrong.

    Raises:
        VideoReadError: if it is not a video that FFmpeg can open.
    """

    name = "pyav"

    def __init__(self, source: str | BinaryIO, *, perform_seek: bool = True) -> None:
        self._reader = PacketReader(source)
        self._perform_seek = perform_seek
        self._reformatter = VideoReformatter()

    @staticmethod
    def about() -> str:
        """Give the versions in use."""
        return f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""
        return self._reader.duration

    def read(
        self, start_sec: Seconds, end_sec: Seconds, frame_filter: FrameFilter | None = None
    ) -> Tensor | None:
        """Decode the frames that begin in [start_sec, end_sec), as `Decoder.read`.

        Raises:
            VideoReadError: if a frame that is kept is damaged, or none of them can be decoded.
        """
        first, last = self._reader.window(start_sec, end_sec)
        for from_start in (not self._perform_seek, True):
            packets = self._reader.read(first, last, from_start)
            planned = self._reader.stamps(packets, first, last)
            if not planned:
                return None
            wanted = [planned[index] for index in select_frames(len(planned), frame_filter)]
            if not wanted:
                return None
            frames, seen = self._decode(packets, wanted)
            if frames is not None:
                return frames
            if from_start or (seen and seen[0] <= planned[0]):
                break
            # The decoder came to itself inside the window only: begin earlier.
        # A packet may be damaged, or hold a frame that is never shown: keep to the frames that come
        # out.
        found = [pts for pts in seen if first <= pts < last]
        if not found:
            raise VideoReadError(f"none of the {len(planned)} frames there can be decoded")
        wanted = [found[index] for index in select_frames(len(found), frame_filter)]
        return self._decode(packets, wanted)[0]

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._reader.close()

    def _decode(
        self, packets: list[av.Packet], wanted: list[int]
    ) -> tuple[Tensor | None, list[int]]:
        """Decode until every wanted frame is there.

        Returns:
            The wanted frames, (T, H, W, 3) uint8, or None if any is missing; and the stamps of what
            came out.

        Raises:
            VideoReadError: if a wanted frame is damaged.
        """
        slots: dict[int, list[int]] = {}
        for slot, pts in enumerate(wanted):
            slots.setdefault(pts, []).append(slot)
        out: Tensor | None = None
        seen: list[int] = []
        run = _Run(self._reader, packets)
        for pts, frame in run:
            seen.append(pts)
            if pts not in slots:
                continue
            if pts in run.damage:
                break
            picture = torch.from_numpy(self._to_rgb(frame, None if out is None else out.shape))
            if out is None:
                out = torch.empty((len(wanted), *picture.shape), dtype=torch.uint8)
            for slot in slots.pop(pts):
                out[slot] = picture
            if not slots:
                run.finish()
                break
        for pts in wanted:
            if pts in run.damage:
                second = float((pts - self._reader.start_pts) * self._reader.time_base)
                raise VideoReadError(f"the frame at {second:.3f} s is damaged ({run.damage[pts]})")
        return (None if slots else out), seen

    def _to_rgb(self, frame: av.VideoFrame, shape: torch.Size | None) -> np.ndarray:
        """Convert to (H, W, 3), upright, in the size of `shape` if the stream changes its own."""
        turns = frame.rotation // 90 if frame.rotation % 90 == 0 else 0
        height, width = frame.height, frame.width
        if shape is not None:
            height, width = (shape[2], shape[1]) if turns % 2 else (shape[1], shape[2])
        rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24")
        return np.rot90(rgb.to_ndarray(), turns).copy() if turns else rgb.to_ndarray()


class _Run:
    """Decode packets into (stamp, frame), in the order of showing.

    Attributes:
        damage: stamp -> cause, for packets that cannot be decoded or only in part, and all that may
            build on them, up to the next key frame.
    """

    def __init__(self, reader: PacketReader, packets: list[av.Packet]) -> None:
        self.damage: dict[int, str] = {}
        self._in_order_only = reader.in_order_only
        self._codec = reader.stream.codec_context
        self._packets = packets
        self._stamps = [reader.stamp(packet) for packet in packets]

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        self._codec.flush_buffers()
        ordered = iter(sorted(stamp for stamp in self._stamps if stamp is not None))
        for place, packet in enumerate([*self._packets, None]):
            frames: list[av.VideoFrame] = []
            try:
                frames = self._codec.decode(packet)
            except av.FFmpegError as error:
                self._spread(place, error.strerror or str(error))
            for frame in frames:
                self._check(frame)
                pts = next(ordered, None) if self._in_order_only else frame.pts
                if pts is not None:
                    yield pts, frame

    def finish(self) -> None:
        """Look at the frames that are decoded but not out yet: others may build on them."""
        with suppress(av.FFmpegError):  # all are out, or the rest is damaged
            for frame in self._codec.decode(None):
                self._check(frame)

    def _check(self, frame: av.VideoFrame) -> None:
        if frame.is_corrupt and frame.pts in self._stamps:
            self._spread(self._stamps.index(frame.pts), "its data are incomplete")

    def _spread(self, place: int, cause: str) -> None:
        for later in range(place, len(self._packets)):
            if later > place and self._packets[later].is_keyframe:
                return
            stamp = self._stamps[later]
            if stamp is not None:
                self.damage.setdefault(stamp, cause)
