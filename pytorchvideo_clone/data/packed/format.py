"""The bytes of a packed store, as website/docs/packed_format.md describes them."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from pytorchvideo_clone.data.video import VideoReadError

__all__ = [
    "INDEX",
    "KEY",
    "PACKET",
    "REFERENCED",
    "VERSION",
    "Codec",
    "Record",
    "RecordHeader",
    "StoreError",
    "join_record",
    "split_record",
]

VERSION = 1
Codec = Literal["h264", "jpeg"]

MAGIC = b"PTVPACK1"
KEY, REFERENCED = 1, 2
# One row a packet, in decoding order; offsets count from the begin of the packets.
PACKET = np.dtype(
    [("pts", "<i8"), ("offset", "<u8"), ("size", "<u4"), ("crc32", "<u4"), ("flags", "<u4")]
)
# One row a video; `crc32` is of its record up to the packets, `name_end` counts in names.bin.
INDEX = np.dtype(
    [
        ("shard", "<u4"),
        ("crc32", "<u4"),
        ("offset", "<u8"),
        ("length", "<u8"),
        ("label", "<i8"),
        ("duration", "<f8"),
        ("name_end", "<u8"),
    ]
)


class StoreError(VideoReadError):
    """A packed store that is not whole, or whose bytes are not those that were written."""


@dataclass(frozen=True)
class RecordHeader:
    """What a record says of its video.

    Attributes:
        codec: "h264" or "jpeg".
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.
        time_base: seconds a tick of the packets' pts, as numerator and denominator.
        start_pts: ticks at the begin of the video.
        rate: frames a second that the source states, as numerator and denominator, or None.
        duration: seconds, as numerator and denominator.
        num_packets: rows of the packet table.
        audio_bytes: length of the sound, a NUT file; 0 for none.
        audio_crc32: checksum of the sound.
        audio_start: seconds from the begin of the video to the first packet of the sound, as
            numerator and denominator.
    """

    codec: Codec
    height: int
    width: int
    time_base: Sequence[int]
    start_pts: int
    rate: Sequence[int] | None
    duration: Sequence[int]
    num_packets: int
    audio_bytes: int = 0
    audio_crc32: int = 0
    audio_start: Sequence[int] = (0, 1)


@dataclass(frozen=True)
class Record:
    """One video of a store.

    Attributes:
        header: what it is.
        packets: table of `PACKET`.
        audio: a NUT file, or nothing.
        payload: the packets.
    """

    header: RecordHeader
    packets: np.ndarray
    audio: memoryview
    payload: memoryview


def join_record(
    header: RecordHeader, packets: np.ndarray, audio: bytes, payload: bytes
) -> tuple[bytes, int]:
    """Write a record.

    Returns:
        Its bytes, and the checksum of what stands before sound and packets.
    """
    text = json.dumps(asdict(header), separators=(",", ":")).encode()
    head = b"".join([MAGIC, len(text).to_bytes(8, "little"), text, packets.tobytes()])
    return b"".join([head, audio, payload]), zlib.crc32(head)


def split_record(view: memoryview, crc32: int, name: str) -> Record:
    """Read a record.

    Args:
        view: its bytes.
        crc32: the checksum that the index has of its head.
        name: of the video, for errors.

    Raises:
        StoreError: if the head is not what was written.
    """
    size = int.from_bytes(view[8:16], "little")
    try:
        if view[:8] != MAGIC:
            raise ValueError("it does not begin as a record")
        fields: dict[str, Any] = json.loads(bytes(view[16 : 16 + size]))
        header = RecordHeader(**fields)
        _check(header)
        table_end = 16 + size + header.num_packets * PACKET.itemsize
        if zlib.crc32(view[:table_end]) != crc32:
            raise ValueError("its checksum is wrong")
        audio_end = table_end + header.audio_bytes
        if audio_end > len(view):
            raise ValueError("it is shorter than it says")
        packets = np.frombuffer(view[16 + size : table_end], PACKET)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"the table of its packets is damaged in the store ({error})", name
        ) from error
    return Record(header, packets, view[table_end:audio_end], view[audio_end:])


def _check(header: RecordHeader) -> None:
    """Refuse a header that describes no video."""
    if header.codec not in get_args(Codec):
        raise ValueError(f"its codec is {header.codec!r}")
    for name, least in (("height", 1), ("width", 1), ("num_packets", 0), ("audio_bytes", 0)):
        value = getattr(header, name)
        if not isinstance(value, int) or value < least:
            raise ValueError(f"its {name} is {value!r}")
    if not isinstance(header.start_pts, int):
        raise ValueError(f"its start_pts is {header.start_pts!r}")
    for name, above in (("time_base", 0), ("duration", -1), ("rate", 0), ("audio_start", None)):
        value = getattr(header, name)
        if value is None and name == "rate":
            continue
        number, whole = value
        if not (isinstance(number, int) and isinstance(whole, int) and whole > 0):
            raise ValueError(f"its {name} is {value!r}")
        if above is not None and number <= above:
            raise ValueError(f"its {name} is {value!r}")
