"""Ten million videos: the time and memory of their list, and what workers add to it.

    python benchmarks/paths.py [--videos 10000000] [--workers 8] [--context fork]

Writes a list of paths and labels, makes a `ClipDataset` of it, and lets the workers of a real
`DataLoader` look at all of it, in shares. No video is opened: the samples are the entries of the
list. PSS counts a page that n processes share as 1/n in each, so that the sum over all
processes is the memory that is used.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from pytorchvideo_clone.data import ClipDataset, LabeledVideoPaths, RandomClipSampler


class Entries(Dataset):
    """What a `ClipDataset` looks up before it opens a file."""

    def __init__(self, dataset: ClipDataset, parts: int) -> None:
        self.dataset, self.parts = dataset, parts

    def __len__(self) -> int:
        return self.parts

    def __getitem__(self, part: int) -> tuple[int, int, int]:
        """Look at every entry of a part; give the process, its PSS in MB, and a sum."""
        videos = self.dataset.labeled_video_paths
        total = 0
        for index in range(part, len(self.dataset), self.parts):
            path, info = videos[index]
            total += len(path) + info["label"]
        return os.getpid(), pss(os.getpid()), total


class PlainList:
    """The same list as Python objects, for comparison."""

    def __init__(self, file: Path) -> None:
        lines = (line.rsplit(maxsplit=1) for line in file.open(encoding="utf-8"))
        self.rows = [(path, {"label": int(label)}) for path, label in lines]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[str, dict[str, Any]]:
        return self.rows[index]


def pss(process: int) -> int:
    """Proportional set size of a process in MB."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) // 1024
    raise OSError("the kernel does not tell the PSS")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--context", choices=["fork", "spawn", "forkserver"], default="fork")
    parser.add_argument("--plain", action="store_true", help="a list of Python objects instead")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list.txt"
        with file.open("w", encoding="utf-8") as out:
            for number in range(settings.videos):
                out.write(f"videos/class_{number % 400:03}/clip_{number:08}.mp4 {number % 400}\n")
        size = file.stat().st_size / 1e6
        before, begin = pss(os.getpid()), time.perf_counter()
        videos = PlainList(file) if settings.plain else LabeledVideoPaths.from_path(file)
        dataset = ClipDataset(videos, RandomClipSampler(2.0))
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    own = pss(os.getpid())
    loader = DataLoader(
        Entries(dataset, 2 * settings.workers),
        batch_size=None,
        num_workers=settings.workers,
        multiprocessing_context=settings.context,
        persistent_workers=True,
    )
    begin = time.perf_counter()
    workers = {process: 0 for process, _, _ in loader}
    looked = time.perf_counter() - begin
    # All have seen their share, and are still alive.
    together = pss(os.getpid()) + sum(map(pss, workers))
    print("| measure | value |\n|---|---|")
    print(f"| list | {settings.videos:,} videos, {size:.0f} MB of text |")
    print(f"| construction | {seconds:.1f} s |")
    print(f"| peak of the process, start and imports ({before} MB) included | {peak} MB |")
    print(f"| process after construction (PSS) | {own} MB |")
    print(f"| {len(workers)} workers ({settings.context}) look at every entry | {looked:.0f} s |")
    print(f"| process and workers together (PSS) | {together} MB |")
    print(f"| a worker (PSS) | {(together - pss(os.getpid())) // max(1, len(workers))} MB |")


if __name__ == "__main__":
    main()
