"""Claim: models run several times faster on a CPU than PyTorchVideo's do, and train faster.

Vanilla is PyTorchVideo's own model in eager mode; ours has its weights, with norms drawn at random,
as those of a new model hide what a form does wrong; the differences of the outputs are shown. All
run on one thread, pinned to one core, and take turns, round after round. The figure is CPU time, a
ratio the median of those of each round. Every model of every section has a process of its own. The
sections are

    fp32         `optimize`
    bf16         `optimize(dtype="bfloat16")`
    openvino     `export_model` to OpenVINO, run in bfloat16
    executorch   `export_model` to ExecuTorch, also against PyTorchVideo's deployable form, and
                 against vanilla without oneDNN, which is nearest to the PyTorch of a phone
    int8         the same in int8, all layers, calibrated on random clips; PyTorchVideo's is
                 qnnpack's
    training     forward and backward of `transmute_model(model, "cpu")`
    build        seconds to make the fp32 form, and how many of them go into the check of it, most
                 of which is a run of the model itself

How fast a model can be at all depends on the CPU: the sections fp32 and bf16 also say how many
GFLOP/s a model reaches (two operations a multiply-add of its convolutions and products, as
`torch.utils.flop_counter` counts those of vanilla), what a gate and an aim ask for, and the roof,
which is what one large convolution and one large product of matrices by oneDNN reach on the same
core. A gate with a share of the roof near or above 1 was set on another CPU.

    pip install --no-deps --target /tmp/ptv pytorchvideo==0.1.5
    PYTHONPATH=.:/tmp/ptv python benchmarks/accelerator.py [--sections fp32] [--models x3d_xs]
"""

import argparse
import math
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from accelerator_peers import SHAPES, Form, Subject, deployable, fresh, without_onednn
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pytorchvideo_clone.accelerator import (
    Measurement,
    benchmark,
    export_model,
    load_exported,
    optimize,
    transmute_model,
)
from pytorchvideo_clone.accelerator.passes.onednn import FusedLinear

RESULTS = Path(__file__).parent / "results" / "accelerator.md"
CORE = max(os.sched_getaffinity(0))


class Claim(NamedTuple):
    """That a form takes so many times less than another one: what must hold, and the aim."""

    form: str
    against: str
    gate: float
    aim: float | None


def _against_vanilla(form: str, numbers: dict[str, tuple]) -> dict[str, list[Claim]]:
    return {model: [Claim(form, "vanilla", *pair)] for model, pair in numbers.items()}


DEPLOYABLE, NO_ONEDNN = "PyTorchVideo's deployable form", "vanilla, oneDNN off"
# Section -> model -> claims.
CLAIMS: dict[str, dict[str, list[Claim]]] = {
    "fp32": _against_vanilla(
        "ours, fp32",
        {
            "x3d_xs": (2.2, 2.7),
            "x3d_s": (3.2, 4.0),
            "x3d_m": (3.6, 4.8),
            "x3d_l": (3.6, 4.8),
            "slow_r50": (2.1, 2.3),
            "slowfast_r50": (2.2, 2.5),
            "r2plus1d_r50": (2.5, 3.0),
            "csn_r101": (3.2, 4.2),
            "mvit_base_16x4": (1.9, 2.2),
        },
    ),
    "bf16": _against_vanilla(
        "ours, bf16",
        {
            "x3d_xs": (2.8, 4.0),
            "x3d_s": (4.9, 6.5),
            "x3d_m": (7.0, 8.5),
            "slow_r50": (4.1, 4.6),
            "csn_r101": (7.0, 9.0),
        },
    ),
    "openvino": _against_vanilla(
        "ours, OpenVINO bf16", {"x3d_xs": (4.8, None), "x3d_s": (7.0, None), "x3d_m": (9.0, None)}
    ),
    "executorch": {
        model: [
            Claim("ours, ExecuTorch fp32", "vanilla", *vanilla),
            Claim("ours, ExecuTorch fp32", f"{DEPLOYABLE}, fp32", 2.8, 4.0),
            Claim("ours, ExecuTorch fp32", NO_ONEDNN, *no_onednn),
        ]
        for model, vanilla, no_onednn in (
            ("x3d_xs", (2.5, 3.2), (12.0, 16.0)),
            ("x3d_s", (2.6, 3.5), (14.0, 20.0)),
        )
    },
    "int8": {
        model: [
            Claim("ours, ExecuTorch int8", "vanilla", *vanilla),
            Claim("ours, ExecuTorch int8", f"{DEPLOYABLE}, int8", 7.0, 10.0),
            Claim("ours, ExecuTorch int8", NO_ONEDNN, *no_onednn),
        ]
        for model, vanilla, no_onednn in (
            ("x3d_xs", (4.2, 5.5), (19.0, 25.0)),
            ("x3d_s", (5.0, 7.0), (25.0, 35.0)),
        )
    },
    "training": _against_vanilla(
        "ours, transmuted",
        {
            "x3d_s": (2.1, 3.0),
            "slow_r50": (1.3, 1.6),
            "csn_r101": (1.6, 2.2),
            "r2plus1d_r50": (1.4, 1.8),
        },
    ),
    "build": {model: [] for model in SHAPES},
}
Builder = Callable[[], Form]
INT8_OF_FP32_BYTES = 0.30
BUILD_GATE_SEC, BUILD_AIM_SEC = 3.0, 1.0


def export(subject: Subject, target: str, dtype: str) -> tuple[Form, float]:
    """Our export, loaded again, and the MB of its file."""
    ending = {"executorch": "pte", "openvino": "xml"}[target]
    path = subject.folder / f"{dtype}.{ending}"
    options: dict[str, Any] = {}
    if dtype == "int8":
        options = {"int8": subject.calibration(), "tolerance": math.inf}
    report = export_model(subject.ours, subject.input, path, target, **options)
    loading: dict[str, Any] = {"precision": "bfloat16"} if dtype == "bf16" else {}
    if target == "executorch":
        loading = {"threads": 1}
    return load_exported(path, target, **loading), report.bytes / 1e6


def training_step(model: nn.Module) -> Form:
    """Forward and backward, without dropout, so that losses can be compared."""
    model.train()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0

    def step(x: Any) -> Tensor:
        with torch.enable_grad():
            scores = model(x)
            loss = F.cross_entropy(scores, torch.arange(len(scores)))
            loss.backward()
        model.zero_grad(set_to_none=True)
        return loss.detach()

    return step


def builders_of(section: str, subject: Subject, files: dict[str, float]) -> dict[str, Builder]:
    """What a section compares, each as a function that makes it; MB of files go into `files`."""
    ours, x = subject.ours, subject.input

    def exported(name: str, target: str, dtype: str) -> Form:
        form, files[name] = export(subject, target, dtype)
        return form

    if section == "training":
        return {
            "vanilla": lambda: training_step(subject.vanilla),
            "ours, transmuted": lambda: training_step(transmuted(ours)),
        }
    builders: dict[str, Builder] = {"vanilla": lambda: subject.vanilla}
    if section == "fp32":
        builders["ours, fp32"] = lambda: optimize(ours, x)
    elif section == "bf16":
        # Norms drawn at random make errors grow; how much is in the table.
        builders["ours, bf16"] = lambda: optimize(ours, x, dtype="bfloat16", tolerance=math.inf)
    elif section == "openvino":
        name = "ours, OpenVINO bf16"
        builders[name] = partial(exported, name, "openvino", "bf16")
    else:
        dtypes = ["fp32"] if section == "executorch" else ["int8", "fp32"]  # for its size
        builders[NO_ONEDNN] = lambda: without_onednn(subject.vanilla)
        builders[f"{DEPLOYABLE}, {dtypes[0]}"] = lambda: deployable(subject, dtypes[0])
        for dtype in dtypes:
            name = f"ours, ExecuTorch {dtype}"
            builders[name] = partial(exported, name, "executorch", dtype)
    return builders


def transmuted(model: nn.Module) -> nn.Module:
    """Our model with convolutions that train faster."""
    transmute_model(model, target_device="cpu")
    return model


def measure(section: str, name: str, rounds: int, batch: int) -> list[str]:
    """The lines of a model's tables, made in a process of its own."""
    warnings.simplefilter("ignore")
    os.sched_setaffinity(0, {CORE})
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(name, batch, Path(folder))
        if section == "build":
            return _build(subject)
        files: dict[str, float] = {}
        forms: dict[str, Form] = {}
        results: dict[str, Measurement] = {}
        for form, build in builders_of(section, subject, files).items():
            try:
                forms[form] = build()
            except Exception as error:  # of any runtime; the others are still measured
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                results[form] = Measurement(form, error=reason)
        expected = None if section == "training" else subject.expected
        results |= benchmark(forms, subject.input, expected=expected, rounds=rounds)
    lines = [f"\n| {name}, batch {batch} | CPU ms | difference | MB | |", "|---|---|---|---|---|"]
    for form, result in results.items():
        # PyTorchVideo's deployable form has other keys, hence other weights.
        same = not form.startswith(DEPLOYABLE) and not result.error
        cells = [
            f"{result.cpu_ms:.1f}" if result.cpu_sec else "",
            f"{result.difference:.0e}" if same else "",
            f"{files[form]:.1f}" if form in files else "",
            result.error,
        ]
        lines.append(f"| {form} | {' | '.join(cells)} |")
    lines += ["\n| | against | times faster | gate | aim | |", "|---|---|---|---|---|---|"]
    for claim in CLAIMS[section][name]:
        form, other = results[claim.form], results[claim.against]
        if form.error or other.error:
            lines.append(
                f"| {claim.form} | {claim.against} | | {claim.gate} | | **not measured** |"
            )
            continue
        ratio = form.times_faster(other)
        cells = [f"{ratio:.2f}", f"{claim.gate}", f"{claim.aim or ''}", _verdict(ratio, claim)]
        lines.append(f"| {claim.form} | {claim.against} | {' | '.join(cells)} |")
    claim = CLAIMS[section][name][0]
    if section in ("fp32", "bf16") and not (
        results[claim.form].error or results[claim.against].error
    ):
        lines += _rates(subject, section, claim, results)
    if section == "int8" and {"ours, ExecuTorch int8", "ours, ExecuTorch fp32"} <= files.keys():
        part = files["ours, ExecuTorch int8"] / files["ours, ExecuTorch fp32"]
        reached = "reached" if part <= INT8_OF_FP32_BYTES else "**not reached**"
        lines.append(f"\nThe int8 file has {part:.3f} of the bytes of fp32: {reached}.")
    return lines


def _rates(
    subject: Subject, section: str, claim: Claim, results: dict[str, Measurement]
) -> list[str]:
    """The lines of a table of GFLOP/s, and their shares of the roof."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        subject.vanilla(fresh(subject.input))
    flops = counter.get_total_flops()
    roof = roof_gflops(torch.bfloat16 if section == "bf16" else torch.float32)
    rates = dict(roof)
    for form in (claim.form, claim.against):
        rates[form] = flops / results[form].cpu_ms / 1e6
    for word, times in (("gate", claim.gate), ("aim", claim.aim)):
        if times:
            rates[f"the {word}, {times} times {claim.against}"] = rates[claim.against] * times
    lines = [f"\n| {flops / 1e9:.2f} GFLOP | GFLOP/s | of the roof |", "|---|---|---|"]
    highest = max(roof.values())
    return [
        *lines,
        *(f"| {row} | {rate:.0f} | {rate / highest:.2f} |" for row, rate in rates.items()),
    ]


def roof_gflops(dtype: torch.dtype) -> dict[str, float]:
    """GFLOP/s of one thread in a large convolution and a large product of matrices, by oneDNN."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 256, 28, 28, generator=draw).to(dtype, memory_format=torch.channels_last)
    conv = torch.randn(256, 256, 3, 3, generator=draw).to(dtype, memory_format=torch.channels_last)
    rows, weight = (torch.randn(1024, 1024, generator=draw).to(dtype) for _ in range(2))
    product = FusedLinear(weight, None, len(rows))
    calls: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "roof: a convolution": (
            2 * conv.numel() * 4 * 28 * 28,
            lambda: F.conv2d(x, conv, None, 1, 1),
        ),
        "roof: a product of matrices": (2 * 1024**3, lambda: product(rows)),
    }
    return {name: flops / _least_sec(call) / 1e9 for name, (flops, call) in calls.items()}


def _least_sec(call: Callable[[], Tensor], rounds: int = 20) -> float:
    """The shortest of the CPU times of one call, as others on the machine only add to them."""
    call()
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def _build(subject: Subject) -> list[str]:
    lines = [f"\n| {subject.name}, fp32 form | s, CPU | the check | gate | aim | |"]
    lines.append("|---|---|---|---|---|---|")
    for which in ("first in a process, which loads torch.export", "again"):
        begin = time.process_time()
        seconds = optimize(subject.ours, subject.input).report.seconds
        spent = time.process_time() - begin
        check = spent * seconds["check"] / sum(seconds.values())
        word = "aim reached" if spent < BUILD_AIM_SEC else "reached"
        verdict = word if spent < BUILD_GATE_SEC else "**not reached**"
        gates = f"{BUILD_GATE_SEC} | {BUILD_AIM_SEC} | {verdict}"
        lines.append(f"| {which} | {spent:.2f} | {check:.2f} | {gates} |")
    return lines


def _verdict(ratio: float, claim: Claim) -> str:
    if ratio < claim.gate:
        return "**not reached**"
    return "aim reached" if claim.aim and ratio >= claim.aim else "reached"


def _heading() -> str:
    """Command, machine, date and versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next(line.partition(":")[2].split() for line in lines if line.startswith("model name"))
    versions = []
    for package in ("torch", "pytorchvideo", "openvino", "executorch", "torchao"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    gpu = "a GPU that is not used" if torch.cuda.is_available() else "no GPU"
    return (
        f"\n## `python benchmarks/accelerator.py {' '.join(sys.argv[1:])}`\n\n"
        f"{os.cpu_count()} cores of an {' '.join(cpu[:2])}, {gpu}, one thread on one core, "
        f"{date.today()}; {', '.join(versions)}.\n"
    )


def main() -> None:
    """Print tables of the claims, and append them to the results if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sections", nargs="*", default=list(CLAIMS), choices=list(CLAIMS))
    parser.add_argument("--models", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--append", action="store_true", help=f"also write to {RESULTS.name}")
    options = parser.parse_args()
    shown = [_heading()]
    print(shown[0], flush=True)
    context = multiprocessing.get_context("spawn")
    for section in options.sections:
        shown.append(f"\n### {section}")
        print(shown[-1], flush=True)
        for name in options.models:
            if name not in CLAIMS[section]:
                continue
            batch = 2 if (section, name) == ("training", "x3d_s") else 1
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                try:
                    lines = pool.submit(measure, section, name, options.rounds, batch).result()
                except Exception as error:  # of any runtime; the other models are still measured
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    lines = [f"\n{name}, batch {batch}: **not measured**: {reason}"]
            shown += lines
            print("\n".join(lines), flush=True)
    if options.append:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n".join(shown) + "\n")


if __name__ == "__main__":
    main()
