"""Frames that a file should have and has not, where the file itself shows that.

A refusal needs evidence: a size, an index or a count that the file states and does not keep, or
zeros where there should be a packet. A gap in time is none.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import av

from pytorchvideo_clone.data.decoders.holes import MISSING, Packets, grid_gaps, holes_between

if TYPE_CHECKING:
    from pytorchvideo_clone.data.decoders.packets import PacketReader

__all__ = ["cut_off", "gone_between"]

_INDEXED = {"avi", "mov,mp4,m4a,3gp,3g2,mj2"}  # their index has every packet
# Sound of other codecs may be zeros where nobody speaks.
_SILENT_WITHOUT_ZEROS = {"aac", "opus", "libopus", "vorbis", "flac"}


def cut_off(
    reader: "PacketReader",
    packets: Packets,
    after: av.Packet | None,
    stamps: set[int],
    first: float,
    last: float,
) -> dict[int, str]:
    """Give the stamps of frames that the file promises, but that lie beyond its end, with a cause.

    When each of them was to begin is not known: they are counted at the average rate.

    Args:
        reader: of the file.
        packets: of a window.
        after: the packet that follows on them, None at the end of the file.
        stamps: of the window's frames.
        first: where the window begins.
        last: where it ends.
    """
    reached, gap = packets[-1].dts, reader.gap
    if after is not None or reached is None or gap is None:
        return {}
    entries = reader.stream.index_entries
    promised = entries[-1].timestamp if len(entries) and reader.container_name in _INDEXED else None
    evidence = reader.evidence.of_cut or reader.broken
    if promised is not None and reached < promised and reader.timeline is None:
        evidence = evidence or "its index has more packets"
    if evidence is None:
        return {}
    end = reader.start_pts + reader.duration / reader.time_base
    if promised is not None and reader.timeline is None:
        end = max(end, promised + gap)
    end = max(end, max(stamps) + 2 * gap)  # one frame at least
    # No frame is shown before it is decoded: all up to `reached` are there.
    later = sorted(stamp for stamp in stamps if stamp >= reached) or [max(stamps)]
    cause = f"the file is cut off at about {reader.seconds(reached):.3f} s: {evidence}"
    return dict.fromkeys(grid_gaps(later, float(gap), first, min(last, float(end))), cause)


def gone_between(
    reader: "PacketReader",
    damage: dict[int, str],
    packets: Packets,
    after: av.Packet | None,
    stamps: set[int],
    first: float,
    last: float,
) -> list[int]:
    """Find whole packets that are gone, where zeros or an index show that.

    Their frames are added to `damage`.

    Containers without an index go on at the next packet that they find, and its stamp alone tells
    that some are missing before it.

    Args:
        reader: of the file.
        damage: stamp -> cause, written in place.
        packets: of a window.
        after: the packet that follows on them, None at the end of the file.
        stamps: of the window's frames.
        first: where the window begins.
        last: where it ends.

    Returns:
        The places of the packets that follow on what is gone: others may build on it.
    """
    gap = reader.gap
    if gap is None or not reader.even or reader.container_name == "mov,mp4,m4a,3gp,3g2,mj2":
        return []
    known = sorted(stamps | damage.keys())
    end = known[-1] if after is None else last
    sounds = {
        stream.codec_context.name
        for stream in reader.container.streams.audio
        if stream.codec_context is not None
    }
    if all(round((b - a) / gap) < 2 for a, b in pairwise([*known, end])):
        return []
    places = list(_not_as_indexed(reader, packets))
    file_end = reader.container.size if after is None else after.pos
    if not places and sounds <= _SILENT_WITHOUT_ZEROS:
        with suppress(OSError):  # the file may be gone by now
            places = list(holes_between(packets, file_end, reader.evidence))
    if places:
        damage.update(dict.fromkeys(grid_gaps(known, float(gap), first, end), MISSING))
    return places


def _not_as_indexed(reader: "PacketReader", packets: Packets) -> Iterator[int]:
    """Places of packets before which the index of an AVI, which counts frames, has others."""
    entries = reader.stream.index_entries
    if reader.container_name != "avi" or reader.timeline is not None:
        return
    for place, (packet, following) in enumerate(pairwise(packets)):
        if packet.dts is None or following.dts is None:
            continue
        number = 1 + entries.search_timestamp(packet.dts, any_frame=True)
        entry = entries[number] if 0 < number < len(entries) else None
        # A frame that was dropped has no entry, or one of no bytes.
        if entry and entry.size and packet.dts < entry.timestamp < following.dts:
            yield place + 1
