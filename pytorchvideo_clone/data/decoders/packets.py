"""The packets of a video file: which frames there are, and when, without decoding any.

Reading the packets of a window takes a millisecond or two where decoding takes tens; it needs no
scan of the file and no assumption about the frame rate. Every decoder plans its windows here, so
that they agree on what a window holds.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer
from av.stream import Disposition

from pytorchvideo_clone.data.decoders.timestamps import window_to_pts
from pytorchvideo_clone.data.video import Seconds, VideoReadError

__all__ = ["MISSING", "PacketReader", "Window", "dependents"]

MISSING = "its data are missing"

# AVI states no presentation time; FFmpeg derives it for MPEG-4, but not for the deeper reordering
# of these.
_UNORDERED_IN_AVI = {"h264", "hevc"}
_MOST_REORDERED = 16  # frames, the most that these standards allow
# Containers whose stated stream length is that of the stream.
_TRUSTED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2"}
# A file that was not fetched whole has zeros for what is missing. These codecs never write three
# zero bytes in a row; the others hardly ever many of them, and never at the begin of a packet.
_NEVER_ZEROS = {"h264", "hevc", "mpeg4"}
_HARDLY_ZEROS = {"vp8", "vp9", "av1", "libdav1d"}
_HOLE, _LARGE_HOLE, _EMPTY_HEAD = bytes(64), bytes(512), bytes(8)


class Window(NamedTuple):
    """What a window needs and holds.

    Attributes:
        packets: from a key frame on, in decoding order.
        stamps: ticks at which its frames begin, ascending, damaged and missing ones included.
        damage: stamp -> cause, for frames that show to be damaged before they are decoded.
    """

    packets: list[av.Packet]
    stamps: list[int]
    damage: dict[int, str]


class PacketReader:
    """The video stream of a file.

    Args:
        source: a local path, or an open binary file.

    Attributes:
        container: the open file.
        stream: its video stream.
        start_pts: ticks at the begin of the video.
        duration: seconds from the begin of the first frame to the end of the last.
        in_order_only: whether the packets tell how many frames there are, but not which is which.

    Raises:
        VideoReadError: if it is not a video that FFmpeg can open.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._source = source
        self._open()
        self.start_pts = self.stream.start_time or 0
        if self.stream.start_time is None:
            self.start_pts = self._first_stamp()
        avi = self.container.format.name == "avi"
        self.in_order_only = avi and self.stream.codec_context.codec.name in _UNORDERED_IN_AVI
        if avi and not self.in_order_only:
            # Packets are stamped one frame late where there are B-frames.
            self.start_pts = self._first_stamp()
        self.duration = self._measure_duration()

    def window(self, start_sec: Seconds, end_sec: Seconds) -> tuple[float, float]:
        """Convert a window in seconds to ticks, as `window_to_pts`."""
        return window_to_pts(
            start_sec, end_sec, self.time_base, self.start_pts, self.stream.average_rate
        )

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        assert self.stream.time_base is not None  # every opened video stream has one
        return self.stream.time_base

    def stamp(self, packet: av.Packet) -> int | None:
        """Ticks at which the frame of a packet begins."""
        return packet.dts if self.in_order_only else packet.pts

    def read(self, first: float, last: float, from_start: bool = False) -> Window:
        """Read the packets that [first, last) needs.

        Args:
            first: ticks, included.
            last: ticks, excluded.
            from_start: read from the beginning of the file, not from a key frame before `first`.
        """
        packets, at_end = self._read(first, last, from_start)
        found = {self.stamp(packet) for packet in packets if not packet.is_discard}
        stamps = {pts for pts in found if pts is not None}
        damage = self._holes(packets)
        lost = self._lost(packets, stamps, last) if at_end else {}
        damage |= lost
        inside = sorted(pts for pts in stamps | set(lost) if first <= pts < last)
        return Window(packets, inside, damage)

    def has_hole(self, packet: av.Packet) -> bool:
        """Say whether data of the packet are missing, which a decoder might not notice."""
        if packet.is_corrupt:
            return True
        codec, data = self.stream.codec_context.name, bytes(packet)
        if codec in _NEVER_ZEROS:
            return _HOLE in data
        return codec in _HARDLY_ZEROS and (data.startswith(_EMPTY_HEAD) or _LARGE_HOLE in data)

    def seconds(self, pts: int) -> float:
        """Seconds from the begin of the video."""
        return float((pts - self.start_pts) * self.time_base)

    def refuse_damaged(self, pts: int, damage: dict[int, str]) -> None:
        """Raise VideoReadError if the frame at `pts` is damaged."""
        if pts in damage:
            second = self.seconds(pts)
            raise VideoReadError(
                f"the frame at {second:.3f} s is damaged ({damage[pts]})", time=second
            )

    def scan(self) -> Iterator[av.Packet]:
        """Read all packets of the file, one after the other."""
        self._open()
        return self._packets()

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self.container.close()

    def _open(self) -> None:
        if hasattr(self, "container"):
            self.container.close()
        if not isinstance(self._source, str):
            self._source.seek(0)
        # Tags in another encoding than UTF-8 must not keep a video from being read.
        self.container: InputContainer = av.open(self._source, "r", metadata_errors="replace")
        videos = [
            stream
            for stream in self.container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not videos:
            self.container.close()
            raise VideoReadError(
                "it has no video stream; pass decode_video=False to read its audio"
            )
        self.stream = videos[0]
        # Threads of its own would compete with the decoders of other worker processes.
        self.stream.codec_context.thread_type = "SLICE"
        self.stream.codec_context.thread_count = 1

    def _first_stamp(self) -> int:
        packet = next(self._packets(), None)
        if packet is None:
            self.close()
            raise VideoReadError("its video stream has no frames")
        if packet.pts is None:
            self.close()
            raise VideoReadError(
                "its packets have no time stamps (a raw stream); put it into a container first: "
                "ffmpeg -r RATE -i VIDEO -c copy VIDEO.mp4"
            )
        return packet.pts

    def _positions(self, first: float) -> Iterator[int]:
        """Say where to seek for a key frame: at `first`, then 1, 2, 4, ... seconds earlier."""
        seconds = 0
        while True:
            position = first - seconds / self.time_base
            if position <= self.start_pts:
                yield self.start_pts
                return
            # Beyond the end any position finds the last key frame.
            yield int(min(position, float(self.start_pts + self.duration / self.time_base)))
            seconds = max(1, 2 * seconds)

    def _packets(self) -> Iterator[av.Packet]:
        for packet in self.container.demux(self.stream):
            if packet.size:  # the one that flushes the decoder at the end is empty
                yield packet

    def _read(self, first: float, last: float, from_start: bool) -> tuple[list[av.Packet], bool]:
        target = max(first, self.start_pts)
        for position in [] if from_start or self.in_order_only else self._positions(target):
            try:
                self.container.seek(position, stream=self.stream)
            except av.FFmpegError:  # a source that cannot seek
                break
            packets, at_end = self._read_until(last)
            # A container may seek by decoding time, beyond which a key frame may still be shown too
            # late.
            if packets and packets[0].pts is not None and packets[0].pts <= target:
                return packets, at_end
        self._open()
        return self._read_until(last)

    def _read_until(self, last: float) -> tuple[list[av.Packet], bool]:
        """Read from the next key frame on; also say whether the file ended."""
        packets: list[av.Packet] = []
        margin = _MOST_REORDERED if self.in_order_only else 0
        for packet in self._packets():
            # A frame is never shown before it is decoded.
            if packet.dts is not None and packet.dts >= last + margin:
                return packets, False
            if packets or packet.is_keyframe:
                packets.append(packet)
        return packets, True

    def _holes(self, packets: list[av.Packet]) -> dict[int, str]:
        """Stamps of packets whose data are missing, and of all that may build on them."""
        damage: dict[int, str] = {}
        for place, packet in enumerate(packets):
            if self.has_hole(packet):
                for later in dependents(packets, place):
                    stamp = self.stamp(packets[later])
                    if stamp is not None:
                        damage.setdefault(stamp, MISSING)
        return damage

    def _lost(self, packets: list[av.Packet], stamps: set[int], last: float) -> dict[int, str]:
        """Stamps of frames that the index lists, but that lie beyond the end of the file.

        When each of them was to begin is not known: they are counted at the average rate.
        """
        entries, rate = self.stream.index_entries, self.stream.average_rate
        reached = packets[-1].dts if packets else None
        if reached is None or rate is None or not stamps or len(entries) == 0:
            return {}
        if reached >= entries[-1].timestamp:
            return {}
        gap = 1 / (rate * self.time_base)
        end = max(self.start_pts + self.duration / self.time_base, entries[-1].timestamp + gap)
        end = end if last > end else Fraction(last)
        # No frame is shown before it is decoded: all up to `reached` are there.
        from_last = range(-_MOST_REORDERED, max(0, math.ceil((end - max(stamps)) / gap)))
        grid = [max(stamps) + step * gap for step in from_last]
        cause = f"the file is cut off at about {self.seconds(reached):.3f} s"
        return {
            round(pts): cause
            for pts in grid
            if reached < pts < end and all(abs(pts - stamp) > gap / 2 for stamp in stamps)
        }

    def _measure_duration(self) -> Fraction:
        stated = self.stream.duration
        # With frames of one length their sum is right; else the last one may be missing.
        even = self.stream.average_rate == self.stream.base_rate
        if stated and even and self.container.format.name in _TRUSTED:
            return stated * self.time_base
        # Others state an estimate, nothing, or the length of the whole file, longer audio included.
        end = self.start_pts
        if self.container.duration:
            # One second earlier, as MPEG-TS has no index and may be entered between two frames.
            seconds = max(Fraction(self.container.duration, av.time_base) - 1, Fraction(0))
            with suppress(av.FFmpegError):  # a source that cannot seek
                self.container.seek(
                    self.start_pts + int(seconds / self.time_base), stream=self.stream
                )
                end = self._end_of(self._packets())
        if end == self.start_pts:
            end = self._end_of(self.scan())
        return (end - self.start_pts) * self.time_base

    def _end_of(self, packets: Iterator[av.Packet]) -> int:
        ends = (packet.pts + (packet.duration or 0) for packet in packets if packet.pts is not None)
        return max(ends, default=self.start_pts)


def dependents(packets: list[av.Packet], place: int) -> Iterator[int]:
    """Give the place of a packet, and those of all whose frames may build on it.

    Those are all up to the next key frame, and those after it that are shown before it.
    """
    key: av.Packet | None = None
    for later in range(place, len(packets)):
        packet = packets[later]
        if packet.is_keyframe and later > place:
            if key is not None:
                return
            key = packet
        elif key is None or packet.pts is None or key.pts is None or packet.pts < key.pts:
            yield later
