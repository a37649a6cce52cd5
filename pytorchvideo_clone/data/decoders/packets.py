"""The packets of a video file: which frames there are, and when, without decoding any.

Reading the packets of a window takes a millisecond or two where decoding takes tens; it needs no
scan of the file and no assumption about the frame rate. Every decoder plans its windows here, so
that they agree on what a window holds.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition

from pytorchvideo_clone.data.decoders.timestamps import window_to_pts
from pytorchvideo_clone.data.video import Seconds, VideoReadError

__all__ = ["PacketReader"]

# AVI states no presentation time; FFmpeg derives it for MPEG-4, but not for the deeper reordering
# of these.
_UNORDERED_IN_AVI = {"h264", "hevc"}
_MOST_REORDERED = 16  # frames, the most that these standards allow
# Containers whose stated stream length is that of the stream.
_TRUSTED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2"}


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

    def stamps(self, packets: list[av.Packet], first: float, last: float) -> list[int]:
        """Ticks at which frames begin in [first, last), ascending."""
        found = {self.stamp(packet) for packet in packets if not packet.is_discard}
        return sorted(pts for pts in found if pts is not None and first <= pts < last)

    def read(self, first: float, last: float, from_start: bool = False) -> list[av.Packet]:
        """Read the packets that [first, last) needs, from a key frame on, in decoding order.

        Raises:
            VideoReadError: if the file is cut off before `last`.
        """
        for position in [] if from_start or self.in_order_only else self._positions(first):
            try:
                self.container.seek(position, stream=self.stream)
            except av.FFmpegError:  # a source that cannot seek
                break
            packets = self._read_until(last)
            # A container may seek by decoding time, beyond which a key frame may still be shown too
            # late.
            if packets and packets[0].pts is not None and packets[0].pts <= first:
                return packets
        self._open()
        return self._read_until(last)

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

    def _read_until(self, last: float) -> list[av.Packet]:
        packets: list[av.Packet] = []
        margin = _MOST_REORDERED if self.in_order_only else 0
        for packet in self._packets():
            # A frame is never shown before it is decoded.
            if packet.dts is not None and packet.dts >= last + margin:
                return packets
            if packets or packet.is_keyframe:
                packets.append(packet)
        self._check_end(packets)
        return packets

    def _check_end(self, packets: list[av.Packet]) -> None:
        """Raise if the file ends before its index does."""
        entries = self.stream.index_entries
        reached = packets[-1].dts if packets else None
        if len(entries) and reached is not None and reached < entries[-1].timestamp:
            second = float((reached - self.start_pts) * self.time_base)
            raise VideoReadError(f"the file is cut off at about {second:.3f} s")

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
