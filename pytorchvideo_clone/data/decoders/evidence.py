"""What a file says of its own size: the evidence that some of it is missing.

That frames are uneven, that sound is longer than the frames, or that there are zeros between two
packets is none: recorders drop frames, and containers have elements that fill.
"""

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from pytorchvideo_clone.data.files import FileView, open_file

__all__ = ["Evidence", "asf_packets"]

ReadAt = Callable[[int, int], bytes]

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d010201")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_MXF_FILL = bytes.fromhex("0301021001000000")
_EBML_VOID = 0xEC
_TS_PACKET = 188
_MOST_CHUNKS = 10_000  # fragments of an mp4 that are looked at
_FILLER_REACH = 1 << 16  # bytes before zeros where the element that they fill may begin


class Evidence:
    """What a file states of its size, and where it has zeros to fill.

    Args:
        container: FFmpeg's name of it.
        source: a local path, or a view of an open file.
    """

    def __init__(self, container: str, source: str | FileView) -> None:
        self._container = container
        self._source = source
        self._stated: tuple[int, int | None] | None = None

    @property
    def of_cut(self) -> str | None:
        """Why the file must have been longer; None if nothing says so."""
        reader = _READERS.get(self._container)
        if reader is None:
            return None
        with suppress(OSError):  # it may be gone by now
            size = self.size
            if self._stated is None or self._stated[0] != size:  # it may be cut while it is open
                self._stated = size, reader(size, self.read)
            stated = self._stated[1]
            if stated is not None and stated > size:
                return f"it states a size of {stated} bytes and has {size}"
        return None

    @property
    def size(self) -> int:
        """Bytes that there are."""
        if isinstance(self._source, str):
            return Path(self._source).stat().st_size
        position = self._source.tell()
        size = self._source.seek(0, os.SEEK_END)
        self._source.seek(position)
        return size

    def read(self, position: int, size: int) -> bytes:
        """Give the bytes at a place, fewer at the end."""
        if isinstance(self._source, str):
            with open_file(self._source) as file:
                file.seek(position)
                return file.read(size)
        view = FileView(cast(BinaryIO, self._source))
        view.seek(position)
        return view.read(size) or b""

    def fills(self, begin: int, end: int, limit: int) -> bool:
        """Say whether zeros in [begin, end) of the file may be there to fill.

        Args:
            begin: where they begin.
            end: where they end.
            limit: where the next packet begins.
        """
        if self._container == "mpegts":
            return end - begin < _TS_PACKET  # a hole would leave out the head of a packet
        find = _FILLERS.get(self._container)
        if find is None:
            return self._container not in _WITHOUT_FILLERS
        start = max(0, begin - _FILLER_REACH)
        element = find(self.read(start, end - start), begin - start)
        return element is not None and end <= start + element <= limit


def _junk(data: bytes, zeros: int) -> int | None:
    place = data.rfind(b"JUNK", 0, zeros)
    if place < 0:
        return None
    return place + 8 + int.from_bytes(data[place + 4 : place + 8], "little")


def _klv_fill(data: bytes, zeros: int) -> int | None:
    place = data.rfind(_MXF_FILL, 0, zeros + len(_MXF_FILL))
    if place < 0:
        return None
    length, header = _ber(data[place + 8 : place + 17])
    return place + 8 + header + length


def _void(data: bytes, zeros: int) -> int | None:
    # One byte names it, which other data have as well: the zeros must begin with its content.
    for place in range(max(0, zeros - 9), zeros):
        length, header = _vint(data[place + 1 : place + 9])
        begin = place + 1 + header
        if data[place] == _EBML_VOID and length is not None and begin >= zeros:
            return begin + length
    return None


def _riff(size: int, read_at: ReadAt) -> int | None:
    end = 0
    while end + 12 <= size and read_at(end, 4) == b"RIFF":  # longer ones have several
        length = int.from_bytes(read_at(end + 4, 4), "little")
        if length in (0, 0xFFFFFFFF):  # whoever wrote it was stopped before it said so
            return None
        end += 8 + length + length % 2
    return end or None


def _matroska(size: int, read_at: ReadAt) -> int | None:
    head = read_at(0, 4096)
    place = head.find(_SEGMENT)
    if not head.startswith(_EBML) or place < 0:
        return None
    length, header = _vint(head[place + 4 : place + 12])
    return None if length is None else place + 4 + header + length


def _mxf(size: int, read_at: ReadAt) -> int | None:
    head = read_at(0, 1 << 16)
    place = head.find(_MXF_PARTITION)
    if place < 0:
        return None
    _, header = _ber(head[place + 16 : place + 25])
    fields = place + 16 + header
    footer = int.from_bytes(head[fields + 24 : fields + 32], "big")
    return footer + 1 if footer else None


def _asf(size: int, read_at: ReadAt) -> int | None:
    head = read_at(0, 1 << 16)
    place = head.find(_ASF_FILE)
    if not head.startswith(_ASF_HEADER) or place < 0 or len(head) < place + 92:
        return None
    live = head[place + 88] & 1
    return None if live else int.from_bytes(head[place + 40 : place + 48], "little") or None


def asf_packets(evidence: Evidence) -> tuple[int, int]:
    """Where the data packets of an ASF begin, and the size of each; 0 if that differs."""
    head = evidence.read(0, 1 << 16)
    place, data = head.find(_ASF_FILE), head.find(_ASF_DATA)
    if place < 0 or data < 0:
        return 0, 0
    smallest, largest = head[place + 92 : place + 96], head[place + 96 : place + 100]
    return data + 50, int.from_bytes(smallest, "little") if smallest == largest else 0


def _mp4(size: int, read_at: ReadAt) -> int | None:
    end = 0
    for _ in range(_MOST_CHUNKS):
        head = read_at(end, 16)
        if end >= size or len(head) < 8:
            break
        length = int.from_bytes(head[:4], "big")
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16], "big")
        if length == 0 or not head[4:8].isalnum():  # up to the end, or no box
            return None
        if length < 8:
            return None
        end += length
    return end or None


def _flv(size: int, read_at: ReadAt) -> int | None:
    if size < 24:
        return None
    # Each tag is followed by its size; one that was cut is not.
    (last,) = struct.unpack(">I", read_at(size - 4, 4))
    begin = size - 4 - last
    if last < 11 or begin < 13:
        return size + 1
    tag = read_at(begin, 4)
    return size if 11 + int.from_bytes(tag[1:4], "big") == last else size + 1


def _vint(data: bytes) -> tuple[int | None, int]:
    """An EBML number and how many bytes it takes; None for "unknown"."""
    if not data or not data[0]:
        return None, 0
    count = 9 - data[0].bit_length()
    value = int.from_bytes(data[:count], "big") & ((1 << (7 * count)) - 1)
    return (None if value == (1 << (7 * count)) - 1 or len(data) < count else value), count


def _ber(data: bytes) -> tuple[int, int]:
    """A KLV length and how many bytes it takes."""
    if not data or data[0] < 0x80:
        return (data[0] if data else 0), 1
    count = data[0] & 0x7F
    return int.from_bytes(data[1 : 1 + count], "big"), 1 + count


_READERS = {
    "avi": _riff,
    "matroska,webm": _matroska,
    "mxf": _mxf,
    "asf": _asf,
    "mov,mp4,m4a,3gp,3g2,mj2": _mp4,
    "flv": _flv,
}
_FILLERS = {"avi": _junk, "mxf": _klv_fill, "matroska,webm": _void}
_WITHOUT_FILLERS = {"flv", "mov,mp4,m4a,3gp,3g2,mj2"}
