"""A small store for the tests: two classes, four videos, two more that cannot be read."""

import json
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pytorchvideo_clone.data.packed import PackSettings, pack_videos
from tests.data.coded_video import write_video


def write_videos(folder: Path) -> Path:
    """Write the sources into class folders."""
    for name in ("run", "sit"):
        (folder / name).mkdir(parents=True)
    write_video(folder / "run" / "a.mp4", 60, audio_sec=2)
    # Variable frame rate, late start.
    pts = [3000 + 90 * n * (n + 9) for n in range(40)]
    write_video(folder / "run" / "b.mp4", 40, pts=pts, time_base=Fraction(1, 90000))
    write_video(folder / "sit" / "c.mp4", 50, rotation=90)
    write_video(folder / "sit" / "d.avi", 30, codec="mpeg4", size=(51, 69))
    (folder / "sit" / "empty.mp4").touch()
    (folder / "sit" / "text.mp4").write_text("no video")
    return folder


def make_store(folder: Path, codec: str = "h264", **settings) -> Path:
    """Write the sources and pack them; give the store."""
    source = write_videos(folder / "videos")
    store = folder / f"{codec}.ptvpack"
    pack_videos(source, store, PackSettings(codec=codec, **settings), num_workers=1)
    return store


def forge(store: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what store.json says, with a checksum that is right."""
    about = json.loads((store / "store.json").read_text("utf-8"))
    del about["crc32"]
    change(about)
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    about["crc32"] = zlib.crc32(text.encode())
    (store / "store.json").write_text(json.dumps(about), "utf-8")


def forge_index(store: Path, **columns: list[int]) -> None:
    """Change columns of the index, with checksums that are right."""
    # As website/docs/packed_format.md has a row.
    row = [("shard", "<u4"), ("crc32", "<u4"), ("offset", "<u8"), ("length", "<u8")]
    row += [("label", "<i8"), ("duration", "<f8"), ("name_end", "<u8")]
    index = np.frombuffer((store / "index.bin").read_bytes(), np.dtype(row)).copy()
    for name, values in columns.items():
        index[name] = values
    (store / "index.bin").write_bytes(index.tobytes())
    forge(store, lambda about: about["index"].update(crc32=zlib.crc32(index.tobytes())))
