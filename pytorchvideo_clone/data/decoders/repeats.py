"""Packets that a file has twice, one shortly after the other: sent again, or written again."""

from collections import deque
from collections.abc import Iterable, Iterator

import av

__all__ = ["without_repeats"]

_REACH = 16  # packets; of streams that are joined, each is taken to be longer


def without_repeats(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """Leave out packets with the times and the data of one shortly before them.

    A decoder would show their frames twice, and predict what follows from the wrong ones.

    Args:
        packets: in the order of the file; the times of one that was given may be changed.
    """
    recent: deque[tuple[tuple[int | None, int], av.Packet]] = deque(maxlen=_REACH)
    for packet in packets:
        what = packet.pts, packet.size
        if packet.pts is not None and any(
            what == earlier and bytes(packet) == bytes(other) for earlier, other in recent
        ):
            continue
        recent.append((what, packet))
        yield packet
