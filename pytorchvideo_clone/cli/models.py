"""Commands about models: list, predict, train, evaluate, export, demonstrate."""

import json as json_format
import sys
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.cli.results import results_into
from pytorchvideo_clone.cli.screen import file_writer, is_first_rank, progress
from pytorchvideo_clone.cli.tables import print_table
from pytorchvideo_clone.hub import ModelEntry, list_models, load_model, model_entry

__all__ = ["demo", "evaluate", "export", "models", "predict", "train"]


def models(filter: str = "", /, json: bool = False) -> None:
    """List the models of the zoo.

    Args:
        filter: show only names that contain this text.
        json: print all that is known of each, as JSON.
    """
    entries = [model_entry(name) for name in list_models(filter)]
    if not entries:
        raise ValueError(
            f"no model name contains {filter!r}; there are {', '.join(list_models())}."
        )
    if json:
        print(json_format.dumps([_described(entry) for entry in entries], indent=2))
        return
    rows = []
    for entry in entries:
        spec, weights = entry.input_spec, entry.weights
        numbers = ["no weights", "", "", ""]
        if weights is not None:
            # The first number: a row is one line, and --json has all.
            first = list(weights.accuracy.items())[:1]
            accuracy = "".join(f"{name} {value:.2f}" for name, value in first)
            gflops = f"{weights.gflops:.2f}" if weights.gflops else ""
            numbers = [weights.dataset, accuracy, f"{weights.params / 1e6:.2f}", gflops]
        size = f"{spec.num_frames} x {spec.sampling_rate}"
        rows.append([entry.name, size, f"{spec.crop}", *numbers])
    header = ["model", "frames x stride", "crop", "trained on", "accuracy %"]
    print_table([*header, "M params", "GFLOPs"], rows)


def _described(entry: ModelEntry) -> dict[str, Any]:
    """What the table of models knows of one, as plain data."""
    weights = None if entry.weights is None else asdict(entry.weights)
    spec = asdict(entry.input_spec)
    return {"name": entry.name, "task": entry.task, "input_spec": spec, "weights": weights}


def predict(
    model: str,
    sources: list[str],
    checkpoint: str | None = None,
    top_k: int = 5,
    output: str | None = None,
    clips: int | None = None,
    crops: int | None = None,
    decoder: str = "pyav",
) -> None:
    """Name the classes of videos. Ends with status 1 if one of them could not be read.

    Args:
        model: a file that `train` or `export` wrote (path or URL), or a name that `models` lists.
        sources: video files, or folders that are searched for them.
        checkpoint: weights of the model that is named (path or URL); without it the published ones.
        top_k: how many classes to name.
        output: a .json, .jsonl or .csv file, written as the results come; without it JSON is
            printed.
        clips: views in time; by default the model's.
        crops: views in space; by default the model's.
        decoder: "auto", "pyav", "torchcodec" or "decord".
    """
    recipes = optional_import("pytorchvideo_clone.recipes.predict", extra="train")
    options = {"top_k": top_k, "clips": clips, "crops": crops, "decoder": decoder}
    failed = 0
    with results_into(output) as write:
        loaded = load_model(model, checkpoint)
        if isinstance(loaded.model, nn.Module):
            loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
        videos = recipes.find_videos(sources)
        results = recipes.predict_videos(
            loaded.model, loaded.input_spec, loaded.class_names, videos, **options
        )
        with progress() as on_progress:
            for number, result in enumerate(results, start=1):
                write(result)
                if "error" in result:
                    failed += 1
                    print(f"error: {result['error']}", file=sys.stderr)
                on_progress(number, len(videos))
    if failed:
        sys.exit(1)


def train(data_path: str, **options: Any) -> None:
    """Train or fine-tune a classifier on a folder of class folders, or a csv file.

    Args:
        data_path: folder `<class>/*.mp4`, folder with `train`, `val` and `test` of that form, or a
            csv file of `path label` lines.
        **options: as below.
    """
    from pytorchvideo_clone.recipes.train import train_classifier

    result = train_classifier(data_path, **options)
    if not is_first_rank():
        return
    last = result["epochs"][-1]
    measure = "val_top1" if "val_top1" in last else "train_top1"
    print(f"{measure} {last[measure]:.4f} after epoch {last['epoch']:.0f}")
    if result["faults"]:
        print(f"{len(result['faults'])} videos with faults; metrics.json names them")
    print(f"checkpoint {result['checkpoint']}")


def evaluate(
    model: str,
    data_path: str,
    checkpoint: str | None = None,
    clips: int | None = None,
    crops: int | None = None,
    batch_size: int = 16,
    num_workers: int = 2,
    decoder: str = "pyav",
    time_limit_sec: float | None = None,
    output: str | None = None,
) -> None:
    """Evaluate a model over all views of labelled videos.

    Args:
        model: a file that `train` or `export` wrote (path or URL), or a name that `models` lists.
        data_path: as for `train`; its `test` folder is used, else `val`, else all videos.
        checkpoint: weights of the model that is named (path or URL); without it the published ones.
        clips: views in time; by default the model's.
        crops: views in space; by default the model's.
        batch_size: crops that pass the model at a time.
        num_workers: loader processes.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        time_limit_sec: how long reading one clip may take before it counts as unreadable.
        output: a JSON file for the numbers, with the confusion matrix.
    """
    recipes = optional_import("pytorchvideo_clone.recipes.evaluate", extra="train")
    write = file_writer(output)
    loaded = load_model(model, checkpoint)
    evaluation = recipes.evaluate_classifier(
        loaded.model,
        loaded.input_spec,
        loaded.class_names,
        data_path,
        clips=clips,
        crops=crops,
        batch_size=batch_size,
        num_workers=num_workers,
        decoder=decoder,
        time_limit_sec=time_limit_sec,
    )
    if not is_first_rank():
        return
    numbers = evaluation.to_dict()
    write(json_format.dumps(numbers, indent=2))
    print(
        f"top-1 {numbers['top1']:.4f}, top-5 {numbers['top5']:.4f} "
        f"over {numbers['videos']} videos, {numbers['views']}"
    )
    for path in evaluation.unreadable:
        print(f"left out: {path}: {evaluation.faults[path]}", file=sys.stderr)


def export(
    model: str,
    output: str,
    target: str | None = None,
    checkpoint: str | None = None,
    tolerance: float | None = None,
    calibration: str | None = None,
) -> None:
    """Export a model for another runtime and check that both compute the same.

    Args:
        model: a file that `train` wrote (path or URL), or a name that `models` lists.
        output: file to write: .onnx, .pt2, .pte (ExecuTorch), .xml (OpenVINO), .ts or .aoti.pt2.
        target: "onnx", "torch_export", "executorch", "openvino", "torchscript" or "aot_inductor";
            without it the ending of `output` says so.
        checkpoint: weights of the model that is named (path or URL); without it the published ones.
        tolerance: largest accepted difference, relative to the largest output; without it 0.001,
            and 0.1 in int8.
        calibration: folder of videos of the model's task: export in int8, .onnx, .xml or .pte.
    """
    recipes = optional_import("pytorchvideo_clone.recipes.export", extra="train")
    report = recipes.export_checkpoint(
        model, output, target, checkpoint=checkpoint, tolerance=tolerance, calibration=calibration
    )
    print(report.to_json())


def demo(output: str = "demo_output", seed: int = 0) -> None:
    """Train, evaluate, export and use a small model on videos made on the spot.

    Args:
        output: folder for the data, the checkpoint, the numbers, the ONNX file and the report.
        seed: of the training.
    """
    print("The demo takes about 4 minutes on 2 cores, and needs no network.", flush=True)
    recipes = optional_import("pytorchvideo_clone.recipes.demo", extra="train")
    written = recipes.run_demo(output, seed)
    print_table(["file", "what it is"], [[path, what] for path, what in written.items()])
