"""Decode with PyAV, which brings its own FFmpeg: exact for all that FFmpeg reads."""

from collections.abc import Iterator
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
            frames, seen = self._decode(packets, wanted)
            if frames is not None or not wanted:
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
        damage: dict[int, str] = {}
        for pts, frame in self._frames(packets, damage):
            seen.append(pts)
            if pts not in slots:
                continue
            if pts in damage or frame.is_corrupt:
                break
            picture = torch.from_numpy(self._to_rgb(frame, None if out is None else out.shape))
            if out is None:
                out = torch.empty((len(wanted), *picture.shape), dtype=torch.uint8)
            for slot in slots.pop(pts):
                out[slot] = picture
            if not slots:
                return out, seen
        lost = [pts for pts in slots if pts in damage or pts in seen]
        if lost:
            second = float((lost[0] - self._reader.start_pts) * self._reader.time_base)
            cause = damage.get(lost[0], "its data are incomplete")
            raise VideoReadError(f"the frame at {second:.3f} s is damaged ({cause})")
        return None, seen

    def _frames(
        self, packets: list[av.Packet], damage: dict[int, str]
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode packets into (stamp, frame), in the order of showing.

        Where a packet cannot be decoded, it and those that may build on it, up to the next key
        frame, go into `damage`: stamp -> cause.
        """
        codec = self._reader.stream.codec_context
        codec.flush_buffers()
        ordered = iter(sorted(packet.dts for packet in packets if packet.dts is not None))
        cause = ""
        for packet in [*packets, None]:
            if packet and packet.is_keyframe:
                cause = ""
            frames: list[av.VideoFrame] = []
            try:
                frames = codec.decode(packet)
            except av.FFmpegError as error:
                cause = error.strerror or str(error)
            stamp = self._reader.stamp(packet) if packet else None
            if cause and stamp is not None:
                damage[stamp] = cause
            for frame in frames:
                pts = next(ordered, None) if self._reader.in_order_only else frame.pts
                if pts is not None:
                    yield pts, frame

    def _to_rgb(self, frame: av.VideoFrame, shape: torch.Size | None) -> np.ndarray:
        """Convert to (H, W, 3), upright, in the size of `shape` if the stream changes its own."""
        turns = frame.rotation // 90 if frame.rotation % 90 == 0 else 0
        height, width = frame.height, frame.width
        if shape is not None:
            height, width = (shape[2], shape[1]) if turns % 2 else (shape[1], shape[2])
        rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24")
        return np.rot90(rgb.to_ndarray(), turns).copy() if turns else rgb.to_ndarray()
