"""Claim: `--version`, `--help` and usage errors take under 0.6 s of CPU and 100 MB.

    python benchmarks/start_up.py > benchmarks/results/start_up.md

Each line of the table is the console script in a process of its own, the median of five runs:
seconds of CPU, user and system together, and the largest resident size.
"""

import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

LINES = [
    "--version",
    "--help",
    "data --help",
    "train --help",
    "predict --help",
    "benchmark --help",
    "train",
    "trian videos",
    "train videos --modle x3d_s",
    "train videos --epochs many",
    "data scan videos --check some",
]
LIMIT_SEC, LIMIT_MB = 0.6, 100


def measure(words: list[str]) -> tuple[float, float]:
    """Seconds of CPU and megabytes of one run."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0  # it is gone: nothing is left to wait for
    unit = 2**10 if sys.platform == "linux" else 1
    return used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 2**20


def main() -> None:
    """Print the table; end with status 1 where a limit is passed."""
    program = Path(sys.executable).with_name("pytorchvideo-clone")
    print("# Start-up of the command line\n")
    print("`python benchmarks/start_up.py`: median of 5 runs each, CPU is user and system.\n")
    print(f"Python {platform.python_version()}, {platform.machine()}, {date.today()}\n")
    print("| pytorchvideo-clone | CPU s | MB |\n|---|---|---|")
    slow = []
    for line in LINES:
        runs = [measure([str(program), *line.split()]) for _ in range(5)]
        seconds, megabytes = (statistics.median(values) for values in zip(*runs, strict=True))
        print(f"| `{line}` | {seconds:.2f} | {megabytes:.0f} |", flush=True)
        if seconds > LIMIT_SEC or megabytes > LIMIT_MB:
            slow.append(line)
    if slow:
        sys.exit(f"over {LIMIT_SEC} s or {LIMIT_MB} MB: {', '.join(slow)}")


if __name__ == "__main__":
    main()
