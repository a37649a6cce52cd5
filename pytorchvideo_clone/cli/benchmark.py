"""The command that measures models in the forms in which they can run."""

import json as json_format
import multiprocessing
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone._whole import write_whole
from pytorchvideo_clone.accelerator import ExportedModel, Measurement, build_form, randomize_norms
from pytorchvideo_clone.accelerator import benchmark as measure_forms
from pytorchvideo_clone.accelerator.benchmark import BUILDERS
from pytorchvideo_clone.cli.tables import print_table
from pytorchvideo_clone.hub import InputSpec, create_model, load_model, model_entry
from pytorchvideo_clone.hub.loading import is_file_name
from pytorchvideo_clone.hub.registry import MODELS
from pytorchvideo_clone.models import count_flops

__all__ = ["benchmark"]

DTYPES = ("float32", "bfloat16", "int8")
# What makes a row another one.
KEY = ("model", "target", "dtype", "threads", "batch")
_SINGLE = ("name", "wall_sec", "cpu_sec")  # what a row leaves out
_BOX = [[0, 16.0, 16.0, 96.0, 96.0]]  # index in the batch, then pixels


def benchmark(
    models: list[str],
    targets: list[str] | None = None,
    dtypes: list[str] | None = None,
    threads: list[int] | None = None,
    batch: int = 1,
    rounds: int = 10,
    checkpoint: str | None = None,
    calibration: str | None = None,
    json: str | None = None,
) -> None:
    """Measure how fast models run, in which form, and what the form changes.

    Args:
        models: names that `models` lists, or files that `train` wrote, on test clips.
        targets: eager, cpu, cpu_public, onnx, openvino, executorch, torch_export, torchscript,
            aot_inductor, cuda; by default eager and cpu, and cuda where there is a GPU.
        dtypes: float32, bfloat16, int8; by default float32.
        threads: cores to run on, one process for each number; by default 1.
        batch: clips a call.
        rounds: how often the forms take turns.
        checkpoint: of the one model that is named; else weights are random.
        calibration: folder of videos for int8; without it random clips, and the table says so.
        json: file for all numbers; rows that it has from before stay, unless they are made again.
    """
    targets = targets or ["eager", "cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    dtypes, threads = dtypes or ["float32"], threads or [1]
    _check(models, targets, dtypes, threads, checkpoint)
    forms = [(target, dtype) for dtype in dtypes for target in targets]
    if ("eager", "float32") not in forms:
        forms.insert(0, ("eager", "float32"))  # what differences and ratios are from
    rows: list[dict[str, Any]] = []
    for model in models:
        for count in threads:
            print(f"{model}, {count} thread{'s' * (count > 1)} ...", file=sys.stderr, flush=True)
            job = _Job(model, checkpoint, forms, count, batch, rounds, calibration)
            rows += _in_own_process(job)
            if json:
                _write(Path(json), rows)
    header = ["model", "target", "dtype", "threads", "batch", "GFLOPs", "median ms", "p95 ms"]
    print_table(
        [*header, "clips/s", "times faster", "peak MB", "difference", "note"], map(_cells, rows)
    )


class _Job(NamedTuple):
    """What one process measures."""

    model: str
    checkpoint: str | None
    forms: Sequence[tuple[str, str]]
    threads: int
    batch: int
    rounds: int
    calibration: str | None


def _check(
    models: list[str],
    targets: list[str],
    dtypes: list[str],
    threads: list[int],
    checkpoint: str | None,
) -> None:
    for name in models:
        if not is_file_name(name):
            model_entry(name)
    for what, given, known in (("target", targets, BUILDERS), ("dtype", dtypes, DTYPES)):
        for name in given:
            if name not in known:
                raise ValueError(f"{what} is {name!r}; choose of {', '.join(known)}.")
    cores = len(_cores())
    for count in threads:
        if not 1 <= count <= cores:
            raise ValueError(f"threads is {count}; this machine gives 1 to {cores}.")
    if checkpoint and len(models) > 1:
        raise ValueError(f"checkpoint is for one model, {len(models)} are named; name one.")


def _in_own_process(job: _Job) -> list[dict[str, Any]]:
    """The rows of a job; its memory, threads and crashes are those of a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_measure, job).result()
        except BrokenProcessPool:
            failed = Measurement("", job.batch, error="its process died, for want of memory maybe.")
            rows = [_row(job, form, failed, failed, "") for form in job.forms]
            return [{**row, "gflops": None} for row in rows]


def _measure(job: _Job) -> list[dict[str, Any]]:
    """Build all forms, and let them take turns."""
    warnings.simplefilter("ignore")  # of converters
    if hasattr(os, "sched_setaffinity"):  # runtimes take as many threads as they see cores
        os.sched_setaffinity(0, _cores()[-job.threads :])
    torch.set_num_threads(job.threads)
    network, inputs, spec = _load(job)
    built: dict[str, Any] = {}
    failed: dict[str, Measurement] = {}
    note = ""
    with tempfile.TemporaryDirectory() as folder:
        for target, dtype in job.forms:
            clips = None
            if dtype == "int8":
                clips, note = _calibration(job, inputs, spec)
            name = f"{target} {dtype}"
            try:
                built[name] = build_form(
                    network, inputs, target, dtype, folder=folder, calibration=clips
                )
            except Exception as error:  # of any runtime; the row says it
                text = next(iter(str(error).strip().splitlines()), type(error).__name__)
                failed[name] = Measurement(name, job.batch, error=text)
        measured = {**failed, **measure_forms(built, inputs, rounds=job.rounds)}
    first = measured["eager float32"]
    rows = [_row(job, form, measured[" ".join(form)], first, note) for form in job.forms]
    gflops = _count_gflops(network, inputs)
    return [{**row, "gflops": gflops} for row in rows]


def _count_gflops(network: Any, inputs: tuple[torch.Tensor, ...]) -> float | None:
    """10^9 multiply-adds of a clip; None of what cannot be traced."""
    if not isinstance(network, nn.Module):
        return None
    try:
        return round(count_flops(network, *inputs) / len(inputs[0]) / 1e9, 3)
    except Exception:  # whatever tracing makes of a model; the measurements stand
        return None


def _load(job: _Job) -> tuple[nn.Module, tuple[torch.Tensor, ...], InputSpec]:
    """A model in evaluation mode, an example of its input, and what that is."""
    inputs_of = optional_import("pytorchvideo_clone.recipes.inputs", extra="train")
    if job.checkpoint or job.model not in MODELS:
        loaded = load_model(job.model, job.checkpoint, task=None)
        if isinstance(loaded.model, ExportedModel):
            raise ValueError(f"{job.model} is an exported file; name what it was made from.")
        network, spec, task = loaded.model, loaded.input_spec, model_entry(loaded.name).task
    else:
        entry = model_entry(job.model)
        torch.manual_seed(0)
        network = randomize_norms(create_model(job.model, **entry.logits)).eval()
        spec, task = entry.input_spec, entry.task
    boxes = (torch.tensor(_BOX),) if task == "detection" else ()
    return network, (inputs_of.example_input(spec, job.batch), *boxes), spec


def _calibration(
    job: _Job, inputs: tuple[torch.Tensor, ...], spec: InputSpec
) -> tuple[list[Any], str]:
    """Eight inputs for int8, and a note where they are random."""
    if job.calibration is None:
        draw = torch.Generator().manual_seed(1)
        clips = [torch.randn(inputs[0][:1].shape, generator=draw) for _ in range(8)]
        return [(clip, *inputs[1:]) for clip in clips], "calibrated on random clips"
    recipes = optional_import("pytorchvideo_clone.recipes.calibration", extra="train")
    clips = recipes.calibration_clips(job.calibration, spec, count=8)
    return [(clip, *inputs[1:]) for clip in clips], ""


def _row(
    job: _Job, form: tuple[str, str], result: Measurement, first: Measurement, note: str
) -> dict[str, Any]:
    # CPU time leaves other work out; of several threads it is not the time that one waits.
    clock: Literal["cpu", "wall"] = "cpu" if job.threads == 1 and form[0] != "cuda" else "wall"
    known = result.wall_sec and first.wall_sec
    faster = round(result.times_faster(first, clock), 3) if known else None
    return {
        "model": job.model,
        "target": form[0],
        "dtype": form[1],
        "threads": job.threads,
        **{key: value for key, value in result.to_dict().items() if key not in _SINGLE},
        "batch": job.batch,
        "times_faster": faster,
        "note": note if form[1] == "int8" and not result.error else "",
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Put the rows in the place of earlier ones of the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json_format.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    merged = {tuple(row[name] for name in KEY): row for row in [*before, *rows]}
    machine = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }
    text = json_format.dumps({"machine": machine, "rows": list(merged.values())}, indent=1)
    write_whole(path, text + "\n")


def _cells(row: dict[str, Any]) -> list[str]:
    key = [
        *(str(row[name]) for name in KEY),
        "" if row["gflops"] is None else f"{row['gflops']:.2f}",
    ]
    if row["error"]:
        return [*key, *[""] * 6, row["error"]]
    numbers = [f"{row[name]:.1f}" for name in ("median_ms", "p95_ms", "clips_per_sec")]
    faster = f"{row['times_faster']:.2f}" if row["times_faster"] else ""
    peak = "" if row["peak_mb"] is None else f"{row['peak_mb']:.0f}"
    return [*key, *numbers, faster, peak, f"{row['difference']:.0e}", row["note"]]


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
