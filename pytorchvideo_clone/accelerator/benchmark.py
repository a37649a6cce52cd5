"""Measure forms of a model against each other, in turns."""

import copy
import ctypes
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.export import EXPORTERS, export_model, load_exported
from pytorchvideo_clone.accelerator.optimize import optimize
from pytorchvideo_clone.accelerator.outputs import difference, map_tensors, tensors

__all__ = ["BUILDERS", "Measurement", "benchmark", "build_form", "randomize_norms"]

Form = Callable[..., Any]
Inputs = Tensor | list[Tensor] | tuple[Any, ...]


@dataclass(frozen=True)
class Measurement:
    """How a form of a model ran.

    Attributes:
        name: of the form.
        batch: clips a call.
        wall_sec: of every call, by the clock.
        cpu_sec: mean of the calls of every round, over all cores.
        peak_mb: what the first call added to the peak of memory: that of the GPU if it used one;
            None where the system does not tell. What a runtime set aside before is not in it.
        difference: largest |output - expected| / largest |expected|.
        error: why it could not run; the numbers are empty then.
    """

    name: str
    batch: int = 1
    wall_sec: tuple[float, ...] = ()
    cpu_sec: tuple[float, ...] = ()
    peak_mb: float | None = None
    difference: float | None = None
    error: str = ""

    @property
    def median_ms(self) -> float:
        """Latency of half of the calls."""
        return 1000 * statistics.median(self.wall_sec)

    @property
    def p95_ms(self) -> float:
        """Latency that 95 of 100 calls keep."""
        ordered = sorted(self.wall_sec)
        return 1000 * ordered[math.ceil(0.95 * len(ordered)) - 1]

    @property
    def cpu_ms(self) -> float:
        """Median CPU time of a call."""
        return 1000 * statistics.median(self.cpu_sec)

    @property
    def clips_per_sec(self) -> float:
        """Throughput of calls one after another."""
        return self.batch * len(self.wall_sec) / sum(self.wall_sec)

    def times_faster(self, other: "Measurement", clock: Literal["cpu", "wall"] = "cpu") -> float:
        """How many times less it takes than another one: the median of the ratios in each round.

        Args:
            other: measured in the same run.
            clock: "cpu", which other work on the machine does not count in, for one thread; "wall"
                for several threads and for GPUs.
        """
        pairs = zip(other._rounds(clock), self._rounds(clock), strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def _rounds(self, clock: str) -> Sequence[float]:
        """Seconds a call, of each round."""
        if clock == "cpu":
            return self.cpu_sec
        calls = len(self.wall_sec) // len(self.cpu_sec)
        first = range(0, len(self.wall_sec), calls)
        return [statistics.mean(self.wall_sec[begin : begin + calls]) for begin in first]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        numbers = {}
        if self.wall_sec:
            names = ("median_ms", "p95_ms", "cpu_ms", "clips_per_sec")
            numbers = {name: round(getattr(self, name), 3) for name in names}
        return {**asdict(self), **numbers}


def benchmark(
    candidates: Mapping[str, Form],
    inputs: Inputs,
    *,
    expected: Any = None,
    rounds: int = 10,
    min_round_sec: float = 0.03,
) -> dict[str, Measurement]:
    """Measure functions of the same inputs in turns, so that all meet the same machine.

    In every round each is called at least once, and as often as it takes for `min_round_sec` of CPU
    time; who begins changes from round to round. Set threads before: `torch.set_num_threads(1)`.

    Args:
        candidates: name -> function of the inputs: a model, an optimized or an exported one. One
            that fails has its `error` and does not stop the others.
        inputs: a tensor, a list with one a pathway, or the tuple of all arguments.
        expected: what they should give; None takes what the first of them gives.
        rounds: how many.
        min_round_sec: seconds of CPU time of a candidate in a round.

    Returns:
        Name -> measurement, in the order of the candidates.

    Raises:
        ValueError: if there are no candidates or no rounds.

    >>> model = nn.Conv3d(3, 8, 1)
    >>> clip = torch.randn(2, 3, 4, 16, 16)
    >>> result = benchmark({"eager": model, "fast": optimize(model, clip)}, clip, rounds=3)
    >>> result["fast"].difference < 1e-5, result["fast"].batch, len(result["fast"].cpu_sec)
    (True, 2, 3)
    """
    if not candidates or rounds < 1:
        raise ValueError(
            f"{len(candidates)} candidates and {rounds} rounds; give at least one of each."
        )
    gc.collect()
    collects = gc.isenabled()
    gc.disable()  # it would come in the middle of a call
    try:
        return _measure(
            candidates,
            inputs if isinstance(inputs, tuple) else (inputs,),
            expected,
            rounds,
            min_round_sec,
        )
    finally:
        if collects:
            gc.enable()


def build_form(
    model: nn.Module,
    inputs: Inputs,
    target: str,
    dtype: str = "float32",
    *,
    folder: str | Path,
    calibration: Iterable[Any] | None = None,
) -> Form:
    """Make a form of a model to be measured.

    Args:
        model: in evaluation mode; it stays as it is.
        inputs: as in `benchmark`.
        target: a key of `BUILDERS`.
        dtype: "float32", "bfloat16", whose difference is measured and not limited, or "int8", which
            leaves the most sensitive layers in float until that of `optimize` or `export_model`
            holds.
        folder: for exported files.
        calibration: inputs for "int8", as those two take them.

    Raises:
        ValueError: if there is no such target, or not in this format.
        Exception: whatever the target's way raises.

    >>> model, clip = nn.Conv3d(3, 8, 1), torch.randn(1, 3, 4, 16, 16)
    >>> build_form(model, clip, "eager", "bfloat16", folder=".")(clip).dtype
    torch.bfloat16
    """
    if target not in BUILDERS:
        raise ValueError(f"target is {target!r}; choose one of {', '.join(BUILDERS)}.")
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return BUILDERS[target](_Job(model, arguments, target, dtype, Path(folder), calibration))


def randomize_norms(model: nn.Module, seed: int = 0) -> nn.Module:
    """Copy a model, with norms that show in its output when they are left out or wrong.

    Norms of a new model do nothing, or give zero where a residual branch ends, which hides errors
    of another form of the model. Here means are near 0, variances and weights near 1. Weights that
    are all zero come near 0.3, so that a hundred sums leave outputs of the order of 1.

    Args:
        model: with batch, layer or group norms; others stay as they are. It is left as it was.
        seed: of the draw; torch's own generator is not touched.

    Returns:
        The copy, in the mode of `model`.

    >>> model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.BatchNorm3d(8))
    >>> randomize_norms(model)[1].running_mean.std() > 0, model[1].running_mean.std() > 0
    (tensor(True), tensor(False))
    """
    model, draw = copy.deepcopy(model), torch.Generator().manual_seed(seed)

    def near(centre: float, tensor: Tensor | None) -> None:
        if tensor is not None:
            tensor.copy_(centre + 0.1 * torch.randn(tensor.shape, generator=draw))

    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    with torch.no_grad():
        for norm in (part for part in model.modules() if isinstance(part, norms)):
            near(1.0 if norm.weight is None or norm.weight.any() else 0.3, norm.weight)
            near(0.0, norm.bias)
            near(0.0, getattr(norm, "running_mean", None))
            if (variance := getattr(norm, "running_var", None)) is not None:
                variance.copy_(0.8 + 0.4 * torch.rand(variance.shape, generator=draw))
    return model


def _eager(job: "_Job") -> Form:
    return _autocast(job.model, "cpu", job.dtype)


def _cuda(job: "_Job") -> Form:
    if not torch.cuda.is_available():
        raise ValueError("there is no GPU that torch sees.")
    compute = _autocast(copy.deepcopy(job.model).cuda(), "cuda", job.dtype)

    def run(*args: Any) -> Any:
        on_gpu = map_tensors(Tensor.cuda, args)
        return map_tensors(Tensor.cpu, compute(*on_gpu))

    return run


def _autocast(model: nn.Module, device: str, dtype: str) -> Form:
    if dtype == "float32":
        return model
    if dtype != "bfloat16":
        raise ValueError(f"torch has no {dtype} for a model as it is.")

    def run(*args: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            return model(*args)

    return run


def _optimized(job: "_Job") -> Form:
    more: dict[str, Any] = {"tolerance": math.inf} if job.dtype == "bfloat16" else {}
    if job.dtype == "int8":
        more = {"calibration": job.calibration}
    return optimize(job.model, job.inputs, job.target, dtype=job.dtype, **more)


def _exported(job: "_Job") -> Form:
    if job.dtype == "bfloat16" and job.target != "openvino":
        raise ValueError(f"{job.target} has no bfloat16 here.")
    path = job.folder / f"model_{job.dtype}{EXPORTERS[job.target].suffix}"
    int8: dict[str, Any] = {}
    if job.dtype == "int8":
        int8 = {"int8": job.calibration}
    export_model(job.model, job.inputs, path, job.target, **int8)
    options: dict[str, Any] = {"precision": job.dtype} if job.dtype == "bfloat16" else {}
    if job.target == "executorch":  # it would take a thread for each core of the machine
        options = {"threads": torch.get_num_threads()}
    return load_exported(path, job.target, **options)


BUILDERS: dict[str, Callable[["_Job"], Form]] = {
    "eager": _eager,
    "cpu": _optimized,
    "cpu_public": _optimized,
    **dict.fromkeys(EXPORTERS, _exported),
    "cuda": _cuda,
}


class _Job(NamedTuple):
    model: nn.Module
    inputs: tuple[Any, ...]
    target: str
    dtype: str
    folder: Path
    calibration: Iterable[Any] | None


def _measure(
    candidates: Mapping[str, Form],
    arguments: tuple[Any, ...],
    expected: Any,
    rounds: int,
    min_round_sec: float,
) -> dict[str, Measurement]:
    results: dict[str, Measurement] = {}
    calls: dict[str, int] = {}
    for name, form in candidates.items():
        try:
            output, peak_mb = _first_call(form, arguments)
        except Exception as error:  # of any runtime
            results[name] = Measurement(name, error=_sentence(error))
            continue
        expected = output if expected is None else expected
        apart = difference(output, expected)
        results[name] = Measurement(
            name, len(tensors(arguments)[0]), peak_mb=peak_mb, difference=apart
        )
        _, cpu = _timed(form, arguments)  # other work on the machine stretches the other
        calls[name] = max(1, min(100, int(min_round_sec / max(cpu, 1e-6))))
    walls: dict[str, list[float]] = {name: [] for name in calls}
    cpus: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        turn = number % max(1, len(calls))
        for name in [*list(calls)[turn:], *list(calls)[:turn]]:
            spent = [_timed(candidates[name], arguments) for _ in range(calls[name])]
            walls[name] += [wall for wall, _ in spent]
            cpus[name].append(statistics.mean(cpu for _, cpu in spent))
    for name in calls:
        wall_sec, cpu_sec = tuple(walls[name]), tuple(cpus[name])
        results[name] = replace(results[name], wall_sec=wall_sec, cpu_sec=cpu_sec)
    return results


@torch.no_grad()
def _timed(form: Form, arguments: tuple[Any, ...]) -> tuple[float, float]:
    """Seconds of a call by the clock, and of CPU time."""
    # Models of several pathways may write into the list that they get.
    fresh = tuple(list(x) if isinstance(x, list) else x for x in arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    form(*fresh)
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


@torch.no_grad()
def _first_call(form: Form, arguments: tuple[Any, ...]) -> tuple[Any, float | None]:
    """What it gives, and the MB that it adds to the peak of memory."""
    resident = _forget_peak()
    on_gpu = torch.cuda.memory_allocated() if torch.cuda.is_initialized() else 0
    fresh = tuple(list(x) if isinstance(x, list) else x for x in arguments)
    output = form(*fresh)
    if torch.cuda.is_initialized():
        peak = torch.cuda.max_memory_allocated() - on_gpu
        if peak > 0:
            return output, peak / 2**20
    return output, None if resident is None else _resident("VmHWM") - resident


def _forget_peak() -> float | None:
    """Let the peak of memory begin anew; MB that are resident now, if the system tells (Linux)."""
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed would hide what is taken
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        return _resident("VmRSS")
    except (OSError, AttributeError):
        return None


def _resident(field: str) -> float:
    """MB, as Linux says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _sentence(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
