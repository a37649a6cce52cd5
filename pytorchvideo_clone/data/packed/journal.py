"""The part of a packed store that is not finished yet."""

import json
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from pytorchvideo_clone._whole import to_disk, write_whole
from pytorchvideo_clone.data.packed.encode import PackedVideoBytes

__all__ = ["Journal"]

_ROW = {"shard", "offset", "length", "crc32", "duration"}  # of a video that was packed


class Journal:
    """What an unfinished store holds, written after each video so that a kill loses one at most.

    While it is entered no other process can enter one of the same folder.

    Attributes:
        rows: one a video of the source: where its record is, or why there is none.
    """

    NAME = "unfinished.jsonl"

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self._folder = folder
        self._path = folder / self.NAME
        self._plan = plan
        self.rows: list[dict[str, Any]] = []
        self._shard: BinaryIO | None = None
        self._number = self._end = 0  # of the shard that is written
        self._lock: int | None = None

    def __enter__(self) -> "Journal":
        self._lock = _lock(self._folder)
        try:
            self._resume()
        except BaseException:
            self._unlock()
            raise
        return self

    def add(self, encoded: PackedVideoBytes | str, shard_bytes: int) -> None:
        """Append the record of the next video, or why there is none."""
        if isinstance(encoded, str):
            self._note({"cause": encoded})
            return
        length = len(encoded.record)
        if self._end and self._end + length > shard_bytes:
            self.close_shard()
            self._number, self._end = self._number + 1, 0
        if self._shard is None:
            self._shard = (self._folder / _shard_name(self._number)).open("ab")
        self._shard.write(encoded.record)
        self._shard.flush()
        self._note(
            {
                "shard": self._number,
                "offset": self._end,
                "length": length,
                "crc32": encoded.crc32,
                "whole_crc32": zlib.crc32(encoded.record),
                "duration": encoded.duration,
                **({"lost_sound": encoded.lost_sound} if encoded.lost_sound else {}),
            }
        )
        self._end += length

    def close_shard(self) -> None:
        """Let the last shard be safe from a loss of power; more calls do nothing."""
        if self._shard is not None:
            self._shard.close()
            to_disk(self._folder / _shard_name(self._number))
        self._shard = None

    def __exit__(self, *_: object) -> None:
        self.close_shard()
        self._lines.close()
        self._unlock()

    def _resume(self) -> None:
        """Take up what an earlier call left."""
        lines = _whole_lines(self._path)
        if lines and lines[0] != self._plan:
            raise ValueError(
                f"{self._folder} was begun with another list of videos or other settings; repeat "
                "it with those, or remove the folder."
            )
        self.rows = _kept(lines[1:], self._folder)
        ends: dict[int, int] = {}
        for row in self.rows:
            if "shard" in row:
                ends[row["shard"]] = row["offset"] + row["length"]
        for file in self._folder.glob("shard-*.bin"):
            number = int(file.stem.removeprefix("shard-"))
            if number in ends:
                os.truncate(file, ends[number])
            else:
                file.unlink()
        self._number = max(ends, default=0)
        self._end = ends.get(self._number, 0)
        # Written anew, without a line that was cut off.
        write_whole(
            self._path, "".join(json.dumps(line) + "\n" for line in [self._plan, *self.rows])
        )
        self._lines = self._path.open("a", encoding="utf-8")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def _note(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self._lines.write(json.dumps(row) + "\n")
        self._lines.flush()


def _lock(folder: Path) -> int | None:
    """Hold a folder until the handle is closed or the process ends; None where that is not known.

    Raises:
        ValueError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise ValueError(
            f"another process is packing into {folder}; wait for it, or give another name. (In a "
            'script of your own, pack below `if __name__ == "__main__":`.)'
        ) from None
    except OSError:  # some file systems have no locks
        os.close(handle)
        return None
    return handle


def _kept(rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The rows up to the first whose record is not all there, as after a loss of power.

    Shards before the last one were on the disk when that began; the records of the last are read.
    """
    last = max((row["shard"] for row in rows if "shard" in row), default=0)
    for place, row in enumerate(rows):
        if "shard" in row:
            shard = folder / _shard_name(row["shard"])
            if not shard.exists() or shard.stat().st_size < row["offset"] + row["length"]:
                return rows[:place]
            if row["shard"] == last and _crc_of(shard, row) != row.get("whole_crc32"):
                return rows[:place]
    return rows


def _crc_of(shard: Path, row: dict[str, Any]) -> int:
    with shard.open("rb") as file:
        file.seek(row["offset"])
        return zlib.crc32(file.read(row["length"]))


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines up to the first that is not as it was written, as after a loss of power."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for text in path.read_bytes().split(b"\n")[:-1]:
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not isinstance(line, dict) or (
            lines and not ({"cause"} <= line.keys() or line.keys() >= _ROW)
        ):
            break
        lines.append(line)
    return lines


def _shard_name(number: int) -> str:
    return f"shard-{number:05}.bin"
