"""Claim: int8 costs a trained X3D at most one point of top-1, and a file is 0.3 of float32's.

FOLDER is what `pytorchvideo-clone demo` writes: a trained model and its videos. Int8 is calibrated
on clips of training videos; every clip of the test videos, of each crop, is classified in float32
and in int8. A video's scores are the mean of those of its clips. Then each MODEL of the hub is
exported with random weights and random norms, and its scores are compared.

    pytorchvideo-clone demo --output FOLDER
    python benchmarks/int8.py FOLDER [MODEL ...]
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import (
    Int8Report,
    compare_accuracy,
    export_model,
    load_exported,
    optimize,
    randomize_norms,
)
from pytorchvideo_clone.data import ClipDataset, LabeledVideoPaths
from pytorchvideo_clone.hub import InputSpec, create_model, load_bundle, model_entry
from pytorchvideo_clone.recipes.inputs import evaluation_dataset, example_input, normalize_clips

FILES = {"onnx": "model.onnx", "openvino": "model.xml", "executorch": "model.pte"}
CALIBRATION_CLIPS = 32
Batch = tuple[Tensor, Tensor]


def clips_of(folder: Path, spec: InputSpec, **views: int) -> ClipDataset:
    """The clips of each video below a folder."""
    return evaluation_dataset(LabeledVideoPaths.from_path(str(folder)), spec, **views)


def normalized(sample: dict[str, Any], spec: InputSpec) -> Batch:
    """A sample's clips, and their labels."""
    clips = normalize_clips(sample["video"], spec)
    return clips, torch.full((len(clips),), int(sample["label"]))


def scores_of(model: Callable, loader: list[Batch]) -> list[Tensor]:
    """The scores of each video's clips."""
    with torch.no_grad():
        return [model(clips) for clips, _ in loader]


def replay(scores: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """A model that gives these scores in turn."""
    remaining = iter(scores)
    return lambda clips: next(remaining)


def files(
    model: nn.Module, example: Tensor, clips: list[Tensor], folder: Path
) -> Iterator[tuple[str, Callable, int, Int8Report | None]]:
    """Each file: its name, what it computes, its bytes, and what is in int8."""
    for target, file in FILES.items():
        for dtype, int8 in {"float32": None, "int8": clips}.items():
            path = folder / dtype / file
            try:
                report = export_model(model, example, path, int8=int8)
            except (ImportError, RuntimeError, ValueError) as error:
                print(f"{target} {dtype}: {error}", flush=True)
                continue
            yield f"{target} {dtype}", load_exported(path), report.bytes, report.int8


def trained(folder: Path, temporary: Path) -> None:
    """Print how often the forms of a trained model are right."""
    model, bundle = load_bundle(folder / "model.pth")
    model, spec = model.eval(), bundle.input_spec
    example = example_input(spec)
    training = clips_of(folder / "motion" / "train", spec, clips=1, crops=1)
    # Videos lie class by class.
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    clips = [normalized(training[i], spec)[0] for i in order[:CALIBRATION_CLIPS].tolist()]
    samples = [normalized(sample, spec) for sample in clips_of(folder / "motion" / "test", spec)]
    # The clips of a video follow each other; one batch is a video.
    starts = range(0, len(samples), spec.test_clips)
    test = [
        tuple(torch.cat(parts) for parts in zip(*samples[i : i + spec.test_clips], strict=True))
        for i in starts
    ]
    forms: list[tuple] = [("torch float32", model, None, None)]
    for dtype, calibration in {"bfloat16": None, "int8": clips}.items():
        try:
            fast = optimize(model, example, dtype=dtype, calibration=calibration)
            forms.append((f"optimize {dtype}", fast, None, fast.report.int8))
        except ValueError as error:  # this CPU has no such format
            print(f"optimize {dtype}: {error}")
    print("| form | top-1 | top-5 | same class | top-1 of videos | MB | layers in int8 |")
    print("|---|---|---|---|---|---|---|")
    expected = scores_of(model, test)
    videos = [(video, label[:1]) for video, label in test]
    for name, form, size, done in chain(forms, files(model, example, clips, temporary)):
        scores = scores_of(form, test)
        clip = compare_accuracy(replay(expected), replay(scores), test)
        means = [rows.softmax(1).mean(0, keepdim=True) for rows in scores]
        whole = compare_accuracy(replay(means), replay(means), videos)
        layers = f"{done.layers} of {done.layers + len(done.kept)}" if done else ""
        print(
            f"| {name} | {clip.int8_top1:.2f} | {clip.int8_top5:.2f} | {clip.same:.2f} | "
            f"{whole.top1:.2f} | {f'{size / 1e6:.2f}' if size else ''} | {layers} |",
            flush=True,
        )
    print(f"{clip.clips} clips of {whole.clips} videos\n")


def untrained(name: str, temporary: Path) -> None:
    """Print how far the scores of a model with random norms are from float32's."""
    torch.manual_seed(0)
    model = randomize_norms(create_model(name)).eval()
    example = example_input(model_entry(name).input_spec)
    clips = [torch.randn_like(example) for _ in range(9)]
    with torch.no_grad():
        expected = model(clips[-1])
    print(f"| {name} | relative L2 | correlation | MB |")
    print("|---|---|---|---|")
    for form, compute, size, _ in files(model, example, clips[:8], temporary):
        scores = compute(clips[-1])
        error = float((scores - expected).norm() / expected.norm())
        together = float(torch.corrcoef(torch.cat([scores, expected]))[0, 1])
        print(f"| {form} | {error:.4f} | {together:.5f} | {size / 1e6:.2f} |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        trained(Path(sys.argv[1]), Path(made))
        for given in sys.argv[2:]:
            untrained(given, Path(made))
