"""Open a packed store: a list of videos, and the bytes of each."""

import contextlib
import functools
import json
import mmap
import os
import zlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.packed.format import (
    INDEX,
    VERSION,
    Record,
    StoreError,
    split_record,
)

__all__ = ["SUFFIX", "PackedStore", "open_store", "split_path", "video_path"]

SUFFIX = ".ptvpack"


def video_path(store: files.PathLike, number: int) -> str:
    """Give the path by which a video of a store is opened.

    >>> video_path("k400.ptvpack", 7)
    'k400.ptvpack#7'
    """
    return f"{os.fspath(store)}#{number}"


def split_path(path: files.PathLike) -> tuple[str, int] | None:
    """Give the store and the number that a path names; None if it is another kind of path.

    >>> split_path("k400.ptvpack#7")
    ('k400.ptvpack', 7)
    """
    store, _, number = os.fspath(path).rpartition("#")
    return (store, int(number)) if store.endswith(SUFFIX) and number.isdecimal() else None


class PackedStore:
    """The videos of a packed store, mapped into memory and not read before they are needed.

    Args:
        path: the folder; a URL works too, and is read in pieces.

    Attributes:
        path: as given.
        about: what store.json says.

    Raises:
        StoreError: if it is no store, was not finished, or its index is damaged.
    """

    def __init__(self, path: files.PathLike) -> None:
        self.path = os.fspath(path).rstrip("/")
        self.about = self._read_about()
        self._index = np.frombuffer(self._checked("index"), INDEX)
        self._names = self._checked("names")
        self._shards: dict[int, Any] = {}
        self._check_index()

    def __len__(self) -> int:
        return len(self._index)

    @property
    def class_names(self) -> list[str] | None:
        """The name of each label, if the videos came from class folders; else None."""
        return self.about["class_names"]

    def name(self, number: int) -> str:
        """The path of the file that a video was packed from."""
        begin = int(self._index["name_end"][number - 1]) if number else 0
        return self._names[begin : int(self._index["name_end"][number])].decode(
            "utf-8", "surrogateescape"
        )

    def label(self, number: int) -> int:
        """The label of a video; -1 for none."""
        return int(self._index["label"][number])

    def duration(self, number: int) -> float:
        """The length of a video in seconds."""
        return float(self._index["duration"][number])

    def record(self, number: int) -> Record:
        """Open a video.

        Raises:
            IndexError: if there is no such video.
            StoreError: if the table of its packets is damaged.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path} has no video {number}; it has {len(self)}.")
        row = self._index[number]
        begin, length = int(row["offset"]), int(row["length"])
        data = self._bytes(int(row["shard"]), begin, length)
        return split_record(data, int(row["crc32"]), f"{self.path}#{number} ({self.name(number)})")

    def verify(self) -> Iterator[tuple[str, str]]:
        """Read every byte; give (video, what is wrong) for each that is not as it was written."""
        for number in range(len(self)):
            name = f"{self.name(number)} ({video_path(self.path, number)})"
            try:
                record = self.record(number)
            except StoreError as error:
                yield name, error.cause
                continue
            if zlib.crc32(record.audio) != record.header.audio_crc32:
                yield name, "its sound is damaged"
            for place, row in enumerate(record.packets):
                begin = int(row["offset"])
                data = record.payload[begin : begin + int(row["size"])]
                if len(data) != row["size"] or zlib.crc32(data) != row["crc32"]:
                    yield name, f"packet {place} of {len(record.packets)} is damaged"

    def _bytes(self, shard: int, begin: int, length: int) -> memoryview:
        name = f"{self.path}/{self.about['shards'][shard]['name']}"
        if shard not in self._shards:
            with _as_store_error(name):
                self._shards[shard] = _open_shard(name)
        data = self._shards[shard]
        if isinstance(data, mmap.mmap):
            part = memoryview(data)[begin : begin + length]
        else:
            data.seek(begin)
            part = memoryview(data.read(length))
        if len(part) != length:
            raise StoreError("it is cut off", name)
        return part

    def _read_about(self) -> dict[str, Any]:
        name = f"{self.path}/store.json"
        try:
            with files.open_file(name) as file:
                about = json.loads(file.read())
        except FileNotFoundError:
            raise StoreError(
                "it is no packed store, or the packing was not finished (repeat the command and it "
                "goes on); there is no store.json",
                self.path,
            ) from None
        except ValueError as error:
            raise StoreError(f"store.json is damaged ({error})", self.path) from error
        crc32 = about.pop("crc32", None) if isinstance(about, dict) else None
        if crc32 is None or crc32 != checksum_of(about):
            raise StoreError("store.json is damaged (its checksum is wrong)", self.path)
        if not isinstance(about.get("version"), int):
            raise StoreError("store.json is damaged (it says no version)", self.path)
        if about["version"] > VERSION:
            raise StoreError(
                f"it has version {about['version']} of the format, and this program knows up to "
                f"{VERSION}: update pytorchvideo_clone",
                self.path,
            )
        try:
            _check_about(about)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"store.json is damaged ({error!r})", self.path) from error
        return about

    def _check_index(self) -> None:
        """Refuse an index that leads out of the files."""
        index, sizes = self._index, [shard["bytes"] for shard in self.about["shards"]]
        wrong = index["shard"] >= len(sizes)
        ends = np.array([*sizes, 0], np.uint64)[np.minimum(index["shard"], len(sizes))]
        wrong |= (index["offset"] > ends) | (index["length"] > ends - index["offset"])
        wrong |= (index["name_end"] > len(self._names)) | ~(index["duration"] >= 0)
        wrong[1:] |= index["name_end"][1:] < index["name_end"][:-1]
        if wrong.any():
            row = int(wrong.argmax())
            raise StoreError(f"its index is damaged (row {row} leads out of its files)", self.path)

    def _checked(self, part: str) -> bytes:
        entry = self.about[part]
        name = f"{self.path}/{entry['name']}"
        with _as_store_error(name), files.open_file(name) as file:
            data = file.read(entry["bytes"] + 1)
        if len(data) != entry["bytes"] or zlib.crc32(data) != entry["crc32"]:
            raise StoreError(f"{entry['name']} is damaged (its checksum is wrong)", self.path)
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]


@functools.lru_cache(maxsize=8)
def open_store(path: str) -> PackedStore:
    """Give the store at `path`, opened once a process; what is mapped is shared through a fork.

    Raises:
        StoreError: as `PackedStore`.
    """
    return PackedStore(path)


def checksum_of(about: dict[str, Any]) -> int:
    """The checksum of store.json, of its entries but the checksum."""
    return zlib.crc32(json.dumps(about, sort_keys=True, separators=(",", ":")).encode())


def _check_about(about: dict[str, Any]) -> None:
    """Refuse what names no files of the store, or is of another form."""
    for entry in (about["index"], about["names"], *about["shards"]):
        name, size = entry["name"], entry["bytes"]
        if not isinstance(name, str) or PurePath(name).name != name or "\\" in name:
            raise ValueError(f"{name!r} is no name of a file in the store")
        if not isinstance(size, int) or not 0 <= size < 2**63:
            raise ValueError(f"{name} has {size!r} bytes")
    if about["index"]["bytes"] % INDEX.itemsize:
        raise ValueError("the index is no table")
    names = about["class_names"]
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        raise ValueError("class_names are no list of texts")


@contextlib.contextmanager
def _as_store_error(name: str) -> Iterator[None]:
    """Say of a file of a store that it is not there, or is none."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise StoreError(f"the store is not whole ({error.strerror or error})", name) from error
    except ValueError as error:  # mmap's, of an empty file
        raise StoreError(f"it is empty ({error})", name) from error


def _open_shard(name: str) -> Any:
    try:
        local = files.local_path(name)
    except NotImplementedError:  # the scheme offers open files only
        return files.open_file(name)
    with files.open_file(local) as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
