"""Claim: no model is slower than PyTorchVideo's, in evaluation or training, and MViT is faster.

Both packages build the same model and get the same clip in turn, in float32 on one thread. The
ratio is the median over the rounds of the peer's CPU time over ours: above 1 ours is faster.
torchvision's MViT is measured beside ours.

    pip install --no-deps pytorchvideo
    python benchmarks/models.py [ROUNDS [MODEL ...]]
"""

import gc
import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Callable

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


def train(model: nn.Module, clips: list[Tensor]) -> None:
    """One forward and backward pass."""
    model.train().zero_grad()
    call(model, clips).sum().backward()


def measure(
    job: Callable[[nn.Module, list[Tensor]], None],
    models: dict[str, nn.Module],
    clips: list[Tensor],
    rounds: int,
) -> dict[str, list[float]]:
    """CPU seconds of every package, in turn; the first round does not count."""
    spent: dict[str, list[float]] = {package: [] for package in models}
    for number in range(rounds + 1):
        for package, model in models.items():
            gc.collect()
            begin = time.process_time()
            job(model, clips)
            if number:
                spent[package].append(time.process_time() - begin)
    return spent


def main() -> None:
    """Print a line a model, peer and job."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'model':16} {'job':9} {'peer':13} {'ours, s':>8} {'peer / ours':>12}", flush=True)
    for name in sys.argv[2:] or MODELS:
        peers = ["pytorchvideo"] + ["torchvision"] * name.startswith("mvit")
        models = {package: build(package, name) for package in ("pytorchvideo_clone", *peers)}
        clips = [torch.randn(shape) for shape in MODELS[name]]
        for job in (evaluate, train):
            spent = measure(job, models, clips, rounds)
            ours = spent["pytorchvideo_clone"]
            for peer in peers:
                ratio = statistics.median(a / b for a, b in zip(spent[peer], ours, strict=True))
                shown = f"{statistics.median(ours):8.2f} {ratio:12.2f}"
                print(f"{name:16} {job.__name__:9} {peer:13} {shown}", flush=True)


if __name__ == "__main__":
    main()
