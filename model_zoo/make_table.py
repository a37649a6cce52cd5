"""Write the table of models into README.md beside this file, from the hub.

    python model_zoo/make_table.py

Parameters and multiply-adds are counted here, by fvcore's rules: one multiply-add of a convolution
or a matrix product is 1, a norm is 5 an element, everything else is nothing. The count runs on
torch's meta device, which takes a second for all models; fvcore itself has to compute the model.

Speeds are read from results/speed.json. On a quiet machine,

    pytorchvideo-clone benchmark MODEL ... --rounds 5 --json model_zoo/results/speed.json

measures models, as many at a time as one likes: rows of other models stay.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from pytorchvideo_clone.hub import ModelEntry, list_models, model_entry

README = Path(__file__).with_name("README.md")
SPEED = Path(__file__).with_name("results") / "speed.json"
START, END = "<!-- table: python model_zoo/make_table.py -->\n", "<!-- end of table -->\n"
# Why a published count differs from ours by more than 1 %.
NORMS_OUT = "The published count leaves the norms out; without them ours is the same."
HALF_CLIP = "The published count, without norms, is of a clip of 16 frames."
WIDENED = (
    "Ours appends the relative positions to queries and keys and so holds no matrix of scores; "
    "without the wider products, and without norms, ours is the same."
)
EXPLAINED = {
    **dict.fromkeys(["slow_r50", "slowfast_r50"], NORMS_OUT),
    "mvit_v2_s": WIDENED,
    **dict.fromkeys(["swin3d_t", "swin3d_s", "swin3d_b"], HALF_CLIP),
}


@functools.cache
def count_parameters(entry: ModelEntry) -> int:
    """Count the parameters of a model with the head of its published weights."""
    return sum(weight.numel() for weight in build_on_meta(entry).parameters())


@functools.cache
def count_gflops(entry: ModelEntry, norms: bool = True) -> float:
    """Count 10^9 multiply-adds of one test view, by fvcore's rules.

    Args:
        entry: the model; a detector gets one box.
        norms: count them.
    """
    spec = entry.input_spec
    shape = (1, len(spec.mean), spec.num_frames, spec.test_crop, spec.test_crop)
    inputs = [torch.empty(shape, device="meta")]
    if entry.task == "detection":
        inputs.append(torch.empty(1, 5, device="meta"))
    # torch counts a multiply and an add apart; fvcore has 5 an element for a norm in training.
    per_element = 2 * 5 if norms else 0
    counter = FlopCounterMode(
        display=False, custom_mapping=dict.fromkeys(NORMS, _elementwise(per_element))
    )
    with counter, torch.no_grad():
        build_on_meta(entry)(*inputs)
    return counter.get_total_flops() / 2e9


def build_on_meta(entry: ModelEntry) -> torch.nn.Module:
    """Make a model of shapes alone, in eval mode."""
    classes = {} if entry.weights is None else {"num_classes": entry.weights.num_classes}
    with torch.device("meta"):
        return entry.build(**classes).eval()


def make_table() -> str:
    """Make the table of all models, as Markdown."""
    lines = [
        "| model | data | frames x rate | crop | views | top-1 | top-5 | mAP "
        "| GFLOPs | published | ms | optimized | parameters (M) | published | weights |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    notes: list[str] = []
    speed, about_speed = read_speed()
    for name in list_models():
        entry = model_entry(name)
        gflops = f"{count_gflops(entry):.2f}"
        if name in EXPLAINED:
            if EXPLAINED[name] not in notes:
                notes.append(EXPLAINED[name])
            gflops += f" ({notes.index(EXPLAINED[name]) + 1})"
        lines.append(_row(entry, gflops, speed.get(name, {}), count_parameters(entry)))
    notes = [f"({i}) {note}" for i, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", *notes, *about_speed]) + "\n"


def read_speed() -> tuple[dict[str, dict[str, float]], list[str]]:
    """Read what `pytorchvideo-clone benchmark` measured.

    Returns:
        Model -> target -> milliseconds of CPU time, of one clip in float32 on one thread; and lines
        that say where that was.
    """
    if not SPEED.exists():
        return {}, []
    written = json.loads(SPEED.read_text(encoding="utf-8"))
    speed: dict[str, dict[str, float]] = {}
    for row in written["rows"]:
        if (row["dtype"], row["threads"], row["batch"], row["error"]) == ("float32", 1, 1, ""):
            speed.setdefault(row["model"], {})[row["target"]] = row["cpu_ms"]
    machine = written["machine"]
    about = (
        "ms: one view in float32 on one thread, eager and as `accelerator.optimize` makes it; "
        f"{machine['cores']} cores of an {machine['cpu']}, torch {machine['torch']}, "
        f"{machine['date']}."
    )
    return speed, ["", about]


def read_table() -> str:
    """Read the table that README.md shows."""
    return README.read_text(encoding="utf-8").partition(START)[2].partition(END)[0]


def write_table() -> None:
    """Write the table into README.md."""
    before, start, rest = README.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    README.write_text(before + start + make_table() + end + after, encoding="utf-8")


NORMS = [
    torch.ops.aten._native_batch_norm_legit_no_training,
    torch.ops.aten.native_layer_norm,
]


def _elementwise(count: int) -> Callable[..., int]:
    return lambda shape, *args, out_shape=None, **kwargs: count * torch.Size(shape).numel()


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _row(entry: ModelEntry, gflops: str, speed: dict[str, float], params: int) -> str:
    spec, weights = entry.input_spec, entry.weights
    accuracy = {} if weights is None else weights.accuracy
    cells: list[Any] = [
        entry.name,
        "-" if weights is None else weights.dataset,
        f"{spec.num_frames} x {spec.sampling_rate}",
        spec.test_crop,
        "-" if weights is None else f"{spec.test_clips} x {spec.test_crops}",
        *(accuracy.get(key, "-") for key in ("top1", "top5", "map")),
        gflops,
        "-" if weights is None or weights.gflops is None else weights.gflops,
        *(_milliseconds(speed[way]) if way in speed else "-" for way in ("eager", "cpu")),
        f"{params / 1e6:.2f}",
        "-" if weights is None else f"{weights.params / 1e6:.2f}",
        "-" if weights is None else f"[file]({weights.url})",
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    write_table()
