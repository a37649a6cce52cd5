"""What is missing from a video file, as its packets show: most codecs decode it to something.

A file that was not fetched whole has zeros for what is missing, or ends early.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import av

from pytorchvideo_clone.data.decoders.evidence import Evidence
from pytorchvideo_clone.data.video import VideoReadError

__all__ = [
    "MISSING",
    "MOST_MISSING",
    "PacketFacts",
    "Packets",
    "dependents",
    "facts_of",
    "grid_gaps",
    "holes_between",
    "packet_has_hole",
]

MISSING = "its data are missing"
MOST_MISSING = 1_000_000  # frames of a window, half a day at 24 a second

# These never write three zero bytes in a row; the others hardly ever many of them, and never at the
# begin of a packet.
_NEVER_ZEROS = {"h264", "hevc", "mpeg4"}
_HARDLY_ZEROS = {"vp8", "vp9", "av1", "libdav1d"}
_HOLE, _LARGE_HOLE, _EMPTY_END = bytes(64), bytes(512), bytes(8)
_MOST_READ = 1 << 22  # bytes between two packets that are looked through


class PacketFacts(NamedTuple):
    """What is to be known of a packet whose data are not kept; names are those of `av.Packet`."""

    pts: int | None
    dts: int | None
    pos: int | None
    size: int
    is_keyframe: bool
    is_discard: bool
    has_hole: bool
    ends_empty: bool


Packets = Sequence[av.Packet | PacketFacts]


def facts_of(packet: av.Packet, context: av.VideoCodecContext) -> PacketFacts:
    """Look at a packet of a decoder."""
    times = (packet.pts, packet.dts, packet.pos, packet.size)
    holes = (packet_has_hole(packet, context), _ends_empty(packet))
    return PacketFacts(*times, packet.is_keyframe, packet.is_discard, *holes)


def packet_has_hole(packet: av.Packet | PacketFacts, context: av.VideoCodecContext) -> bool:
    """Say whether data of a packet are missing.

    Args:
        packet: as the container gives it, or what is known of it.
        context: its decoder.
    """
    if isinstance(packet, PacketFacts):
        return packet.has_hole
    if packet.is_corrupt:
        return True
    data, codec = bytes(packet), context.name
    if codec in _NEVER_ZEROS:
        return _HOLE in data and not (_begins_units(context) and _only_trailing(data))
    return codec in _HARDLY_ZEROS and (data.startswith(_EMPTY_END) or _LARGE_HOLE in data)


def _begins_units(context: av.VideoCodecContext) -> bool:
    """Whether start codes separate units (Annex B), before which zeros may stand."""
    return context.name == "mpeg4" or not (context.extradata or b"").startswith(b"\1")


def _only_trailing(data: bytes) -> bool:
    """Whether all long runs of zeros in a packet end where a unit begins, or the packet ends."""
    place = data.find(_HOLE)
    while place >= 0:
        rest = data[place:].lstrip(b"\0")
        if rest and not rest.startswith(b"\1"):
            return False
        place = len(data) - len(rest)
        place = data.find(_HOLE, place) if rest else -1
    return True


def dependents(packets: Packets, place: int) -> Iterator[int]:
    """Give the place of a packet, and those of all whose frames may build on it.

    Those are all up to the next key frame, and those after it that are shown before it.
    """
    key: av.Packet | PacketFacts | None = None
    for later in range(place, len(packets)):
        packet = packets[later]
        if packet.is_keyframe and later > place:
            if key is not None:
                return
            key = packet
        elif key is None or packet.pts is None or key.pts is None or packet.pts < key.pts:
            yield later


def grid_gaps(stamps: list[int], gap: float, first: float, last: float) -> list[int]:
    """Give the times at which frames are missing that should begin every `gap`.

    Args:
        stamps: when frames begin, ascending.
        gap: from one to the next.
        first: from where.
        last: up to where, excluded.

    Raises:
        VideoReadError: if there are more than `MOST_MISSING`: one damaged time stamp, or the length
            in a header, can say that for years to come.

    >>> grid_gaps([0, 10, 21, 40], 10.0, first=0, last=60)
    [31, 50]
    """
    missing: list[int] = []
    for stamp, following in pairwise([*stamps, last]):
        begin = 1 if first <= stamp else max(1, int((first - stamp) / gap))
        numbers = range(begin, round((following - stamp) / gap))
        if len(missing) + len(numbers) > MOST_MISSING:
            raise VideoReadError(
                f"its time stamps or its header say that more than {MOST_MISSING} frames are "
                "missing; read it in shorter windows, or write it anew with ffmpeg -i FILE -c copy"
            )
        missing += [round(stamp + k * gap) for k in numbers]
    # `last` itself may lie up to half a gap after where a frame would begin.
    if stamps and last - max([stamps[-1], *missing]) > 1.25 * gap:
        missing.append(round(max([stamps[-1], *missing]) + gap))
    return missing


def holes_between(packets: Packets, end: int | None, evidence: Evidence) -> Iterator[int]:
    """Give the places of packets that follow on zeros, or end in them.

    Args:
        packets: in the order of the file.
        end: where in the file the next one begins; None if that is not known.
        evidence: of the file; zeros that fill are no hole.
    """
    begins = [packet.pos for packet in packets] + [end]
    for place, (packet, following) in enumerate(zip(packets, begins[1:], strict=True)):
        if packet.pos is None or following is None:
            continue
        after = packet.pos + packet.size
        size = min(following - after, _MOST_READ)
        if size >= len(_HOLE) and _has_hole(after, evidence.read(after, size), evidence):
            yield place if _ends_empty(packet) else place + 1


def _has_hole(position: int, data: bytes, evidence: Evidence) -> bool:
    begin = data.find(_HOLE)
    while begin >= 0:
        end = len(data) - len(data[begin:].lstrip(b"\0"))
        if not evidence.fills(position + begin, position + end, position + len(data)):
            return True
        begin = data.find(_HOLE, end)
    return False


def _ends_empty(packet: av.Packet | PacketFacts) -> bool:
    if isinstance(packet, PacketFacts):
        return packet.ends_empty
    return bytes(packet).endswith(_EMPTY_END)
