"""What a scan found: a csv file, a row a video."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO

from pytorchvideo_clone._whole import written_whole
from pytorchvideo_clone.data import files

__all__ = [
    "ScannedVideo",
    "append_row",
    "is_manifest",
    "open_manifest",
    "read_manifest",
    "rows_of",
    "write_manifest",
]


@dataclass(frozen=True)
class ScannedVideo:
    """One row of a manifest.

    Attributes:
        path: path or URL, as the data set has it.
        label: number of the class; -1 for none.
        class_name: its name, where the videos came from class folders.
        duration: seconds from the begin of the first frame to the end of the last.
        fps: average frames a second.
        height: of an upright picture, in pixels.
        width: of an upright picture, in pixels.
        codec: of the pictures, in FFmpeg's word.
        num_frames: how many there are.
        audio_codec: of the sound; empty if there is none.
        size: of the file, in bytes; 0 where it is not on this machine.
        modified: when it was changed last, in nanoseconds; 0 where it is not on this machine.
        check: how it was looked at, as in `scan_videos`.
        cause: why it cannot be read; empty if it can.
    """

    path: str
    label: int = -1
    class_name: str = ""
    duration: float = 0
    fps: float = 0
    height: int = 0
    width: int = 0
    codec: str = ""
    num_frames: int = 0
    audio_codec: str = ""
    size: int = 0
    modified: int = 0
    check: str = "ends"
    cause: str = ""


_HEADER = b"path,label,class_name,duration,"  # what a manifest begins with


def is_manifest(path: files.PathLike) -> bool:
    """Say whether a file is what `scan_videos` wrote."""
    with files.open_file(path) as file:
        return file.read(len(_HEADER)) == _HEADER


def read_manifest(manifest: files.PathLike) -> list[ScannedVideo]:
    """Read what `scan_videos` wrote.

    Raises:
        ValueError: if a row is not one of a manifest.
    """
    with open_manifest(manifest, "rb") as file:
        return list(rows_of(file, os.fspath(manifest)))


def open_manifest(path: files.PathLike, mode: str) -> io.TextIOWrapper:
    """Open a manifest as text; names of files that are no UTF-8 pass through as they are.

    Args:
        path: path or URL.
        mode: "rb", "ab" or "wb".
    """
    file = files.open_file(path, mode)
    return io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")


def rows_of(file: IO[str], name: str) -> Iterator[ScannedVideo]:
    """Read the rows of an open manifest.

    Raises:
        ValueError: if one is no row of a manifest.
    """
    names = [field.name for field in fields(ScannedVideo)]
    table = csv.reader(file)
    for number, row in enumerate(table, 1):
        if row == names:
            continue
        if number == 1 or len(row) != len(names):
            raise ValueError(
                f"{name}, line {number} is no row of a manifest: {row!r}. Write it with "
                "scan_videos."
            )
        try:
            yield ScannedVideo(
                *(field.type(value) for field, value in zip(fields(ScannedVideo), row, strict=True))  # type: ignore[operator]
            )
        except ValueError as error:
            raise ValueError(f"{name}, line {number} is no row of a manifest: {error}.") from None


def append_row(file: IO[str], row: ScannedVideo) -> None:
    """Add a row to an open manifest, on the disk at once."""
    table = csv.writer(file)
    if file.tell() == 0:
        table.writerow(field.name for field in fields(ScannedVideo))
    table.writerow(astuple(row))
    file.flush()


def write_manifest(path: Path, rows: Iterable[ScannedVideo]) -> None:
    """Write a manifest in one step: nobody ever sees half of it."""
    with written_whole(path) as new, open_manifest(new, "wb") as file:
        table = csv.writer(file)
        table.writerow(field.name for field in fields(ScannedVideo))
        table.writerows(astuple(row) for row in rows)
