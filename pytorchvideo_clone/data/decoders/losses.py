"""Bytes of a file that belong to no packet: there was one, which damage has made unreadable.

Readers search for the next packet that they understand and say nothing, so that AVI, which counts
its frames, is off by one from there on, and what follows in ASF builds on frames that are gone.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytorchvideo_clone.data.decoders.evidence import Evidence, asf_packets

if TYPE_CHECKING:
    from pytorchvideo_clone.data.decoders.packets import PacketReader

__all__ = ["PacketPlace", "has_its_index", "lost_before"]

_AVI_HEAD = 8  # bytes of a chunk's name and size
_AVI_INSIDE = {b"movi", b"rec ", b"AVI ", b"AVIX"}  # lists that are looked into
_AVI_OTHERS = (b"LIST", b"RIFF", b"JUNK", b"idx1", b"ix")
_ASF_HEADS = 64  # bytes of a data packet that are no frame's, at most


class PacketPlace(NamedTuple):
    """Where in the file a packet begins, None if that is not known, and its size in bytes."""

    pos: int | None
    size: int


def has_its_index(reader: "PacketReader") -> bool:
    """Say whether an AVI has an index of all the frames that it states, and that index is right."""
    entries = reader.stream.index_entries
    last = entries[-1] if len(entries) else None
    if last is None or last.timestamp + 1 < reader.stream.frames:
        return False
    head = reader.evidence.read(last.pos, _AVI_HEAD)
    return head[:2].isdigit() and int.from_bytes(head[4:], "little") == last.size


def lost_before(reader: "PacketReader", packets: Sequence[PacketPlace]) -> list[int]:
    """Give the numbers of the packets before which some were lost.

    Args:
        reader: of an AVI or ASF; other containers show their losses elsewhere.
        packets: of its video stream, in the order of the file.
    """
    find = _FINDERS.get(reader.container_name)
    try:
        return [] if find is None else list(find(reader, packets))
    except OSError:  # the file is gone by now
        return []


def _avi(reader: "PacketReader", packets: Sequence[PacketPlace]) -> Iterator[int]:
    place = 0
    for number, packet in enumerate(packets):
        if packet.pos is None:
            return
        if _after_chunks(reader.evidence, place, packet.pos - _AVI_HEAD) != packet.pos - _AVI_HEAD:
            yield number
        place = packet.pos + packet.size + packet.size % 2


def _after_chunks(evidence: Evidence, place: int, until: int) -> int:
    """Go from chunk to chunk, and say where the last one ends, or something else begins."""
    while place < until:
        head = evidence.read(place, _AVI_HEAD + 4)
        size = int.from_bytes(head[4:8], "little")
        if head[8:] in _AVI_INSIDE and head[:4] in (b"LIST", b"RIFF"):
            place += len(head)
        elif head.startswith(_AVI_OTHERS) or head[:2].isdigit():
            place += _AVI_HEAD + size + size % 2
        else:
            break
    return place


def _asf(reader: "PacketReader", packets: Sequence[PacketPlace]) -> Iterator[int]:
    """Look for data packets in which no frame begins, nor goes on."""
    covered, size = asf_packets(reader.evidence)
    begins = sorted((packet.pos or 0, packet.size) for packet in reader.all_packets())
    places = [packet.pos or 0 for packet in packets]
    numbers = sorted(range(len(places)), key=places.__getitem__)
    resumed = None  # where its reader went on after a loss: it says a place before that
    for pos, length in begins if size > _ASF_HEADS else []:
        if pos > covered or (pos - covered) % size:  # none of its own, or out of step
            if resumed is None:
                yield from numbers[bisect_left(numbers, pos, key=places.__getitem__) :][:1]
            resumed = pos if resumed is None else None
            covered = pos
        elif resumed not in (None, pos):
            resumed = None
        covered = max(covered, pos + (length // (size - _ASF_HEADS) + 1) * size)


_FINDERS: dict[str, Callable[["PacketReader", Sequence[PacketPlace]], Iterator[int]]] = {
    "avi": _avi,
    "asf": _asf,
}
