"""Decode with PyAV, which brings its own FFmpeg: exact for all that FFmpeg reads."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import dropwhile
from typing import Any, BinaryIO

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter

from pytorchvideo_clone.data.decoders.frames import Frames, repeat_good_, scaled_size
from pytorchvideo_clone.data.decoders.holes import MISSING
from pytorchvideo_clone.data.decoders.orientation import Orientation
from pytorchvideo_clone.data.decoders.packets import PacketReader, Window
from pytorchvideo_clone.data.decoders.timestamps import select_frames
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import FrameFilter, OnDamage, Seconds, VideoReadError

__all__ = ["OtherOrder", "PyAVDecoder"]

# Decoders that can leave out single frames on which no other builds, exactly.
_KNOWN_TO_SKIP = {"h264", "hevc"}


class PyAVDecoder:
    """A video file opened with PyAV.

    Args:
        source: a local path, or an open binary file.
        perform_seek: False decodes every window from the beginning of the file, for files whose
            index is wrong.
        width: pixels to scale to; -1 keeps the size.
        height: the same.
        video_stream: which video stream, as for `PacketReader`.

    Attributes:
        reader: the packets of the file.

    Raises:
        VideoReadError: if it is not a video that FFmpeg can open.
    """

    name = "pyav"

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        perform_seek: bool = True,
        width: int = -1,
        height: int = -1,
        video_stream: int | None = None,
    ) -> None:
        self.reader = PacketReader(source, video_stream)
        self._perform_seek = perform_seek
        self._size = (height, width)
        self._turned = (0, Orientation())  # the last frame's rotation, and what it means
        # One each, as they keep what they prepare for a size.
        self._scaler, self._to_colours = VideoReformatter(), VideoReformatter()

    @staticmethod
    def about() -> str:
        """Give the versions in use."""
        return f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""
        return self.reader.duration

    @property
    def begin(self) -> Fraction:
        """Seconds of the file's own time at which the first frame begins."""
        return self.reader.begin

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range]:
        """Count frames, as `Decoder.places`."""
        return self.reader.places(windows)

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
            VideoReadError: if a frame that is kept is damaged, or none of them can be decoded.
        """
        try:
            return self._read(start_sec, end_sec, frame_filter, on_damage, short_side)
        except OtherOrder:
            return self._read(start_sec, end_sec, frame_filter, on_damage, short_side)

    def frames(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode every frame that is shown, with its time stamp, for another encoding.

        The file is read twice, so that no more than a few of its packets are in memory at a time.

        Raises:
            VideoReadError: if one of them is damaged.
            OtherOrder: if their time stamps are wrong; they are right when it is called again.
        """
        window = self.reader.read(-math.inf, math.inf, from_start=True, keep_data=False)
        shown = set(window.stamps)
        packets = self.reader.scan()
        if self.reader.timeline is None:
            packets = dropwhile(lambda packet: not packet.is_keyframe, packets)
        run = _Run(self.reader, window, window.stamps, sparing=False, packets=packets)
        for pts, frame in run:
            if pts in shown:
                self.reader.refuse_damaged(pts, run.damage)
                yield pts, frame
        for pts in window.stamps:
            self.reader.refuse_damaged(pts, run.damage)

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self.reader.close()

    def _read(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None,
        on_damage: OnDamage,
        short_side: int | None,
    ) -> Frames | None:
        first, last = self.reader.window(start_sec, end_sec)
        planned: list[int] = []
        wanted: list[int] = []
        for from_start in (not self._perform_seek, True):
            window = self.reader.read(first, last, from_start)
            if window.stamps != planned:
                planned = window.stamps
                wanted = [planned[index] for index in select_frames(len(planned), frame_filter)]
            if not wanted:
                return None
            if on_damage == "raise":
                for pts in wanted:
                    self.reader.refuse_damaged(pts, window.damage)
            for sparing in (True, False):
                run = _Run(self.reader, window, wanted, sparing)
                pictures, found = self._decode(run, wanted, short_side)
                if found | run.damage.keys() >= set(wanted):
                    return self._answer(pictures, found, wanted, run.damage, on_damage)
            if from_start or (run.seen and run.seen[0] <= planned[0]):
                break
            # The decoder came to itself inside the window only: begin earlier.
        # A packet may hold a frame that is never shown: keep to the frames that come out.
        shown = [pts for pts in planned if pts in run.seen or pts in run.damage]
        wanted = [shown[index] for index in select_frames(len(shown), frame_filter)]
        if not wanted:
            raise VideoReadError(f"none of the {len(planned)} frames there can be decoded")
        run = _Run(self.reader, window, wanted, sparing=False)
        pictures, found = self._decode(run, wanted, short_side)
        return self._answer(pictures, found, wanted, run.damage, on_damage)

    def _decode(
        self, run: "_Run", wanted: list[int], short_side: int | None
    ) -> tuple[np.ndarray | None, set[int]]:
        """Decode until every wanted frame is there, and convert those.

        Returns:
            (T, H, W, 3) uint8 with the wanted frames that were found in their places, None without
            any; and the stamps of those.
        """
        places: dict[int, list[int]] = {}
        for place, pts in enumerate(wanted):
            places.setdefault(pts, []).append(place)
        pictures: np.ndarray | None = None
        found: set[int] = set()
        for pts, frame in run:
            if pts in found or pts not in places:
                continue
            with stage("convert"):
                shape = None if pictures is None else pictures.shape
                picture = self._to_rgb(frame, shape, short_side)
                if pictures is None:
                    pictures = np.empty((len(wanted), *picture.shape), np.uint8)
                pictures[places[pts]] = picture
            found.add(pts)
            if len(found) == len(places):
                run.finish()
                break
        return pictures, found

    def _answer(
        self,
        pictures: np.ndarray | None,
        found: set[int],
        wanted: list[int],
        damage: dict[int, str],
        on_damage: OnDamage,
    ) -> Frames:
        valid = torch.tensor([pts in found and pts not in damage for pts in wanted])
        if on_damage == "raise" or pictures is None or not valid.any():
            for pts in wanted:
                self.reader.refuse_damaged(pts, damage)
        assert pictures is not None  # what was not found is damaged
        frames = torch.from_numpy(pictures)
        return Frames(frames if valid.all() else repeat_good_(frames, valid), valid)

    def _to_rgb(
        self, frame: av.VideoFrame, shape: tuple[int, ...] | None, short_side: int | None
    ) -> np.ndarray:
        """Convert to (H, W, 3), upright; valid until the next call.

        Args:
            frame: what was decoded.
            shape: (T, H, W, 3), the size to give in case that the stream changes its own.
            short_side: as in `scaled_size`; for the first frame.
        """
        # Not of each frame: one that was asked for its side data is freed by the collector alone.
        if shape is None or frame.rotation != self._turned[0]:
            self._turned = frame.rotation, Orientation.of(frame)
        orientation = self._turned[1]
        if shape is None:
            height, width = scaled_size(frame.height, frame.width, short_side)
            set_height, set_width = self._size[:: -1 if orientation.transposed else 1]
            height = height if set_height == -1 else set_height
            width = width if set_width == -1 else set_width
        else:
            height, width = (shape[2], shape[1]) if orientation.transposed else (shape[1], shape[2])
        size: dict[str, Any] = {"width": width, "height": height, "threads": 1}
        layout = frame.format.name
        if (height, width) != (frame.height, frame.width) and layout.startswith("yuv"):
            # To scale first takes a third of the time of scaling while the colours are converted.
            frame = self._scaler.reformat(frame, format=layout, **size)
        rgb = self._to_colours.reformat(frame, format="rgb24", **size)
        plane = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        return orientation.apply(rows[:, : 3 * width].reshape(height, width, 3))


class OtherOrder(Exception):
    """Frames come out of the decoder in another order than the file's times say.

    By now they are counted: what was begun with the file's times begins again.
    """


class _Run:
    """Decode packets into (stamp, frame), in the order of showing.

    Args:
        reader: whose packets they are.
        window: the packets, and what is known of their damage.
        wanted: stamps of the frames that must come out.
        sparing: leave out what no wanted frame builds on.
        packets: those of the window with their data, if it has none.

    Attributes:
        damage: stamp -> cause, for packets that cannot be decoded or only in part, and all that may
            build on them.
        seen: stamps of what came out.
    """

    def __init__(
        self,
        reader: PacketReader,
        window: Window,
        wanted: list[int],
        sparing: bool,
        packets: Iterator[av.Packet] | None = None,
    ) -> None:
        self.damage = dict(window.damage)
        self.seen: list[int] = []
        self._reader = reader
        self._codec = reader.stream.codec_context
        self._packets = window.packets
        self._with_data = packets
        self._stamps = [packet.pts for packet in window.packets]
        self._wanted = set(wanted)
        self._parts = self._needed_parts() if sparing else [range(len(self._packets))]
        # Others look ahead and would lose wanted frames (dav1d), or gain nothing (VP9).
        self._may_skip = sparing and self._codec.name in _KNOWN_TO_SKIP

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        for part in self._parts:
            self._codec.flush_buffers()
            for place in [*part, None]:
                for frame in self._frames_of(place):
                    if frame.pts is None:
                        continue
                    if self.seen and frame.pts < self.seen[-1] and self._may_be_counted():
                        self._reader.count_frames()
                        raise OtherOrder
                    self.seen.append(frame.pts)
                    yield frame.pts, frame

    def _may_be_counted(self) -> bool:
        """Whether it is the file's times that are wrong, not frames that are damaged."""
        return self._reader.timeline is None and not self.damage

    def finish(self) -> None:
        """Look at the frames that are decoded but not out yet: others may build on them."""
        self._frames_of(None)

    def _frames_of(self, place: int | None) -> list[av.VideoFrame]:
        """Decode a packet; None gives what the decoder still holds."""
        packet = None if place is None else self._data_of(place)
        skip = self._may_skip and place is not None and self._stamps[place] not in self._wanted
        self._codec.skip_frame = "NONREF" if skip else "DEFAULT"
        try:
            with stage("decode"):
                frames = self._codec.decode(packet)
        except av.FFmpegError as error:
            if place is not None:  # else the decoder holds nothing more
                self._reader.spread(self.damage, self._packets, place, error.strerror or str(error))
            return []
        for frame in frames:
            if (
                frame.is_corrupt
                and frame.pts in self._stamps
                and not self._reader.is_joint(frame.pts)
            ):
                place = self._stamps.index(frame.pts)
                self._reader.spread(self.damage, self._packets, place, MISSING)
        return frames

    def _data_of(self, place: int) -> av.Packet:
        packet = self._packets[place] if self._with_data is None else next(self._with_data)
        assert isinstance(packet, av.Packet)  # without its data only where they are read again
        return packet

    def _needed_parts(self) -> list[range]:
        """Runs of packets, from a key frame on, with all wanted frames and what they build on."""
        keys = [n for n, packet in enumerate(self._packets) if packet.is_keyframe or n == 0]
        groups = [range(a, b) for a, b in zip(keys, [*keys[1:], len(self._packets)], strict=True)]
        needed = set()
        for number, group in enumerate(groups):
            key = self._stamps[group[0]]
            for stamp in self._wanted.intersection(self._stamps[group[0] : group[-1] + 1]):
                needed.add(number)
                if number and (key is None or stamp is None or stamp < key):
                    needed.add(number - 1)  # it is shown before its key frame, and may need both
        parts: list[range] = []
        for number in sorted(needed):
            group = groups[number]
            if parts and parts[-1].stop == group.start:
                group = range(parts.pop().start, group.stop)
            parts.append(group)
        return [self._up_to_last_wanted(part) for part in parts]

    def _up_to_last_wanted(self, part: range) -> range:
        last = max(place for place in part if self._stamps[place] in self._wanted)
        return range(part.start, last + 1)
