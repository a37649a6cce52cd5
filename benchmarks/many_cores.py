"""Whether training, evaluation and prediction end on machines of many cores, with any start method.

    python benchmarks/many_cores.py [--rounds 5] [--cores 4 8 64] [--methods default spawn]

A process that computes on several cores has threads of OpenMP, which a fork does not take along. So
each run here uses OpenMP first and sees as many cores as it is told; then it runs one command of
the command line on a small data set: `train` and `evaluate` with 1, 2 and 3 worker processes, and
`predict`. A run that takes longer than --limit has hung; it and its workers are killed. Under the
default start method each runs --rounds times, under the others (macOS and Windows spawn, Linux
takes forkserver from Python 3.14 on) once. Ends with status 1 if a run hung or failed.

What runs on 64 cores here is what is done for so many, on the cores that there are: four threads of
OpenMP and a count of 64.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch

from pytorchvideo_clone.cli import main
from pytorchvideo_clone.data import loader
from pytorchvideo_clone.data.motion import write_motion_dataset
from pytorchvideo_clone.hub import create_model, model_entry, save_bundle

METHODS = ("default", "forkserver", "spawn")


def commands(folder: Path) -> dict[str, str]:
    """Name -> what is run."""
    data, model = folder / "videos", folder / "model.pth"
    train = f"train {data} --epochs 1 --accelerator cpu --output {folder / 'run'}"
    found = {}
    for start, command in (("train", train), ("evaluate", f"evaluate {model} {data}")):
        for workers in (1, 2, 3):
            found[f"{start}, {workers} workers"] = f"{command} --num-workers {workers}"
    found["predict"] = f"predict x3d_tiny {data / 'test'} --checkpoint {model}"
    return found


def run(command: str, cores: int, method: str) -> None:
    """Use OpenMP as a machine of many cores does, and run a command."""
    if method != "default":
        multiprocessing.set_start_method(method, force=True)
    torch.set_num_threads(4)
    numbers = torch.rand(10**6)
    float((numbers + numbers).sum())
    loader.available_cores = lambda: cores
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(command.split())


def time_run(command: str, cores: int, method: str, limit: float) -> tuple[str, float]:
    """Run in a process of its own.

    Returns:
        "ended", "failed" or "hung", and the seconds by the clock.
    """
    begin = time.perf_counter()
    # Forked from here, where nothing has computed yet, and so without importing torch each time.
    child = os.fork()
    if not child:
        os.setsid()
        status = 1
        try:
            run(command, cores, method)
            status = 0
        finally:
            os._exit(status)
    while time.perf_counter() - begin < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            how = "ended" if status == 0 else "failed"
            break
        time.sleep(0.02)
    else:
        how = "hung"
    seconds = time.perf_counter() - begin
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # its workers too
    if how == "hung":
        os.waitpid(child, 0)
    return how, seconds


def write_data(folder: Path) -> None:
    """Write videos, and a model to evaluate."""
    data = write_motion_dataset(folder / "videos", train_per_class=2, test_per_class=1)
    names = sorted(path.name for path in (data / "test").iterdir())
    spec = model_entry("x3d_tiny").input_spec
    save_bundle(
        folder / "model.pth", create_model("x3d_tiny", num_classes=8), "x3d_tiny", spec, names
    )


def measure(settings: argparse.Namespace, folder: Path) -> bool:
    """Print a line for each command, count of cores and start method; give whether all ended."""
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores;")
    print(f"the default start method is {multiprocessing.get_start_method(allow_none=False)}.\n")
    print("| start method | cores | command | ended | hung | failed | median s | longest s |")
    print("|---|---|---|---|---|---|---|---|")
    fine = True
    for method in settings.methods:
        rounds = settings.rounds if method == "default" else 1
        for cores in settings.cores:
            for name, command in commands(folder).items():
                runs = [time_run(command, cores, method, settings.limit) for _ in range(rounds)]
                hows, seconds = zip(*runs, strict=True)
                counts = [hows.count(how) for how in ("ended", "hung", "failed")]
                fine &= counts[0] == rounds
                cells = [method, cores, name, *counts]
                times = (statistics.median(seconds), max(seconds))
                print("|", *(f"{cell} |" for cell in cells), *(f"{t:.1f} |" for t in times))
                sys.stdout.flush()
    return fine


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs="+", default=[4, 8, 64])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--limit", type=float, default=120, help="seconds until a run has hung")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        write_data(Path(made))
        sys.exit(not measure(parser.parse_args(), Path(made)))
