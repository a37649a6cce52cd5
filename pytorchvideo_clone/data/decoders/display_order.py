"""When the frames of a file are shown, where its time stamps do not tell.

The order in which a decoder gives its frames is that of their showing, whatever a container says:
AVI states no times at all, program streams state a few, writers forget that frames were reordered,
and files joined end to end begin anew. The decoder, given packets that carry their number, says
which packet each frame comes from; times are repaired to that order. Where a file is damaged, a few
of its times disagree with all the others: those are not believed, and frames that lie at another
place than theirs are named.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

import av

from pytorchvideo_clone.data.video import VideoReadError

if TYPE_CHECKING:
    from pytorchvideo_clone.data.decoders.packets import PacketReader

__all__ = [
    "OTHER_ORDER",
    "PacketTimes",
    "Timeline",
    "count_frames",
    "doubt",
    "find_timeline",
    "in_order",
    "repaired_times",
    "shown_packets",
]

OTHER_ORDER = "times in another order than that of the decoder"
_NO_KEYS = "frames that are called key frames and are none"

# Containers that state when a frame is shown: their first packets tell whether they do.
_STATE_TIMES = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "nut", "ivf", "gif"}
# Most files with reordered frames show it in these; the others are looked at longer.
_FIRST_PACKETS, _MORE_PACKETS = 8, 24
# Containers in which a seek finds the packets that it should.
_SEEKABLE = _STATE_TIMES | {"avi", "mpegts", "ogg"}
# Codecs of which FFmpeg's parser tells which frames are reordered, where AVI does not.
_PARSED = {"mpeg4", "mpeg1video", "mpeg2video"}
# Codecs of which FFmpeg's readers call every frame a key frame.
_ALL_KEYS = {"h263"}
_MOST_REORDERED = 16  # frames, the most that H.264 and HEVC allow
_FEW = 0.1  # of all times, that may be wrong because of damage


class PacketTimes(NamedTuple):
    """What a container says of a packet; names are those of `av.Packet`."""

    pts: int | None
    dts: int | None
    is_keyframe: bool

    @classmethod
    def of(cls, packet: av.Packet) -> "PacketTimes":
        """Take those of a packet."""
        return cls(packet.pts, packet.dts, packet.is_keyframe)


class Timeline(NamedTuple):
    """When the frames of a file begin, by the numbers of their packets in the file.

    Attributes:
        pts: ticks at which the frame of a packet begins; None if it gives none.
        dts: no frame of this packet or a later one begins before that; ascending.
        keys: numbers of the packets at which decoding may begin, the first one included.
        end: ticks at which the last frame ends.
        joints: ticks of the frames around the places at which times begin anew.
        moved: ticks of frames that lie elsewhere in the file than their times say.
    """

    pts: list[int | None]
    dts: list[int]
    keys: frozenset[int]
    end: int
    joints: frozenset[int]
    moved: frozenset[int]

    @classmethod
    def of(
        cls, times: Sequence[PacketTimes], shown: Sequence[int], gap: Fraction | None
    ) -> "Timeline":
        """Repair times.

        Args:
            times: of all packets.
            shown: as `shown_packets` gives it; at least one.
            gap: ticks from a frame to the next, on the average; None if that is not stated.
        """
        stated = _stated_times(shown, times, gap)
        begins = _repaired(stated, gap)
        moved = frozenset(begins[place] for place in _moved(stated))
        pts: list[int | None] = [None] * len(times)
        for number, begin in zip(shown, begins, strict=True):
            pts[number] = begin
        end = begins[-1] + max(1, round(gap or Fraction(begins[-1] - begins[0], len(begins))))
        earliest, dts = end, []
        for shown_at in reversed(pts):
            earliest = earliest if shown_at is None else min(earliest, shown_at)
            dts.append(earliest)
        keys = frozenset({0}).union(n for n, packet in enumerate(times) if packet.is_keyframe)
        offsets = enumerate(pairwise(_offsets(times, gap)))
        places = {place + side for place, (a, b) in offsets if a != b for side in (-1, 0, 1)}
        joints = frozenset(
            tick for place in places if place >= 0 and (tick := pts[place]) is not None
        )
        return cls(pts, dts[::-1], keys, end, joints, moved)

    def entry(self, wanted: Sequence[int]) -> int:
        """Give the number of the packet from which on those with these numbers can be decoded.

        A frame that is shown before the key frame that it follows may need the one before.
        """
        begins = [begin for number in wanted if (begin := self.pts[number]) is not None]
        for key in sorted(self.keys, reverse=True):
            shown_at = self.pts[key]
            if key <= wanted[0] and shown_at is not None and shown_at <= min(begins):
                return key
        return 0


def find_timeline(reader: "PacketReader") -> Timeline | None:
    """Look whether the times of a file's packets can be trusted, and if not, count its frames.

    Args:
        reader: of a file that was just opened.

    Returns:
        None if they can.

    Raises:
        VideoReadError: if it has no frames, or no times.
    """
    context = reader.stream.codec_context
    container = reader.container_name
    if container not in _STATE_TIMES and (container != "avi" or context.has_b_frames):
        return count_frames(reader)
    following = reader.packets()
    packets = list(islice(following, _FIRST_PACKETS))
    if context.name in _ALL_KEYS and all(packet.is_keyframe for packet in packets):
        return count_frames(reader)
    if doubt([PacketTimes.of(packet) for packet in packets], context.has_b_frames) is None:
        return None
    packets += islice(following, _MORE_PACKETS)
    times = [PacketTimes.of(packet) for packet in packets]
    # Such a container says where zero is, whether or not what lies there can be decoded.
    times[:1] = [packet._replace(is_keyframe=True) for packet in times[:1]]
    reason = doubt(times, context.has_b_frames)
    # A decoder that might reorder frames may find none to reorder.
    if reason is None or (
        reason == OTHER_ORDER and in_order(times, shown_packets(context, packets))
    ):
        return None
    return count_frames(reader, reason)


def count_frames(reader: "PacketReader", reason: str | None = None) -> Timeline | None:
    """Say when all frames are shown.

    Args:
        reader: of a file, without a timeline.
        reason: to doubt the packets' times; None to look for one.

    Returns:
        None if the packets do tell it, and can be sought.

    Raises:
        VideoReadError: if there are no frames, or no times.
    """
    context, avi = reader.stream.codec_context, reader.container_name == "avi"
    times = [PacketTimes.of(packet) for packet in reader.scan()]
    if not times:
        raise VideoReadError("its video stream has no frames")
    if all(packet.pts is None for packet in times):
        raise VideoReadError(
            "its packets have no time stamps (a raw stream); put it into a container first: "
            "ffmpeg -r RATE -i VIDEO -c copy VIDEO.mp4"
        )
    if context.name in _ALL_KEYS and all(packet.is_keyframe for packet in times):
        reason = _NO_KEYS
        times = [packet._replace(is_keyframe=not number) for number, packet in enumerate(times)]
    reason = reason or doubt(times, context.has_b_frames)
    shown = sorted(range(len(times)), key=lambda number: times[number].pts or 0)
    settled = avi and context.name in _PARSED and shown == sorted(shown)
    if reason is not None and not settled:
        shown = shown_packets(reader.stream.codec_context, reader.scan())
        if not shown:
            return None  # whoever asks for a frame is told why there is none
    if reason == _NO_KEYS:
        return Timeline.of(times, shown, reader.gap)
    if avi and len(shown) == len(times) and [t.dts for t in times] == list(range(len(times))):
        # It counts its frames, in the order of decoding.
        # A packet of an AVI has both times or none.
        late = {packet.pts - packet.dts for packet in times}  # type: ignore[operator]
        if shown == sorted(shown) and len(late) == 1:
            return None
        times = [packet._replace(pts=packet.dts) for packet in times]
    elif (
        reason in (None, OTHER_ORDER)
        and reader.container_name in _SEEKABLE
        and (reader.container_name in _STATE_TIMES or shown[:1] == [0])
        and in_order(times, shown)
    ):
        return None
    return Timeline.of(times, shown, reader.gap)


def doubt(times: Sequence[PacketTimes], reorders: bool) -> str | None:
    """Say why the times of packets may not be those of their frames; None if nothing shows.

    Args:
        times: of packets in the order of the file, from its begin.
        reorders: whether the decoder holds frames back to show them later.
    """
    begins = [packet.pts for packet in times if packet.pts is not None]
    decoded = [packet.dts for packet in times if packet.dts is not None]
    if len(begins) < len(times):
        return "packets without time stamps"
    if len(set(begins)) < len(begins):
        return "several packets with one time stamp"
    if any(later < earlier for earlier, later in pairwise(decoded)):
        return "times that begin anew"
    if not any(packet.is_keyframe for packet in times[:1]):
        return "no key frame at its begin"
    if len(times) > 1 and reorders == (begins == sorted(begins)):
        return OTHER_ORDER
    stamps = zip(begins, times, strict=True)
    if any(begin < packet.dts for begin, packet in stamps if packet.dts is not None):
        return "frames that are shown before they are decoded"
    return None


def in_order(times: Sequence[PacketTimes], shown: Sequence[int]) -> bool:
    """Say whether all packets have times, and these ascend in the order of showing."""
    begins = [times[number].pts for number in shown]
    # None is ruled out before they are sorted.
    return None not in begins and begins == sorted(begins)  # type: ignore[type-var]


def shown_packets(context: av.VideoCodecContext, packets: Iterable[av.Packet]) -> list[int]:
    """Decode packets and say which of them gives the first frame shown, the second, and so on.

    Args:
        context: the decoder; what it holds is dropped before and after.
        packets: in the order of the file; they get their numbers as time stamps.
    """
    shown: dict[int | None, None] = {}

    def decode(packet: av.Packet | None) -> None:
        with suppress(av.FFmpegError):  # damage is told when the frames are wanted
            shown.update(dict.fromkeys(frame.pts for frame in context.decode(packet)))

    context.flush_buffers()
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
        decode(packet)
    decode(None)
    context.flush_buffers()
    return [number for number in shown if number is not None]


def repaired_times(
    shown: Sequence[int], times: Sequence[PacketTimes], gap: Fraction | None
) -> list[int]:
    """Give the ticks at which frames begin, ascending, in the order of showing.

    Times that agree with the order stay. Where all are there but out of order, they are sorted.
    Where some are missing or few disagree, frames are `gap` apart, or evenly between the known
    ones. Times that begin anew, with a key frame, go on where the frames before them end.

    Args:
        shown: numbers of the packets in the order of showing.
        times: of all packets, in the order of the file.
        gap: ticks from a frame to the next.

    >>> forgotten = [PacketTimes(tick, tick, tick == 0) for tick in (0, 10, 20, 30)]
    >>> repaired_times([0, 2, 3, 1], forgotten, Fraction(10))
    [0, 10, 20, 30]
    """
    return _repaired(_stated_times(shown, times, gap), gap)


def _stated_times(
    shown: Sequence[int], times: Sequence[PacketTimes], gap: Fraction | None
) -> list[int | None]:
    """What the file says of when frames begin, in the order of showing; ascending where it can be.

    Writers that forget about reordering state ascending times in the order of the file, and in any
    case none that is far from its place.
    """
    offsets = _offsets(times, gap)
    begins = [_sum(times[number].pts, offsets[number]) for number in shown]
    if not any(begin is not None for begin in begins):
        begins = [_sum(times[number].dts, offsets[number]) for number in shown]
    stated = [(begin, place) for place, begin in enumerate(begins) if begin is not None]
    if len(stated) < len(begins):
        return begins
    ascending = sorted(stated)
    near = all(abs(place - rank) <= _MOST_REORDERED for rank, (_, place) in enumerate(ascending))
    many = len(begins) - len(_chain(begins)) > _FEW * len(begins)
    in_file = [begin for _, begin in sorted(zip(shown, stated, strict=True))]
    if in_file == ascending or (near and many):
        return [begin for begin, _ in ascending]
    return begins


def _sum(ticks: int | None, offset: int) -> int | None:
    return None if ticks is None else ticks + offset


def _offsets(times: Sequence[PacketTimes], gap: Fraction | None) -> list[int]:
    """Ticks to add to the times of each packet so that they never begin anew."""
    step = gap or Fraction(1)
    reach = _MOST_REORDERED * step
    decoded = [packet.pts if packet.dts is None else packet.dts for packet in times]
    known = [(number, ticks) for number, ticks in enumerate(decoded) if ticks is not None]
    following = {number: later for (number, _), (_, later) in pairwise(known)}
    leaps = any(later - earlier > reach for (_, earlier), (_, later) in pairwise(known))
    offsets: list[int] = []
    offset, last, end = 0, None, None
    for number, (packet, at) in enumerate(zip(times, decoded, strict=True)):
        begin = at if packet.pts is None else packet.pts
        if at is not None and begin is not None:
            # A stream that begins goes on; one that is damaged has gaps elsewhere as well.
            anew = last is not None and at < last - reach and (packet.is_keyframe or not leaps)
            if anew and end is not None and 0 <= following.get(number, at) - at <= reach:
                offset = end - begin
            last = at
            end = max(begin + offset + round(step), begin if end is None else end)
        offsets.append(offset)
    return offsets


def _chain(begins: Sequence[int | None]) -> list[int]:
    """Places of as many times as ascend by a tick a frame at least."""
    ends: list[int] = []  # of the best chain of each length: how far its last is ahead of its place
    last: list[int] = []  # and where that is
    before: dict[int, int | None] = {}
    following = None  # the last of the longest, and the first of several
    for place, begin in enumerate(begins):
        if begin is not None:
            length = bisect_right(ends, begin - place)
            before[place] = last[length - 1] if length else None
            following = place if length == len(ends) else following
            ends[length : length + 1] = [begin - place]
            last[length : length + 1] = [place]
    chain = []
    while following is not None:
        chain.append(following)
        following = before[following]
    return chain[::-1]


def _moved(begins: Sequence[int | None]) -> Iterator[int]:
    """Places of frames whose times ascend, but fit at another place: several, as one may err."""
    chain = set(_chain(begins))
    strays = [n for n, begin in enumerate(begins) if begin is not None and n not in chain]
    for earlier, later in pairwise(strays):
        if later == earlier + 1 and (begins[earlier] or 0) < (begins[later] or 0):
            yield from (earlier, later)


def _repaired(begins: Sequence[int | None], gap: Fraction | None) -> list[int]:
    """Ascending ticks: those of the longest chain of stated ones, and others between them."""
    known = [(place, begin) for place in _chain(begins) if (begin := begins[place]) is not None]
    known = known or [(0, 0)]
    step = gap or Fraction(1)
    place, begin = known[0]
    filled = [round(begin - (place - n) * step) for n in range(place)]
    for (place, begin), (following, end) in pairwise(known):
        even = Fraction(end - begin, following - place)
        filled += [begin + round(n * even) for n in range(following - place)]
    place, begin = known[-1]
    return filled + [round(begin + n * step) for n in range(len(begins) - place)]
