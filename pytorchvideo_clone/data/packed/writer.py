"""Pack videos into a store."""

import csv
import hashlib
import io
import json
import os
import pickle
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone._whole import to_disk, write_whole
from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.splits import read_labeled_videos
from pytorchvideo_clone.data.packed.encode import PackedVideoBytes, encode_video
from pytorchvideo_clone.data.packed.format import INDEX, VERSION, Codec, StoreError
from pytorchvideo_clone.data.packed.journal import Journal
from pytorchvideo_clone.data.packed.store import SUFFIX, PackedStore, checksum_of
from pytorchvideo_clone.data.processes import start_pool
from pytorchvideo_clone.data.video import VideoReadError

__all__ = ["PackReport", "PackSettings", "pack_videos"]

Encoded = PackedVideoBytes | str  # a record, or why there is none
_QUALITY: dict[Codec, int] = {"h264": 18, "jpeg": 90}


@dataclass(frozen=True)
class PackSettings:
    """How videos are packed.

    Args:
        codec: "h264", 1.5 times as large as the sources, or "jpeg", several times as large and
            faster still to read.
        short_side: pixels to which a longer short side is scaled; None keeps the size.
        quality: x264's constant rate factor or JPEG's quality; None takes 18 or 90.
        audio: whether to copy the sound.
        shard_bytes: a new file begins once one is this large.

    Raises:
        ValueError: if one of them is out of its range.
    """

    codec: Codec = "h264"
    short_side: int | None = 256
    quality: int | None = None
    audio: bool = True
    shard_bytes: int = 2**30

    def __post_init__(self) -> None:
        if self.codec not in _QUALITY:
            known = " or ".join(map(repr, _QUALITY))
            raise ValueError(f"codec is {self.codec!r}; it must be {known}.")
        for name, value in (("short_side", self.short_side), ("shard_bytes", self.shard_bytes)):
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; it must be positive.")


@dataclass(frozen=True)
class PackReport:
    """What became of the videos.

    Attributes:
        packed: how many are in the store.
        resumed: how many of them an earlier, interrupted call had packed.
        left_out: path and cause of each that could not be read.
        without_sound: path and cause of each that is packed without its sound.
        source_bytes: size of the packed sources that are files on this machine.
        store_bytes: size of the store.
    """

    packed: int
    resumed: int
    left_out: list[tuple[str, str]]
    without_sound: list[tuple[str, str]]
    source_bytes: int
    store_bytes: int


def pack_videos(
    source: files.PathLike,
    destination: files.PathLike,
    settings: PackSettings | None = None,
    *,
    num_workers: int | None = None,
    engine: Literal["processes", "ray"] = "processes",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackReport:
    """Pack the videos of a folder or list into a store for fast random access.

    A call that was interrupted, at any moment, goes on when it is repeated, to the same bytes. A
    store counts as one only when it is whole. Videos that cannot be read, or take their process
    with them, are left out and listed in `left_out.csv`, those whose sound cannot be kept in
    `without_sound.csv`.

    Args:
        source: a folder with one folder of videos a class, or of videos alone, or a list.
        destination: the folder to make; its name ends in ".ptvpack".
        settings: by default `PackSettings()`.
        num_workers: processes; by default one a core.
        engine: where to encode: processes of this machine, or Ray Data on a cluster.
        on_progress: called with the numbers of videos done and of all.

    Raises:
        FileNotFoundError: if there is nothing at `source`.
        ValueError: if the name of the store is unfit, or an interrupted one was made of another
            list or with other settings.
        StoreError: if no video could be read.
    """
    settings = settings or PackSettings()
    folder = Path(destination)
    if folder.suffix != SUFFIX:
        raise ValueError(f"the store is {str(folder)!r}; its name must end in {SUFFIX}.")
    if engine not in _ENGINES:
        known = " or ".join(map(repr, _ENGINES))
        raise ValueError(f"engine is {engine!r}; it must be {known}.")
    videos = read_labeled_videos(source)
    rows = [videos[index] for index in range(len(videos))]
    plan = _plan(rows, settings, videos.class_names)
    if (folder / "store.json").exists():
        return _whole_already(folder, plan, rows)
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(folder, plan) as journal:
        resumed = len(journal.rows)
        on_progress(resumed, len(rows))
        todo = [path for path, _ in rows[resumed:]]
        encode = _Encode(settings)
        for encoded in _ENGINES[engine](encode, todo, num_workers):
            journal.add(encoded, settings.shard_bytes)
            on_progress(len(journal.rows), len(rows))
        journal.close_shard()
        _finish(folder, plan, journal.rows, rows)
    (folder / Journal.NAME).unlink()
    report = _report(folder, rows)
    return PackReport(**{**asdict(report), "resumed": min(resumed, report.packed)})


@dataclass(frozen=True)
class _Encode:
    """Encode the video at a path: a record, or the cause of its failure."""

    settings: PackSettings

    def __call__(self, path: str) -> Encoded:
        settings = self.settings
        quality = _QUALITY[settings.codec] if settings.quality is None else settings.quality
        try:
            return encode_video(path, settings.codec, settings.short_side, quality, settings.audio)
        except VideoReadError as error:
            return error.cause
        except FileNotFoundError:
            return "there is no such file"
        except OSError as error:
            return error.strerror or str(error)
        except ImportError:  # what is missing is missing for all
            raise
        except Exception as error:  # whatever a library makes of one file must not stop the rest
            return f"{type(error).__name__}: {error}"


def _with_processes(
    encode: _Encode, paths: Sequence[str], num_workers: int | None
) -> Iterator[Encoded]:
    """Encode in processes; results come in the order of `paths`, few at a time in memory."""
    workers = num_workers or os.cpu_count() or 1
    done = suspects = 0  # the next `suspects` were being encoded when a process died: one by one
    while done < len(paths):
        alone = suspects > 0
        part = paths[done : done + suspects] if alone else paths[done:]
        try:
            for encoded in _in_pool(encode, part[:1] if alone else part, 1 if alone else workers):
                yield encoded
                done, suspects = done + 1, suspects - alone
        except BrokenProcessPool:
            if alone:
                yield "the decoder crashed the process"
                done, suspects = done + 1, suspects - 1
            else:
                suspects = min(2 * workers + 1, len(paths) - done)


def _in_pool(encode: _Encode, paths: Sequence[str], workers: int) -> Iterator[Encoded]:
    with start_pool(workers, preload=__name__) as pool:
        running: deque[Future[Encoded]] = deque()
        try:
            for path in paths:
                running.append(pool.submit(encode, path))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _with_ray(encode: _Encode, paths: Sequence[str], num_workers: int | None) -> Iterator[Encoded]:
    """Encode with Ray Data, on as many machines as the cluster has."""
    data = optional_import("ray.data", extra="ray")
    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    table = data.from_items([{"path": path} for path in paths], override_num_blocks=len(paths))
    rows = table.map(
        lambda row: {"encoded": pickle.dumps(encode(row["path"]))},
        compute=data.TaskPoolStrategy(size=num_workers),
    )
    for row in rows.iter_rows():
        yield pickle.loads(row["encoded"])


_ENGINES: dict[str, Callable[[_Encode, Sequence[str], int | None], Iterator[Encoded]]] = {
    "processes": _with_processes,
    "ray": _with_ray,
}


def _plan(
    rows: Sequence[tuple[str, dict[str, Any]]],
    settings: PackSettings,
    class_names: list[str] | None,
) -> dict[str, Any]:
    """What an interrupted call must have in common with the one that goes on."""
    listed = "".join(f"{path}\0{info['label']}\n" for path, info in rows)
    return {
        "version": VERSION,
        "settings": asdict(settings),
        "videos": len(rows),
        "list": hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest(),
        "class_names": class_names,
    }


def _finish(
    folder: Path,
    plan: dict[str, Any],
    journal: Sequence[dict[str, Any]],
    rows: Sequence[tuple[str, dict[str, Any]]],
) -> None:
    """Write the index, and last of all what makes it a store."""
    index, names, left_out, without_sound = [], bytearray(), [], []
    for entry, (path, info) in zip(journal, rows, strict=True):
        if "cause" in entry:
            left_out.append((path, entry["cause"]))
            continue
        if "lost_sound" in entry:
            without_sound.append((path, entry["lost_sound"]))
        names += path.encode("utf-8", "surrogateescape")
        label = -1 if info["label"] is None else info["label"]
        place = (entry["shard"], entry["crc32"], entry["offset"], entry["length"])
        index.append((*place, label, entry["duration"], len(names)))
    if not index:
        causes = "; ".join(f"{path}: {cause}" for path, cause in left_out[:3])
        raise StoreError(f"none of the {len(rows)} videos could be read ({causes})", str(folder))
    _write_causes(folder / "left_out.csv", left_out)
    if without_sound:
        _write_causes(folder / "without_sound.csv", without_sound)
    shards = sorted(folder.glob("shard-*.bin"))
    about = {
        "format": "ptvpack",
        "version": VERSION,
        "settings": plan["settings"],
        "list": plan["list"],
        "videos": len(index),
        "class_names": plan["class_names"],
        "index": _write_part(folder / "index.bin", np.array(index, INDEX).tobytes()),
        "names": _write_part(folder / "names.bin", bytes(names)),
        "shards": [{"name": file.name, "bytes": file.stat().st_size} for file in shards],
    }
    text = json.dumps({**about, "crc32": checksum_of(about)}, indent=1)
    to_disk(folder)
    write_whole(folder / "store.json", text)
    to_disk(folder)


def _write_causes(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("path", "cause"), *rows])
    # Names that are no UTF-8 pass through as they are.
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _read_causes(path: Path) -> list[tuple[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return [(name, cause) for name, cause in list(csv.reader(file))[1:]]


def _write_part(path: Path, data: bytes) -> dict[str, Any]:
    write_whole(path, data)
    return {"name": path.name, "bytes": len(data), "crc32": zlib.crc32(data)}


def _whole_already(
    folder: Path, plan: dict[str, Any], rows: Sequence[tuple[str, dict[str, Any]]]
) -> PackReport:
    about = PackedStore(folder).about
    if (about["settings"], about["list"]) != (plan["settings"], plan["list"]):
        raise ValueError(
            f"{folder} is a store already, of another list of videos or with other settings; give "
            "another name, or remove it."
        )
    (folder / Journal.NAME).unlink(missing_ok=True)  # a kill came between the last two steps
    report = _report(folder, rows)
    return PackReport(**{**asdict(report), "resumed": report.packed})


def _report(folder: Path, rows: Sequence[tuple[str, dict[str, Any]]]) -> PackReport:
    left_out = _read_causes(folder / "left_out.csv")
    without = {path for path, _ in left_out}
    packed = [path for path, _ in rows if path not in without]
    return PackReport(
        packed=len(packed),
        resumed=0,
        left_out=left_out,
        without_sound=_read_causes(folder / "without_sound.csv"),
        source_bytes=sum(Path(path).stat().st_size for path in packed if Path(path).exists()),
        store_bytes=sum(file.stat().st_size for file in folder.iterdir()),
    )
