"""The packets of a video file: which frames there are, and when, without decoding any.

Reading the packets of a window takes a millisecond or two where decoding takes tens; it needs no
scan of the file and no assumption about the frame rate. Every decoder plans its windows here, so
that they agree on what a window holds. Where the time stamps of a file do not tell which frame is
when, its frames are counted once (`display_order`), and its windows are read from its begin.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import av
from av.container import InputContainer

from pytorchvideo_clone.data.decoders.av_files import choose_stream, exact, open_input
from pytorchvideo_clone.data.decoders.display_order import (
    OTHER_ORDER,
    count_frames,
    find_timeline,
)
from pytorchvideo_clone.data.decoders.evidence import Evidence
from pytorchvideo_clone.data.decoders.holes import (
    MISSING,
    PacketFacts,
    Packets,
    dependents,
    facts_of,
    packet_has_hole,
)
from pytorchvideo_clone.data.decoders.missing import cut_off, gone_between
from pytorchvideo_clone.data.decoders.repeats import without_repeats
from pytorchvideo_clone.data.decoders.timeline import Timeline
from pytorchvideo_clone.data.decoders.timestamps import window_to_pts
from pytorchvideo_clone.data.files import FileView
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import Seconds, VideoReadError

__all__ = ["PacketReader", "Window"]

# Containers whose stated stream length is that of the stream.
_TRUSTED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2"}
_AVI_HEAD = 8  # bytes of a chunk's name and size


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
        video_stream: which of several video streams, counted from 0 without attached pictures; None
            for the one that FFmpeg takes for the best.

    Attributes:
        container: the open file.
        stream: its video stream.
        start_pts: ticks at the begin of the video.
        duration: seconds from the begin of the first frame to the end of the last.
        timeline: when its frames are shown, if its own time stamps do not tell.
        broken: why no packets could be read beyond some place; None if that did not happen.

    Raises:
        VideoReadError: if it is not a video that FFmpeg can open.
    """

    def __init__(self, source: str | BinaryIO, video_stream: int | None = None) -> None:
        # A position of its own: a decoder may read the same open file.
        self._source: Any = source if isinstance(source, str) else FileView(source)
        self._video_stream = video_stream
        self._by_position: dict[int, int] | None = None
        self.timeline: Timeline | None = None
        self.broken: str | None = None
        try:
            self._open()
            self.timeline = find_timeline(self)
            self.start_pts = self._find_start()
            self.duration = self._measure_duration()
        except BaseException:
            self.close()
            raise

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

    @property
    def gap(self) -> Fraction | None:
        """Ticks from a frame to the next, on the average."""
        return 1 / (self.rate * self.time_base) if self.rate else None

    @property
    def even(self) -> bool:
        """Whether all frames have one length."""
        return self.rate == exact(self.stream.base_rate)

    @property
    def container_name(self) -> str:
        """FFmpeg's name of the container."""
        return self.container.format.name

    @cached_property
    def evidence(self) -> Evidence:
        """What the file says of its size."""
        return Evidence(self.container_name, self._source)

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
            read = self._read if self.timeline is None else self._read_counted
            packets, after = read(first, last, from_start, keep_data)
            found = {packet.pts for packet in packets if not packet.is_discard}
            stamps = {pts for pts in found if pts is not None}
            damage = self._known_damage(packets, after, stamps, first, last)
        inside = sorted(pts for pts in stamps | damage.keys() if first <= pts < last)
        return Window(packets, inside, damage)

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range]:
        """Say which frames of the window around several windows begin in each of them."""
        ticks = [self.window(start, end) for start, end in windows]
        stamps = self.read(min(a for a, _ in ticks), max(b for _, b in ticks)).stamps
        return [range(bisect_left(stamps, a), bisect_left(stamps, b)) for a, b in ticks]

    def has_hole(self, packet: av.Packet | PacketFacts) -> bool:
        """Say whether data of the packet are missing, which a decoder might not notice."""
        if self.is_joint(packet.pts):  # its reader takes the join for a loss
            return False
        return packet_has_hole(packet, self.stream.codec_context)

    def is_joint(self, pts: int | None) -> bool:
        """Say whether a frame is at a place where two streams were joined."""
        return self.timeline is not None and pts in self.timeline.joints

    def spread(self, damage: dict[int, str], packets: Packets, place: int, cause: str) -> None:
        """Add the frame of a packet, and all that may build on it, to `damage`."""
        for later in dependents(packets, place):
            stamp = packets[later].pts
            if stamp is not None:
                damage.setdefault(stamp, cause)

    @property
    def begin(self) -> Fraction:
        """Seconds of the file's own time at which the first frame begins."""
        return self.start_pts * self.time_base

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

    def count_frames(self) -> None:
        """Find out when each frame is shown, as the decoder says it, not the file's time stamps."""
        self.timeline = None
        self.timeline = count_frames(self, OTHER_ORDER)
        self.start_pts = self._find_start()
        self.duration = self._measure_duration()

    def scan(self) -> Iterator[av.Packet]:
        """Open the file again and read all its packets, one after the other."""
        self._open()
        return self.packets()

    def all_packets(self) -> Iterator[av.Packet]:
        """Open the file again and read the packets of all its streams."""
        self._open()
        return (packet for packet in self.container.demux() if packet.size)

    def packets(self) -> Iterator[av.Packet]:
        """Give the packets from where the file stands, with the times that they should have.

        With a timeline, the file must just have been opened.
        """
        number = 0
        for packet in without_repeats(self._demux()):
            if self.timeline is not None:
                known = number < len(self.timeline.pts)  # else the file has grown
                packet.pts = self.timeline.pts[number] if known else None
                packet.dts = self.timeline.dts[number] if known else None
                packet.is_keyframe = number in self.timeline.keys
                number += 1
            elif self.container_name == "avi":
                self._restamp(packet)
            yield packet

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        if hasattr(self, "container"):
            self.container.close()

    def _known_damage(
        self, packets: Packets, after: av.Packet | None, stamps: set[int], first: float, last: float
    ) -> dict[int, str]:
        known: Mapping[Any, str] = self.timeline.damage if self.timeline is not None else {}
        damage: dict[int, str] = {}
        for place, packet in enumerate(packets):
            cause = MISSING if self.has_hole(packet) else known.get(packet.pts)
            if cause is not None:
                self.spread(damage, packets, place, cause)
        if packets and stamps:
            damage |= cut_off(self, packets, after, stamps, first, last)
            for place in gone_between(self, damage, packets, after, stamps, first, last):
                self.spread(damage, packets, place, MISSING)
        return damage

    def _open(self) -> None:
        self.close()
        if not isinstance(self._source, str):
            self._source.seek(0)
        self.container: InputContainer = open_input(self._source)
        self.stream = choose_stream(self.container, self._video_stream)
        # Threads of its own would compete with the decoders of other worker processes.
        self.stream.codec_context.thread_type = "SLICE"
        self.stream.codec_context.thread_count = 1

    def _find_start(self) -> int:
        if self.timeline is not None:
            return self.timeline.start
        # Packets of an AVI are stamped one frame late where there are B-frames.
        if self.stream.start_time is not None and self.container_name != "avi":
            return self.stream.start_time
        packet = next(self.scan(), None)
        if packet is None:
            raise VideoReadError("its video stream has no frames")
        assert packet.pts is not None  # or there were a timeline
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

    def _demux(self) -> Iterator[av.Packet]:
        try:
            # The last one is empty and flushes the decoder.
            yield from (packet for packet in self.container.demux(self.stream) if packet.size)
        except av.InvalidDataError as error:  # what was read so far is good
            self.broken = f"its container ends with {error.strerror or error}"

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
        for position in [] if from_start else self._positions(target):
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
        for packet in self.packets():
            # A frame is never shown before it is decoded.
            if packet.dts is not None and packet.dts >= last:
                return packets, packet
            if packets or packet.is_keyframe:
                packets.append(packet if keep_data else facts_of(packet, self.stream.codec_context))
        return packets, None

    def _read_counted(
        self, first: float, last: float, from_start: bool, keep_data: bool
    ) -> tuple[Packets, av.Packet | None]:
        """Read by the timeline, from the begin of the file."""
        assert self.timeline is not None
        packets: list[av.Packet | PacketFacts] = []
        shown = enumerate(self.timeline.pts)
        wanted = [number for number, pts in shown if pts is not None and first <= pts < last]
        if wanted:
            entry = 0 if from_start else self.timeline.entry(wanted)
            for number, packet in enumerate(self.scan()):
                if number > wanted[-1] and last <= self.timeline.dts[-1]:
                    return packets, packet
                if number >= entry:
                    packets.append(
                        packet if keep_data else facts_of(packet, self.stream.codec_context)
                    )
        return packets, None

    def _measure_duration(self) -> Fraction:
        stated = self.stream.duration
        entries = self.stream.index_entries
        if self.timeline is not None:
            return self._unless_cut((self.timeline.end - self.start_pts) * self.time_base)
        if stated and self.container_name == "avi" and len(entries) > 1:
            stated = min(stated, entries[-1].timestamp + 1)  # the header may be wrong
        # With frames of one length their sum is right; else the last one may be missing.
        if stated and self.even and self.container_name in _TRUSTED:
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
                end = self._end_of(self.packets())
        if end == self.start_pts:
            end = self._end_of(self.scan())
        return self._unless_cut((end - self.start_pts) * self.time_base)

    def _unless_cut(self, found: Fraction) -> Fraction:
        """The length of what is there, or of what was there before the file was cut off."""
        if self.evidence.of_cut is None and self.broken is None:
            return found
        if self.stream.duration and self.container_name in _TRUSTED:
            return max(found, self.stream.duration * self.time_base)
        return max(found, Fraction(self.container.duration or 0, av.time_base))

    def _end_of(self, packets: Iterable[av.Packet]) -> int:
        ends = (packet.pts + (packet.duration or 0) for packet in packets if packet.pts is not None)
        return max(ends, default=self.start_pts)
