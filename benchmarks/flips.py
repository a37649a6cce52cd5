"""Claim: a damaged store, bundle or exported file is refused with a typed error, or gives the same.

    python benchmarks/flips.py [--changes 500] [--seed 0] [--targets onnx,executorch,...]

Flips bits of, or cuts, a file of a packed store, a bundle and the exported files of every target
here, from a seed each, and computes with what is left: all frames and the sound of the store's
videos, or the scores of a model for one clip. Each change is *refused* (with a
`VideoReadError`, `CheckpointError` or `ExportError`), *same*, *other* (a result that differs, with
nothing said), *untyped* (another error) or a *crash* (or more than a minute). Prints the content of
benchmarks/results/flips.md.
"""

import argparse
import io
import json
import os
import platform
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from pytorchvideo_clone.accelerator import EXPORTERS, ExportError, export_model
from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.data.packed import PackedVideo
from pytorchvideo_clone.data.packed.store import PackedStore, open_store, video_path
from pytorchvideo_clone.hub import (
    CheckpointError,
    create_model,
    load_model,
    model_entry,
    save_bundle,
)
from tests.data.packed.stores import make_store

FATES = ("same", "refused", "other", "untyped", "crash")
TYPED = (VideoReadError, CheckpointError, ExportError)
LIMIT_SEC = 60  # of one reading
CLASSES = ("run", "sit", "walk")


def flip(data: bytearray, chance: random.Random) -> bytearray:
    """Change a bit of 1 to 4 bytes."""
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def flip_ends(data: bytearray, chance: random.Random) -> bytearray:
    """Change a bit of the first or the last 512 bytes."""
    end = min(512, len(data))
    place = chance.randrange(end)
    data[place if chance.random() < 0.5 else len(data) - 1 - place] ^= 1 << chance.randrange(8)
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    """Leave out the end: a byte, a few, or most."""
    length = chance.choice([1, chance.randint(2, 200), chance.randrange(len(data)) + 1])
    return data[: max(0, len(data) - length)]


def zeros(data: bytearray, chance: random.Random) -> bytearray:
    """Put zeros over up to a page, as a loss of power does."""
    length = chance.randint(1, min(4096, len(data)))
    begin = chance.randrange(len(data) - length + 1)
    data[begin : begin + length] = bytes(length)
    return data


DAMAGES: dict[str, Callable[[bytearray, random.Random], bytearray]] = {
    "bits": flip,
    "bits at the ends": flip_ends,
    "cut off": cut,
    "zeros": zeros,
}


def read_store(path: Path) -> list[torch.Tensor]:
    """All that a store holds."""
    open_store.cache_clear()
    store, found = PackedStore(path), []
    for number in range(len(store)):
        with PackedVideo(video_path(path, number)) as video:
            clip = video.get_clip(0, video.duration, video_dtype=torch.uint8)
            kept = [x for x in (clip["video"], clip["audio"]) if x is not None]
            found += [*kept, torch.tensor([store.label(number), *map(ord, store.name(number))])]
    return [*found, torch.tensor([ord(x) for x in "/".join(store.class_names or [])])]


def read_model(path: Path) -> list[torch.Tensor]:
    """The scores of a model, and what it says of itself."""
    loaded = load_model(path)
    size = loaded.input_spec.input_shape
    clip = torch.randn(1, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = loaded.model(clip)
    said = f"{loaded.name} {loaded.class_names} {loaded.input_spec}"
    return [scores, torch.tensor([ord(letter) for letter in said])]


def fate(path: Path, expected: list[torch.Tensor]) -> str:
    """What becomes of one reading."""
    warnings.simplefilter("ignore")
    sys.stderr = io.StringIO()
    try:
        found = (read_store if path.is_dir() else read_model)(path)
    except TYPED:
        return "refused"
    except Exception as error:  # the ones that are looked for
        return f"untyped {type(error).__name__}: {error}"
    alike = len(found) == len(expected) and all(map(torch.equal, found, expected))
    return "same" if alike else "other"


def make_files(folder: Path, targets: list[str]) -> dict[str, Path]:
    """One file, or folder, of each kind."""
    torch.manual_seed(0)
    name, spec = "x3d_tiny", model_entry("x3d_tiny").input_spec
    model = create_model(name, num_classes=len(CLASSES)).eval()
    kinds = {f"store of {codec}": make_store(folder / codec, codec) for codec in ("h264", "jpeg")}
    kinds["bundle"] = folder / "model.pth"
    save_bundle(kinds["bundle"], model, name, spec, CLASSES)
    layers = [nn.Conv3d(3, 32, 3, stride=2), nn.ReLU(), nn.Conv3d(32, 32, 1), nn.ReLU()]
    small = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(32, 3))
    texts = {"input_spec": json.dumps(asdict(spec)), "class_names": json.dumps(CLASSES)}
    for target in targets:
        kinds[target] = folder / f"model-{target}{EXPORTERS[target].suffix}"
        clip = torch.randn(1, *spec.input_shape)
        export_model(small.eval(), clip, kinds[target], target, metadata={"model": name, **texts})
    return kinds


def damaged_copy(path: Path, damage: str, seed: str, folder: Path) -> tuple[Path, str]:
    """Copy a kind, and damage one file of it; give the copy and the name of that file."""
    chance = random.Random(seed)
    if path.is_dir():
        copy = Path(shutil.copytree(path, folder / path.name))
        files = sorted(file for file in copy.iterdir() if file.suffix != ".csv")
    else:
        stem = path.name.partition(".")[0]
        files = [
            Path(shutil.copy(file, folder))
            for file in sorted(path.parent.glob(f"{stem}.*"))
            if file.is_file()
        ]
        copy = folder / path.name
    file = chance.choice(files)
    file.write_bytes(DAMAGES[damage](bytearray(file.read_bytes()), chance))
    return copy, file.name


def measure(kinds: dict[str, Path], changes: int, seed: int) -> list[tuple[str, str, str, str]]:
    """(kind, damage, what became of it, where) for each change."""
    pool = ProcessPoolExecutor(1, get_context("forkserver"))
    rows, combinations = [], [(kind, damage) for kind in kinds for damage in DAMAGES]
    expected = {
        kind: pool.submit(read_store if path.is_dir() else read_model, path).result()
        for kind, path in kinds.items()
    }
    for number in range(changes):
        kind, damage = combinations[number % len(combinations)]
        one = f"{seed} {kind} {damage} {number}"
        with tempfile.TemporaryDirectory() as folder:
            copy, where = damaged_copy(kinds[kind], damage, one, Path(folder))
            try:
                became = pool.submit(fate, copy, expected[kind]).result(LIMIT_SEC)
            except Exception as error:  # a broken pool, or a time-out
                became = f"crash {type(error).__name__}"
                pool.shutdown(wait=False, cancel_futures=True)
                pool = ProcessPoolExecutor(1, get_context("forkserver"))
        rows.append((kind, damage, became, f"{one}, {where}"))
    pool.shutdown()
    return rows


def table(name: str, rows: list[tuple[str, str]]) -> list[str]:
    """Lines of a table: a row for each value of the first column, and one for all."""
    lines = [f"| {name} | changes | {' | '.join(FATES)} |", "|---" * (len(FATES) + 2) + "|"]
    for value in [*dict.fromkeys(first for first, _ in rows), "all"]:
        counts = Counter(became.split()[0] for first, became in rows if value in (first, "all"))
        cells = [value, str(counts.total()), *(str(counts[fate]) for fate in FATES)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Make the files, damage them and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default=",".join(EXPORTERS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        kinds = make_files(Path(folder), arguments.targets.split(","))
        rows = measure(kinds, arguments.changes, arguments.seed)
    print("# What becomes of damaged stores, bundles and exported files\n")
    print(f"`python benchmarks/flips.py {' '.join(sys.argv[1:])}`, {date.today()}, Python")
    print(f"{platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores.\n")
    print(*table("kind", [(kind, became) for kind, _, became, _ in rows]), "", sep="\n")
    print(*table("damage", [(damage, became) for _, damage, became, _ in rows]), sep="\n")
    odd = [(where, became) for *_, became, where in rows if became not in ("same", "refused")]
    print(*(f"\n- {where}: {became:.200}" for where, became in odd), sep="")


if __name__ == "__main__":
    main()
