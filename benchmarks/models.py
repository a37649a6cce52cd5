"""Claim: no model is slower than PyTorchVideo's, in evaluation or training, and MViT is faster.

Both packages build the same model and get the same clip on one thread, in plain eager mode; who
begins changes from round to round. The ratio is the median over the rounds of the peer's CPU time
over ours: above 1 ours is faster. Peak memory is what a job adds to a process of its own that has
built the model; graph breaks are those of `torch.compile`. torchvision's MViT is measured beside
ours.

    pip install --no-deps pytorchvideo
    python benchmarks/models.py [ROUNDS [MODEL ...]]
"""

import gc
import importlib
import multiprocessing
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch import Tensor, nn

warnings.filterwarnings("ignore")  # PyTorchVideo's imports warn

# Hub name -> shapes of its clip: the published size, or a smaller one where that takes too long.
MODELS: dict[str, list[tuple[int, ...]]] = {
    "c2d_r50": [(1, 3, 8, 224, 224)],
    "i3d_r50": [(1, 3, 8, 224, 224)],
    "slow_r50": [(1, 3, 8, 224, 224)],
    "slowfast_r50": [(1, 3, 8, 224, 224), (1, 3, 32, 224, 224)],
    "x3d_xs": [(2, 3, 4, 160, 160)],
    "x3d_s": [(1, 3, 13, 160, 160)],
    "csn_r101": [(1, 3, 8, 224, 224)],
    "r2plus1d_r50": [(1, 3, 8, 224, 224)],
    "mvit_base_16x4": [(1, 3, 16, 224, 224)],
}
# The clips of these are shorter than published, and so is the pool of the head.
HEAD_POOLS = {"csn_r101": (1, 7, 7), "r2plus1d_r50": (2, 7, 7)}


def build(package: str, name: str) -> nn.Module:
    """Build a model of one of the packages, with random weights."""
    torch.manual_seed(0)
    if package == "torchvision":
        return importlib.import_module("torchvision.models.video").mvit_v1_b()
    if name in HEAD_POOLS:  # the hub functions fix these arguments
        builder, fixed = {
            "csn_r101": ("csn:create_csn", {"model_depth": 101, "stem_pool": nn.MaxPool3d}),
            "r2plus1d_r50": ("r2plus1d:create_r2plus1d", {"dropout_rate": 0.5}),
        }[name]
        module, function = builder.split(":")
        create = getattr(importlib.import_module(f"{package}.models.{module}"), function)
        return create(**fixed, head_pool_kernel_size=HEAD_POOLS[name])
    return getattr(importlib.import_module(f"{package}.models.hub"), name)()


def call(model: nn.Module, clips: list[Tensor]) -> Tensor:
    """Run a model; PyTorchVideo's SlowFast writes into its list, so it gets a copy."""
    return model(list(clips) if len(clips) > 1 else clips[0])


def evaluate(model: nn.Module, clips: list[Tensor]) -> None:
    """One forward pass."""
    with torch.no_grad():
        call(model.eval(), clips)


def evaluate_bf16(model: nn.Module, clips: list[Tensor]) -> None:
    """One forward pass in bfloat16 autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        evaluate(model, clips)


def train(model: nn.Module, clips: list[Tensor]) -> None:
    """One forward and backward pass."""
    model.train().zero_grad()
    call(model, clips).sum().backward()


Job = Callable[[nn.Module, list[Tensor]], None]
JOBS: dict[str, Job] = {"evaluate": evaluate, "bf16": evaluate_bf16, "train": train}


def measure(
    job: Job, models: dict[str, nn.Module], clips: list[Tensor], rounds: int
) -> dict[str, list[float]]:
    """CPU seconds of every package, in turn; the first round does not count."""
    spent: dict[str, list[float]] = {package: [] for package in models}
    for number in range(rounds + 1):
        # The one that begins finds other caches and another heap than the one that follows.
        for package in list(models)[:: -1 if number % 2 else 1]:
            gc.collect()
            begin = time.process_time()
            job(models[package], clips)
            if number:
                spent[package].append(time.process_time() - begin)
    return spent


def peak_memory(package: str, name: str, job: str) -> float:
    """MB that a job adds to a new process that has built the model."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peak_memory, package, name, job).result()


def graph_breaks(model: nn.Module, clips: list[Tensor]) -> int:
    """How often `torch.compile` has to leave the graph."""
    torch._dynamo.reset()
    return torch._dynamo.explain(lambda: call(model.eval(), clips))().graph_break_count


def main() -> None:
    """Print a line a model, job and package."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    print(f"torch {torch.__version__}, one thread, {rounds} rounds\n")
    print("| model | job | package | CPU s | its CPU / ours | peak MB | graph breaks |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in sys.argv[2:] or MODELS:
        packages = ["pytorchvideo_clone", "pytorchvideo"]
        packages += ["torchvision"] * name.startswith("mvit")
        models = {package: build(package, name) for package in packages}
        clips = [torch.randn(shape) for shape in MODELS[name]]
        breaks = {package: graph_breaks(model, clips) for package, model in models.items()}
        for job, function in JOBS.items():
            spent = measure(function, models, clips, rounds)
            for package in packages:
                pairs = zip(spent[package], spent["pytorchvideo_clone"], strict=True)
                ratio = statistics.median(theirs / ours for theirs, ours in pairs)
                print(
                    f"| {name} | {job} | {package} | {statistics.median(spent[package]):.2f}"
                    f" | {ratio:.2f} | {peak_memory(package, name, job):.0f} | {breaks[package]} |",
                    flush=True,
                )


def _peak_memory(package: str, name: str, job: str) -> float:
    torch.set_num_threads(1)
    model, clips = build(package, name), [torch.randn(shape) for shape in MODELS[name]]
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # Linux: the peak begins anew
    before = _resident("VmRSS")
    JOBS[job](model, clips)
    return (_resident("VmHWM") - before) / 1024


def _resident(field: str) -> int:
    """KB, as Linux says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
