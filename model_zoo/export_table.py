"""Export every model of the hub with every exporter, and write the table.

    python model_zoo/export_table.py [--minutes 8] [--targets onnx executorch] [--models x3d_s]

Writes results/exports.json after each cell and results/exports.md at the end. Cells that the json
file holds are not made again: run it until nothing is left, twice at once for different targets if
you like. Depths and widths are those of the hub, clips are small, weights are random with norms
that show when they are wrong.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone.accelerator import EXPORTERS, export_model, randomize_norms
from pytorchvideo_clone.hub import create_model, list_models, model_entry

RESULTS = Path(__file__).with_name("results")
TOLERANCE = 1e-3
BOXES = torch.tensor([[0, 1.0, 2.0, 50.0, 60.0], [0, 10.0, 10.0, 40.0, 40.0]])
RESNETS = ("slow_r50", "c2d_r50", "i3d_r50", "slowfast", "csn", "r2plus1d_r50")


def small(name: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Arguments of a hub model for a small clip, and the clip's size (C, T, H, W)."""
    spec = model_entry(name).input_spec
    if name == "slow_r50_detection":
        return {"head_activation": None}, (3, 4, 64, 64)
    if name == "slowfast_r50_detection":
        pools = {"head_pool_kernel_sizes": ((2, 1, 1), (8, 1, 1))}
        return {"head_activation": None, **pools}, (3, 8, 64, 64)
    if name.startswith(RESNETS):
        return {"head_pool": nn.AdaptiveAvgPool3d}, (3, 8, 32, 32)
    if name.startswith("x3d"):
        return {"input_clip_length": 4, "input_crop_size": 32}, (3, 4, 32, 32)
    if name in ("r3d_18", "mc3_18", "r2plus1d_18"):
        return {}, (3, 4, 32, 32)
    if name.startswith("swin3d"):
        return {}, (3, 4, 64, 64)
    if name.startswith("mvit"):
        frames = min(spec.num_frames, 4)
        return {"spatial_size": 64, "temporal_size": frames}, (3, frames, 64, 64)
    return {}, spec.input_shape


def make(name: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A model with random norms, and its inputs: a clip, and boxes if it detects."""
    arguments, size = small(name)
    torch.manual_seed(0)
    model = randomize_norms(create_model(name, **{**model_entry(name).logits, **arguments}))
    boxes = (BOXES,) if model_entry(name).task == "detection" else ()
    return model.eval(), (torch.randn(1, *size), *boxes)


def make_cell(model: nn.Module, inputs: tuple[torch.Tensor, ...], target: str) -> dict[str, Any]:
    """Export and compare; a failure gives its sentence."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"model{EXPORTERS[target].suffix}"
        try:
            report = export_model(model, inputs, path, target, tolerance=TOLERANCE)
        except Exception as error:  # the cell says what it was
            return {"error": str(error), "seconds": round(time.monotonic() - begin, 1)}
    return {
        "bytes": report.bytes,
        "difference": report.difference,
        "operators": report.operators,
        "seconds": round(time.monotonic() - begin, 1),
    }


def make_table(cells: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "# Every model, every exporter",
        "",
        "Made by `python model_zoo/export_table.py`. A cell: size of the file in MB, and the",
        "largest difference of the reloaded file from the model, relative to the largest score,",
        "on the example and on random clips of another batch size. Clips are small; depths and",
        f"widths are those of the hub. A difference above {TOLERANCE:g} would be a failure.",
        "",
        f"| model | clip | {' | '.join(EXPORTERS)} |",
        f"|---|---|{'---|' * len(EXPORTERS)}",
    ]
    failures = []
    for name in list_models():
        row = [name, " x ".join(map(str, small(name)[1]))]
        for target in EXPORTERS:
            cell = cells.get(name, {}).get(target)
            if cell is None:
                row.append("not run")
            elif "error" in cell:
                row.append("no")
                failures.append(f"- `{name}`, {target}: {cell['error']}")
            else:
                row.append(f"{cell['bytes'] / 1e6:.1f}, {cell['difference']:.0e}")
        lines.append(f"| {' | '.join(row)} |")
    lines += [
        "",
        "Files of `onnx` and `executorch` leave out taps that meet no frame of so short a clip;",
        "hence some are smaller.",
        "",
        "## What cannot be exported",
        "",
        *(failures or ["Nothing of what was run."]),
    ]
    if unknown := sum(line.count("not run") for line in lines):
        lines += ["", f"{unknown} cells have not been run."]
    lines += ["", "## What XNNPACK leaves to portable kernels", ""]
    lines += [
        "Operators outside of delegates; convolutions and matrix products are never among them.",
        "",
        "| model | delegates | operators outside |",
        "|---|---|---|",
    ]
    for name in list_models():
        operators = dict(cells.get(name, {}).get("executorch", {}).get("operators", {}))
        if operators:
            delegates = operators.pop("executorch_call_delegate", 0)
            outside = ", ".join(f"{count} {_short(kind)}" for kind, count in operators.items())
            lines.append(f"| {name} | {delegates} | {outside or 'none'} |")
    return "\n".join(lines) + "\n"


def _short(operator: str) -> str:
    return operator.removeprefix("aten.").removeprefix("dim_order_ops.").partition(".")[0]


def _read(results: Path) -> dict[str, dict[str, Any]]:
    return json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}


def main() -> None:
    """Make the cells that are missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8, help="begin no cell after this")
    parser.add_argument("--targets", nargs="*", default=list(EXPORTERS), choices=list(EXPORTERS))
    parser.add_argument("--models", nargs="*", default=list_models())
    parser.add_argument("--results", type=Path, default=RESULTS / "exports.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        cells = _read(options.results)
        missing = [target for target in options.targets if target not in cells.get(name, {})]
        if not missing or time.monotonic() > end:
            continue
        model, inputs = make(name)
        for target in missing:
            if time.monotonic() < end:
                cell = make_cell(model, inputs, target)
                print(name, target, cell.get("error") or f"{cell['difference']:.1e}", flush=True)
                cells = _read(options.results)  # another run may have added to it
                cells.setdefault(name, {})[target] = cell
                options.results.write_text(
                    json.dumps(cells, indent=1, sort_keys=True) + "\n", encoding="utf-8"
                )
    options.results.with_suffix(".md").write_text(
        make_table(_read(options.results)), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
