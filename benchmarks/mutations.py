"""Claim: a damaged file gives right frames or a reason, whatever is damaged.

    python benchmarks/mutations.py [--seeds 100] [--jobs 2]

Damages videos of nine containers in ten ways, from a seed each, and reads each with every decoder
in windows of 0.4 s, in a process with a limit of memory and of time. Frames carry their number, so
each frame that should be in a window is *right*, *refused* (with a `VideoReadError`), *gone* (a
video says that it is shorter than it was, or leaves a frame out), *shifted* (another frame stands
in its place) or *garbage* (no picture of ours, and nothing was said). Prints the content of
benchmarks/results/mutations.md.

A checkout of another commit is measured by `PYTHONPATH=ITS_FOLDER python benchmarks/mutations.py`.
"""

import argparse
import json
import platform
import random
import resource
import selectors
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))
from coded_video import numbers, write_video

from pytorchvideo_clone.data import EncodedVideo, VideoReadError

RATE, FRAMES, WINDOW = 25, 60, 10  # frames of a window
LIMIT_SEC, LIMIT_BYTES = 30, 3 << 30  # of one file
CODECS = {
    "mp4": "libx264",
    "mov": "mpeg4",
    "mkv": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
    "ts": "libx264",
    "mpg": "mpeg2video",
    "flv": "libx264",
    "wmv": "wmv2",
}
DECODERS = ("pyav", "torchcodec", "decord")
FATES = ("right", "refused", "gone", "shifted", "garbage")


def some_run(data: bytearray, chance: random.Random) -> slice:
    """A run of up to a tenth of the bytes."""
    length = chance.randrange(1, max(2, len(data) // 10))
    begin = chance.randrange(len(data) - length + 1)
    return slice(begin, begin + length)


def flip(data: bytearray, chance: random.Random, among: range) -> bytearray:
    """Change a bit of 1 to 8 bytes."""
    for _ in range(chance.randint(1, 8)):
        data[chance.choice(among)] ^= 1 << chance.randrange(8)
    return data


def overwrite(data: bytearray, chance: random.Random, fill: Callable[[int], bytes]) -> bytearray:
    """Put other bytes over a run."""
    run = some_run(data, chance)
    data[run] = fill(run.stop - run.start)
    return data


def drop(data: bytearray, chance: random.Random) -> bytearray:
    """Leave a run out."""
    del data[some_run(data, chance)]
    return data


def double(data: bytearray, chance: random.Random) -> bytearray:
    """Repeat a run."""
    run = some_run(data, chance)
    return data[: run.stop] + data[run] + data[run.stop :]


def swap(data: bytearray, chance: random.Random) -> bytearray:
    """Exchange two runs of one length."""
    first = some_run(data, chance)
    length = first.stop - first.start
    other = chance.randrange(len(data) - length + 1)
    kept = data[first]
    data[first] = data[other : other + length]
    data[other : other + length] = kept
    return data


def copy_over(data: bytearray, chance: random.Random) -> bytearray:
    """Put a run of the file over another place of it."""
    run = some_run(data, chance)
    place = chance.randrange(len(data) - (run.stop - run.start) + 1)
    data[place : place + run.stop - run.start] = data[run]
    return data


KINDS: dict[str, Callable[[bytearray, random.Random], bytearray]] = {
    "bits": lambda d, c: flip(d, c, range(len(d))),
    "bits of the first kB": lambda d, c: flip(d, c, range(min(1024, len(d)))),
    "bits of the last kB": lambda d, c: flip(d, c, range(max(0, len(d) - 1024), len(d))),
    "zeros": lambda d, c: overwrite(d, c, bytes),
    "noise": lambda d, c: overwrite(d, c, c.randbytes),
    "cut off": lambda d, c: d[: c.randrange(1, len(d))],
    "left out": drop,
    "repeated": double,
    "exchanged": swap,
    "overwritten by itself": copy_over,
}


def read(path: str, decoder: str) -> dict[str, int]:
    """Count the fates of the frames of a file, which may be "untyped" errors too."""
    fates: Counter[str] = Counter()
    try:
        with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
            for first in range(0, FRAMES, WINDOW):
                expected = list(range(first, first + WINDOW))
                try:
                    window = (Fraction(first, RATE), Fraction(first + WINDOW, RATE))
                    found = numbers(video.get_clip(*window)["video"]) or []
                except VideoReadError:
                    fates["refused"] += WINDOW
                    continue
                known = [number for number in found if number != -1]
                right = len(set(known) & set(expected)) if known == sorted(known) else 0
                fates["right"] += right
                fates["garbage"] += len(found) - len(known)
                fates["shifted"] += len(known) - right
                fates["gone"] += max(0, WINDOW - len(found))
    except VideoReadError:
        fates["refused"] += FRAMES
    return dict(fates)


def serve() -> None:
    """Read what standard input names, a JSON a line, and answer each with a JSON."""
    warnings.simplefilter("ignore")
    own = (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        * resource.getpagesize()
    )
    resource.setrlimit(resource.RLIMIT_AS, (own + LIMIT_BYTES,) * 2)
    print("ready", flush=True)
    for line in sys.stdin:
        path, decoder = json.loads(line)
        try:
            answer = read(path, decoder)
        except BaseException as error:  # whatever is no VideoReadError
            answer = {f"untyped {type(error).__name__}": 1}
        print(json.dumps(answer), flush=True)


class Server:
    """A process of `serve`, begun anew after a crash or a hang."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, path: str, decoder: str) -> dict[str, int]:
        """The fates of a file's frames."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
            self._line(120)
        assert self._process.stdin is not None
        print(json.dumps([path, decoder]), file=self._process.stdin, flush=True)
        answer = self._line(LIMIT_SEC)
        if answer:
            return json.loads(answer)
        how = "hang" if self._process.poll() is None else "crash"
        self.close()
        return {how: 1}

    def _line(self, seconds: float) -> str:
        assert self._process is not None and self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if selector.select(seconds) else ""

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None


def jobs(folder: Path, kind: str, seeds: int) -> Iterator[tuple[str, str, int]]:
    """Write the files of a kind, one after the other: path, container and seed."""
    for seed in range(seeds):
        container = list(CODECS)[seed % len(CODECS)]
        chance = random.Random(f"{kind} {seed}")
        data = KINDS[kind](bytearray((folder / f"whole.{container}").read_bytes()), chance)
        path = folder / f"{list(KINDS).index(kind)}_{seed}.{container}"
        path.write_bytes(data)
        yield str(path), container, seed


def try_kind(folder: Path, kind: str, seeds: int) -> list[tuple[str, str, str, dict[str, int]]]:
    """Decoder, kind, container and fates of each file of a kind."""
    server, rows = Server(), []
    for path, container, seed in jobs(folder, kind, seeds):
        for decoder in DECODERS:
            fates = server.ask(path, decoder)
            if set(fates) - set(FATES):
                print(f"{kind} {seed} {container} {decoder}: {fates}", file=sys.stderr, flush=True)
            rows.append((decoder, kind, container, fates))
        Path(path).unlink()
    server.close()
    return rows


def table(title: str, groups: dict[str, Counter[str]]) -> list[str]:
    """Shares of the frames in percent, and how many files ended otherwise."""
    lines = [f"| {title} | " + " | ".join(FATES) + " | untyped | hangs | crashes |"]
    lines.append("|---" * (len(FATES) + 4) + "|")
    for name, fates in groups.items():
        frames = sum(fates[fate] for fate in FATES) or 1
        shares = [f"{100 * fates[fate] / frames:.2f} %" for fate in FATES]
        untyped = sum(count for fate, count in fates.items() if fate.startswith("untyped"))
        lines.append(f"| {name} | {' | '.join(shares)} | {untyped} | {fates['hang']} | ")
        lines[-1] += f"{fates['crash']} |"
    return lines


def main(settings: argparse.Namespace) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for container, codec in CODECS.items():
            options = {"g": "12"} if codec == "libvpx" else {"g": "12", "bf": "2"}
            if codec == "wmv2":
                options["bf"] = "0"
            path = folder / f"whole.{container}"
            write_video(path, FRAMES, RATE, codec, (96, 128), options=options, noise=30)
            for decoder in DECODERS:
                assert read(str(path), decoder)["right"] == FRAMES, (container, decoder)
        with ThreadPoolExecutor(settings.jobs) as pool:
            parts = pool.map(lambda kind: try_kind(folder, kind, settings.seeds), KINDS)
            rows = [row for part in parts for row in part]
    print("# What becomes of the frames of damaged files\n")
    print(f"`python benchmarks/mutations.py --seeds {settings.seeds}`, {date.today()}, Python")
    print(f"{platform.python_version()}: {len(rows)} readings of files of {FRAMES} frames.")
    for place, title in ((0, "decoder"), (1, "damage"), (2, "container")):
        groups: dict[str, Counter[str]] = {}
        for row in rows:
            groups.setdefault(row[place], Counter()).update(row[3])
        groups["all"] = sum(groups.values(), Counter())
        print("", *table(title, groups), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    serve() if arguments.serve else main(arguments)
