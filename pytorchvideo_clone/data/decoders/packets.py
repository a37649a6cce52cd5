"""The packets of a video file: which frames there are, and when, without decoding any.

Reading the packets of a window takes a millisecond or two where decoding takes tens; it needs no
scan of the file and no assumption about the frame rate. Every decoder plans its windows here, so
that they agree on what a window holds.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO, NamedTuple

import av
from av.container import InputContainer
from av.stream import Disposition

from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from pytorchvideo_clone.data.decoders.holes import (
    MISSING,
    PacketFacts,
    dependents,
    facts_of,
    grid_gaps,
    holes_between,
    packet_has_hole,
)
from pytorchvideo_clone.data.decoders.timestamps import window_to_pts
from pytorchvideo_clone.data.files import open_file
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import Seconds, VideoReadError

__all__ = ["PacketReader", "Window"]

# AVI states no presentation time; FFmpeg derives it for MPEG-4, but not for the deeper reordering
# of these.
_UNORDERED_IN_AVI = {"h264", "hevc"}
_MOST_REORDERED = 16  # frames, the most that these standards allow
# Containers whose stated stream length is that of the stream.
_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"  # its index knows all packets
_TRUSTED = {"avi", _MP4}
# Sound of other codecs may be zeros where nobody speaks.
_SILENT_WITHOUT_ZEROS = {"aac", "opus", "libopus", "vorbis", "flac"}
_AVI_HEAD = 8  # bytes of a chunk's name and size
_HEADER_FIRST = {"matroska,webm", "flv"}


Packets = Sequence[av.Packet | PacketFacts]


class Window(NamedTuple):
    """What a window needs and holds.

    Attributes:
        packets: from a key frame on, in decoding order; or what is known of them.
        stamps: ticks at which its frames begin, ascending, damaged and missing ones included.
        damage: stamp -> cause, for frames that show to be damaged before they are decoded.
    """

    packets: Packets
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
        self._by_position: dict[int, int] | None = None
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
        return window_to_pts(start_sec, end_sec, self.time_base, self.start_pts, self.rate)

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        seconds = exact(self.stream.time_base)
        assert seconds is not None  # every opened video stream has one
        return seconds

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, on the average; None if the file does not say."""
        return exact(self.stream.average_rate)

    def stamp(self, packet: av.Packet | PacketFacts) -> int | None:
        """Ticks at which the frame of a packet begins."""
        return packet.dts if self.in_order_only else packet.pts

    def read(
        self, first: float, last: float, from_start: bool = False, keep_data: bool = True
    ) -> Window:
        """Read the packets that [first, last) needs.

        Args:
            first: ticks, included.
            last: ticks, excluded.
            from_start: read from the beginning of the file, not from a key frame before `first`.
            keep_data: False leaves the data out, of which a long window may have more than fit into
                memory; `scan` gives them one after the other.
        """
        with stage("demux"):
            packets, after = self._read(first, last, from_start, keep_data)
        found = {self.stamp(packet) for packet in packets if not packet.is_discard}
        stamps = {pts for pts in found if pts is not None}
        damage: dict[int, str] = {}
        for place, packet in enumerate(packets):
            if self.has_hole(packet):
                self.spread(damage, packets, place, MISSING)
        if packets and stamps:
            damage |= self._lost(packets, after, stamps, last)
            self._spread_gaps(damage, packets, after, stamps, last)
        inside = sorted(pts for pts in stamps | damage.keys() if first <= pts < last)
        return Window(packets, inside, damage)

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range]:
        """Say which frames of the window around several windows begin in each of them."""
        ticks = [self.window(start, end) for start, end in windows]
        stamps = self.read(min(a for a, _ in ticks), max(b for _, b in ticks)).stamps
        return [range(bisect_left(stamps, a), bisect_left(stamps, b)) for a, b in ticks]

    def has_hole(self, packet: av.Packet | PacketFacts) -> bool:
        """Say whether data of the packet are missing, which a decoder might not notice."""
        return packet_has_hole(packet, self.stream.codec_context.name)

    def spread(self, damage: dict[int, str], packets: Packets, place: int, cause: str) -> None:
        """Add the frame of a packet, and all that may build on it, to `damage`."""
        places = dependents(packets, place)
        if self.in_order_only:  # which of the later ones is which is not known any more
            places = iter(range(max(0, place - _MOST_REORDERED), len(packets)))
        for later in places:
            stamp = self.stamp(packets[later])
            if stamp is not None:
                damage.setdefault(stamp, cause)

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
        """Open the file again and read all its packets, one after the other."""
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
        self.container: InputContainer = open_input(self._source)
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
        if self.stream.codec_context is None:
            self.container.close()
            raise VideoReadError("FFmpeg does not know the codec of its pictures")
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
        avi = self.container.format.name == "avi"
        for packet in self.container.demux(self.stream):
            if packet.size:  # the one that flushes the decoder at the end is empty
                if avi:
                    self._restamp(packet)
                yield packet

    def _restamp(self, packet: av.Packet) -> None:
        """Let the index of an AVI say when a packet is: its reader counts those that it finds."""
        entries = self.stream.index_entries
        place = entries.search_timestamp(packet.dts or 0, any_frame=True)
        if place < 0 or packet.pos is None or entries[place].pos == packet.pos - _AVI_HEAD:
            return
        if self._by_position is None:
            self._by_position = {entry.pos: entry.timestamp for entry in entries}
        right = self._by_position.get(packet.pos - _AVI_HEAD)
        if right is not None and packet.dts is not None:
            late = right - packet.dts
            packet.dts = right
            packet.pts = None if packet.pts is None else packet.pts + late

    def _read(
        self, first: float, last: float, from_start: bool, keep_data: bool
    ) -> tuple[Packets, av.Packet | None]:
        target = max(first, self.start_pts)
        for position in [] if from_start or self.in_order_only else self._positions(target):
            try:
                self.container.seek(position, stream=self.stream)
            except av.FFmpegError:  # a source that cannot seek
                break
            packets, after = self._read_until(last, keep_data)
            # A container may seek by decoding time, beyond which a key frame may still be shown too
            # late.
            if packets and packets[0].pts is not None and packets[0].pts <= target:
                return packets, after
        self._open()
        return self._read_until(last, keep_data)

    def _read_until(self, last: float, keep_data: bool) -> tuple[Packets, av.Packet | None]:
        """Read from the next key frame on; also give the packet after them, None at the end."""
        packets: list[av.Packet | PacketFacts] = []
        codec = self.stream.codec_context.name
        margin = _MOST_REORDERED if self.in_order_only else 0
        for packet in self._packets():
            # A frame is never shown before it is decoded.
            if packet.dts is not None and packet.dts >= last + margin:
                return packets, packet
            if packets or packet.is_keyframe:
                packets.append(packet if keep_data else facts_of(packet, codec))
        return packets, None

    def _lost(
        self, packets: Packets, after: av.Packet | None, stamps: set[int], last: float
    ) -> dict[int, str]:
        """Stamps of frames that the file promises, but that lie beyond its end.

        When each of them was to begin is not known: they are counted at the average rate.
        """
        reached, gap = packets[-1].dts, self._gap
        if after is not None or reached is None or gap is None:
            return {}
        end = self.start_pts + self.duration / self.time_base
        entries = self.stream.index_entries
        if len(entries) and reached < entries[-1].timestamp:
            end = max(end, entries[-1].timestamp + gap)
        elif self.container.format.name != "avi" or max(stamps) + 1.5 * gap > end:
            return {}
        # No frame is shown before it is decoded: all up to `reached` are there.
        later = sorted(stamp for stamp in stamps if stamp >= reached) or [max(stamps)]
        cause = f"the file is cut off at about {self.seconds(reached):.3f} s"
        return dict.fromkeys(grid_gaps(later, float(gap), min(last, float(end))), cause)

    def _spread_gaps(
        self,
        damage: dict[int, str],
        packets: Packets,
        after: av.Packet | None,
        stamps: set[int],
        last: float,
    ) -> None:
        """Add to `damage` the frames of whole packets that are gone, where zeros show that.

        Containers without an index go on at the next packet that they find, and its stamp alone
        tells that some are missing before it.
        """
        gap = self._gap
        if gap is None or not self._even or self.container.format.name == _MP4:
            return
        known = sorted(stamps | damage.keys())
        missing = grid_gaps(known, float(gap), known[-1] if after is None else last)
        if not missing:
            return
        if after is None and self._ends_early(known[-1] + gap):
            reached = packets[-1].dts or 0
            cause = f"the file is cut off at about {self.seconds(reached):.3f} s"
            damage.update((pts, cause) for pts in missing if pts > reached)
        sounds = {stream.codec_context.name for stream in self.container.streams.audio}
        if not sounds <= _SILENT_WITHOUT_ZEROS:
            return
        end = self.container.size if after is None else after.pos
        places = list(holes_between(packets, end, self._read_at))
        if places:
            damage.update(dict.fromkeys(missing, MISSING))
            for place in places:
                self.spread(damage, packets, place, MISSING)

    @property
    def _even(self) -> bool:
        """Whether all frames have one length."""
        return self.rate == exact(self.stream.base_rate)

    @property
    def _gap(self) -> Fraction | None:
        """Ticks from a frame to the next, on the average."""
        return 1 / (self.rate * self.time_base) if self.rate else None

    def _ends_early(self, end: Fraction) -> bool:
        """Whether the header states more than there is; Matroska's and FLV's alone come first."""
        stated = self.container.duration
        if not stated or self.container.format.name not in _HEADER_FIRST:
            return False
        return (end - self.start_pts + 1) * self.time_base < Fraction(stated, av.time_base)

    def _read_at(self, position: int, size: int) -> bytes:
        if isinstance(self._source, str):
            with open_file(self._source) as file:
                file.seek(position)
                return file.read(size)
        before = self._source.tell()
        self._source.seek(position)
        data = self._source.read(size)
        self._source.seek(before)
        return data

    def _measure_duration(self) -> Fraction:
        stated = self.stream.duration
        entries = self.stream.index_entries
        if stated and self.container.format.name == "avi" and len(entries) > 1:
            stated = min(stated, entries[-1].timestamp + 1)  # the header may be wrong
        # With frames of one length their sum is right; else the last one may be missing.
        if stated and self._even and self.container.format.name in _TRUSTED:
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
