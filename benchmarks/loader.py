"""Claim: clips come several times faster than from PyTorchVideo, decord or TorchCodec.

A clip is 16 of 64 frames (2.13 s) of a video of 10 s: short side 256 to 320, crop 224, flip,
normalise. The library is measured as it is used: `ClipDataset`, a clip sampler, `ClipTransform` and
`make_loader`; PyTorchVideo as well, decord and TorchCodec with our transform. Every peer runs in a
process of its own on one core and gets the same clips; they take turns, round after round. The
figure is CPU time, a ratio the median of those of each round. The floor decodes the frames that
the wanted ones build on and does nothing else.

    pip install --no-deps --target /tmp/ptv pytorchvideo==0.1.5
    PYTHONPATH=.:/tmp/ptv python benchmarks/loader.py FOLDER [ROUNDS] [CLIPS]

The corpus is made in FOLDER (see `corpus.py`), or taken from there.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import torch
from corpus import FPS, SECONDS, make_corpus, quality, sizes
from loader_peers import CLIPS, CROPS, PEERS, WINDOW, Job, largest_difference

CORE = max(os.sched_getaffinity(0))
# What is compared with what: reference -> [(peer, at least so many times faster)].
CLAIMS = {
    "mp4": [
        ("ours", "PyTorchVideo, gc.collect", 7.5),
        ("ours", "PyTorchVideo", 3.1),
        ("ours", "decord", 1.45),
        ("ours", "TorchCodec", 1.3),
        ("ours", "floor", 1 / 1.3),
        ("ours, h264 store, uint8", "decord", 5.3),
        ("ours, jpeg store, uint8", "decord", 8.8),
    ],
    "hd": [("ours", "decord", 1.8)],
    "views": [("ours, views", "PyTorchVideo, views", 8.0)],
    "workers": [
        ("ours, h264 store, uint8, 2 workers", "PyTorchVideo, 2 workers", 20.0),
        ("ours, jpeg store, uint8, 2 workers", "PyTorchVideo, 2 workers", 20.0),
    ],
}
ALSO = {"mp4": ["ours, uint8", "ours, h264 store", "ours, jpeg store"]}


def draw_jobs(folder: Path, kind: str, count: int, seed: int) -> list[Job]:
    """Random windows that start half way between two frames, so that no rounding matters."""
    draw = random.Random(seed)
    names = sorted(path.name for path in (folder / kind).glob("*.mp4"))
    starts = (2 * draw.randrange(SECONDS * FPS - WINDOW) + 1 for _ in range(count))
    return [{"video": f"{kind}/{draw.choice(names)}", "start": (s, 2 * FPS)} for s in starts]


class Worker:
    """A peer in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--peer", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, jobs: list[Job]) -> dict[str, float]:
        """Load, and give the seconds of CPU time and by the clock, and the peak of memory."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps(jobs), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def serve(name: str, folder: Path) -> None:
    """Be the process of a peer: a list of jobs a line in, what they took a line out."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    torch.set_num_threads(1)
    if "workers" not in name:
        os.sched_setaffinity(0, {CORE})
    load = PEERS[name](folder)
    for line in sys.stdin:
        jobs = json.loads(line)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forgets the peak so far
        memory, begin, spent = peak(), time.perf_counter(), time.process_time()
        loaded = load(jobs)
        result = {
            "cpu": time.process_time() - spent,
            "clock": time.perf_counter() - begin,
            "memory": peak() - memory,
        }
        print(json.dumps({**result, "loaded": loaded}), file=answers, flush=True)
    del load
    assert not active_children()


def peak() -> float:
    """Peak of resident memory in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def interleave(
    names: list[str], folder: Path, rounds: list[list[Job]], figure: str
) -> dict[str, list[float]]:
    """Let all peers do the jobs of each round in turn; seconds a job, without the first round."""
    workers = {name: Worker(name, folder) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number, jobs in enumerate([rounds[0], *rounds]):
        order = names[number % len(names) :] + names[: number % len(names)]
        for name in order:
            result = workers[name].run(jobs)
            if number:
                seconds[name].append(result[figure] / len(jobs))
    for worker in workers.values():
        worker.close()
    return seconds


def compare(kind: str, folder: Path, rounds: list[list[Job]], figure: str = "cpu") -> None:
    """Print what each peer takes, and the ratios that are claimed."""
    claims = CLAIMS[kind]
    names = list(
        dict.fromkeys([*(c[1] for c in claims), *(c[0] for c in claims), *ALSO.get(kind, [])])
    )
    seconds = interleave(names, folder, rounds, figure)
    unit = {"views": "video", "workers": "clip, by the clock"}.get(kind, "clip, CPU")
    print(f"\n| {kind} | ms/{unit} | from .. to |\n|---|---|---|")
    for name in names:
        low, *_, high = sorted(1000 * value for value in seconds[name])
        middle = 1000 * statistics.median(seconds[name])
        print(f"| {name} | {middle:.1f} | {low:.1f} .. {high:.1f} |")
    print("\n| | against | times faster | to reach | |\n|---|---|---|---|---|")
    for name, reference, least in claims:
        pairs = zip(seconds[reference], seconds[name], strict=True)
        ratio = statistics.median(theirs / mine for theirs, mine in pairs)
        verdict = "reached" if ratio >= least else "**not reached**"
        print(f"| {name} | {reference} | {ratio:.2f} | {least:.2f} | {verdict} |", flush=True)


def memory(folder: Path) -> None:
    """Print how much memory the first clip of a video of an hour takes."""
    print("\n| first clip of an hour | MB more at the peak |\n|---|---|")
    for name in ("PyTorchVideo", "decord", "TorchCodec", "ours"):
        worker = Worker(name, folder)
        worker.run(draw_jobs(folder, "mp4", 1, seed=9)[:1])  # loads code
        taken = worker.run([{"video": "hour.mp4", "start": (2 * FPS * 2000 + 1, 2 * FPS)}])
        worker.close()
        print(f"| {name} | {taken['memory']:.0f} |", flush=True)


def main() -> None:
    """Print tables of all claims."""
    folder = make_corpus(Path(sys.argv[1]).absolute())
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    clips = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    rounds = [draw_jobs(folder, "mp4", clips, seed) for seed in range(count)]
    print(f"{count} rounds of {clips} clips, torch {torch.__version__}")
    compare("mp4", folder, rounds)
    compare("hd", folder, [draw_jobs(folder, "hd", clips // 2, seed) for seed in range(count)])
    videos = [[{"video": f"mp4/{number % 10}.mp4", "start": (0, 1)}] for number in range(count)]
    compare("views", folder, videos)
    print(f"\nOf {CLIPS} clips x {CROPS} crops the largest difference is ", end="")
    print(f"{largest_difference(folder, videos[0][0]):.2g}")
    memory(folder)
    # The same in every round, as epochs over one data set: workers are started in the first.
    compare("workers", folder, [draw_jobs(folder, "mp4", 12 * clips, 0)] * count, "clock")
    for name in ("h264.ptvpack", "jpeg.ptvpack"):
        whole, silent = sizes(folder, name)
        print(
            f"\n{name}: {whole:.2f} times the bytes of mp4 ({silent:.2f} without its sound), PSNR "
            f"{quality(folder, name):.1f} dB"
        )


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        serve(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
