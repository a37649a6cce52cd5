"""When the frames of a file begin, made from what it says of that and the order of their showing.

Times that a container does not state, states in another order or begins anew are repaired. Where a
file is damaged, a few of its times disagree with all the others: those are not believed, and frames
that lie at another place than theirs are named.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import av

__all__ = ["PacketTimes", "Timeline"]

_MOST_REORDERED = 16  # frames, the most that H.264 and HEVC allow
_FEW = 0.1  # of all times, that may be wrong because of damage
_MOVED = "it lies at another place than its time says"
_LOST = "bytes before it belong to nothing"


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
        damage: ticks of frames -> why they cannot be right, nor what builds on them.
        start: ticks at which the video begins.
    """

    pts: list[int | None]
    dts: list[int]
    keys: frozenset[int]
    end: int
    joints: frozenset[int]
    damage: dict[int, str]
    start: int

    @classmethod
    def of(
        cls,
        times: Sequence[PacketTimes],
        shown: Sequence[int],
        gap: Fraction | None,
        lost: Sequence[int] = (),
        zero: int | None = None,
    ) -> "Timeline":
        """Repair times.

        Times that agree with the order of showing stay. Where all are there but out of order, they
        are sorted. Where some are missing or few disagree, frames are `gap` apart, or evenly
        between the known ones. Times that begin anew go on where the frames before them end.

        Args:
            times: of all packets.
            shown: as `shown_packets` gives it; at least one.
            gap: ticks from a frame to the next, on the average; None if that is not stated.
            lost: numbers of packets before which some were lost.
            zero: ticks at which the video begins, if its begin was lost.

        >>> forgotten = [PacketTimes(tick, tick, tick == 0) for tick in (0, 10, 20, 30)]
        >>> Timeline.of(forgotten, [0, 2, 3, 1], Fraction(10)).pts
        [0, 30, 10, 20]
        """
        offsets = _offsets(times, gap)
        stated = _stated_times(shown, times, offsets)
        begins = _repaired(stated, gap)
        damage = {begins[place]: _MOVED for place in _moved(stated, begins, gap)}
        pts: list[int | None] = [None] * len(times)
        for number, begin in zip(shown, begins, strict=True):
            pts[number] = begin
        end = begins[-1] + max(1, round(gap or Fraction(begins[-1] - begins[0], len(begins))))
        earliest, dts = end, []
        for shown_at in reversed(pts):
            earliest = earliest if shown_at is None else min(earliest, shown_at)
            dts.append(earliest)
        keys = frozenset({0}).union(n for n, packet in enumerate(times) if packet.is_keyframe)
        steps = enumerate(pairwise(offsets))
        places = {place + side for place, (a, b) in steps if a != b for side in (-1, 0, 1)}
        joints = frozenset(
            tick for place in places if place >= 0 and (tick := pts[place]) is not None
        )
        behind, following = frozenset(lost), None
        for number in reversed(range(len(pts))):
            following = pts[number] if pts[number] is not None else following
            if number in behind and following is not None:
                damage[following] = _LOST
        start = begins[0] if zero is None else min(zero, begins[0])
        return cls(pts, dts[::-1], keys, end, joints, damage, start)

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


def _stated_times(
    shown: Sequence[int], times: Sequence[PacketTimes], offsets: Sequence[int]
) -> list[int | None]:
    """What the file says of when frames begin, in the order of showing; ascending where it can be.

    Writers that forget about reordering state ascending times in the order of the file, and in any
    case none that is far from its place.
    """
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


def _moved(
    stated: Sequence[int | None], repaired: Sequence[int], gap: Fraction | None
) -> Iterator[int]:
    """Places of frames whose times ascend, but fit at another place: several, as one may err."""
    far = [
        begin is not None and abs(begin - repaired_to) > 2 * (gap or 1)
        for begin, repaired_to in zip(stated, repaired, strict=True)
    ]
    for place, (earlier, later) in enumerate(pairwise(stated)):
        if far[place] and far[place + 1] and (earlier or 0) < (later or 0):
            yield from (place, place + 1)


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
