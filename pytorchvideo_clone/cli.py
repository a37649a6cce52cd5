"""The command line: one function a command."""

import csv
import io
import json
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone import __version__
from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator import ExportError
from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.data.decoders import decoder_report
from pytorchvideo_clone.hub import (
    CheckpointError,
    InputSpec,
    create_model,
    list_models,
    load_bundle,
    model_entry,
    read_class_names,
)

__all__ = ["COMMANDS", "main"]


def models(filter: str = "") -> None:
    """List the models of the zoo.

    Args:
        filter: show only names that contain this text.
    """
    names = list_models(filter)
    if not names:
        raise ValueError(
            f"no model name contains {filter!r}; there are {', '.join(list_models())}."
        )
    rows = []
    for entry in map(model_entry, names):
        spec, weights = entry.input_spec, entry.weights
        numbers = ["no weights", "", "", ""]
        if weights is not None:
            accuracy = ", ".join(f"{name} {value:.2f}" for name, value in weights.accuracy.items())
            gflops = f"{weights.gflops:.2f}" if weights.gflops else ""
            numbers = [weights.dataset, accuracy, f"{weights.params / 1e6:.2f}", gflops]
        size = f"{spec.num_frames} x {spec.sampling_rate}"
        rows.append([entry.name, entry.task, size, f"{spec.crop}", *numbers])
    _print_table(
        [
            "model",
            "task",
            "frames x stride",
            "crop",
            "trained on",
            "accuracy %",
            "M params",
            "GFLOPs",
        ],
        rows,
    )


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
        model: a name that `models` lists.
        sources: video files, or folders that are searched for them.
        checkpoint: a checkpoint of that model (path or URL); without it the published weights.
        top_k: how many classes to name.
        output: a .json or .csv file; without it JSON is printed.
        clips: views in time; by default the model's.
        crops: views in space; by default the model's.
        decoder: "auto", "pyav", "torchcodec" or "decord".
    """
    recipes = optional_import("pytorchvideo_clone.recipes.predict", extra="train")
    write = _writer(output)
    network, spec, class_names = _load(model, checkpoint)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    videos = recipes.find_videos(sources)
    options = {"top_k": top_k, "clips": clips, "crops": crops, "decoder": decoder}
    results = list(recipes.predict_videos(network, spec, class_names, videos, **options))
    write(results)
    failed = [result for result in results if "error" in result]
    for result in failed:
        print(f"error: {result['error']}", file=sys.stderr)
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

    try:
        result = train_classifier(data_path, **options)
    except SystemExit:  # Lightning's answer to Ctrl-C
        print(
            "interrupted; --resume OUTPUT/last.ckpt continues after the last whole epoch.",
            file=sys.stderr,
        )
        raise
    if not _is_first_rank():
        return
    last = result["epochs"][-1]
    measure = "val_top1" if "val_top1" in last else "train_top1"
    print(f"{measure} {last[measure]:.4f} after epoch {last['epoch']:.0f}")
    print(f"checkpoint {result['checkpoint']}")


def evaluate(
    checkpoint: str,
    data_path: str,
    clips: int | None = None,
    crops: int | None = None,
    batch_size: int = 16,
    num_workers: int = 2,
    decoder: str = "pyav",
    output: str | None = None,
) -> None:
    """Evaluate a checkpoint over all views of labelled videos.

    Args:
        checkpoint: what `train` wrote.
        data_path: as for `train`; its `test` folder is used, else `val`, else all videos.
        clips: views in time; by default the model's.
        crops: views in space; by default the model's.
        batch_size: crops that pass the model at a time.
        num_workers: loader processes.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        output: a JSON file for the numbers, with the confusion matrix.
    """
    recipes = optional_import("pytorchvideo_clone.recipes.evaluate", extra="train")
    write = _file_writer(output)
    network, bundle = load_bundle(checkpoint)
    evaluation = recipes.evaluate_classifier(
        network,
        bundle.input_spec,
        bundle.class_names,
        data_path,
        clips=clips,
        crops=crops,
        batch_size=batch_size,
        num_workers=num_workers,
        decoder=decoder,
    )
    if not _is_first_rank():
        return
    numbers = evaluation.to_dict()
    write(json.dumps(numbers, indent=2))
    print(
        f"top-1 {numbers['top1']:.4f}, top-5 {numbers['top5']:.4f} "
        f"over {numbers['videos']} videos, {numbers['views']}"
    )


def export(checkpoint: str, output: str, target: str = "onnx", tolerance: float = 1e-3) -> None:
    """Export a checkpoint for another runtime and check that both compute the same.

    Args:
        checkpoint: what `train` wrote.
        output: file to write.
        target: "onnx".
        tolerance: largest accepted difference, relative to the largest output.
    """
    recipes = optional_import("pytorchvideo_clone.recipes.export", extra="train")
    print(recipes.export_checkpoint(checkpoint, output, target, tolerance=tolerance).to_json())


def doctor() -> None:
    """Show which decoders and runtimes load, and what to install for the others."""
    print(
        f"pytorchvideo_clone {__version__}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, CUDA {'yes' if torch.cuda.is_available() else 'no'}, "
        f"{os.cpu_count()} cores"
    )
    rows: list[list[str]] = []
    for decoder in decoder_report():
        found = [f"loads: {decoder.about}", ""] if decoder.loads else ["missing", decoder.about]
        rows.append(["decoder", decoder.name, *found])
    for use, name, extra in _PARTS:
        try:
            version = getattr(optional_import(name, extra), "__version__", "")
            rows.append([use, name, f"loads: {version}", ""])
        except ImportError as error:
            state, _, way_out = str(error).partition(". Install it with: ")
            rows.append([use, name, state, way_out])
    rows.append(["FFmpeg", "ffmpeg", *_system_ffmpeg()])
    _print_table(["use", "part", "state", "to get it"], rows)


_PARTS = [
    ("audio", "torchaudio", "audio"),
    ("transforms", "kornia", "kornia"),
    ("training", "lightning", "train"),
    ("training", "torchmetrics", "train"),
    ("export", "onnxscript", "onnx"),
    ("runtime", "onnxruntime", "onnx"),
    ("demo", "skimage", "demo"),
    ("demo", "matplotlib", "demo"),
]


def demo(output: str = "demo_output", seed: int = 0) -> None:
    """Train, evaluate, export and use a small model on videos made on the spot.

    Args:
        output: folder for the data, the checkpoint, the numbers, the ONNX file and the report.
        seed: of the training.
    """
    print("The demo takes about 4 minutes on 2 cores, and needs no network.", flush=True)
    recipes = optional_import("pytorchvideo_clone.recipes.demo", extra="train")
    written = recipes.run_demo(output, seed)
    _print_table(["file", "what it is"], [[path, what] for path, what in written.items()])


def _load(name: str, checkpoint: str | None) -> tuple[nn.Module, InputSpec, Sequence[str]]:
    """Model of a name, with published weights or those of a checkpoint, and how to use it."""
    entry = model_entry(name)
    if entry.task != "classification":
        raise ValueError(f"{name} is for {entry.task}; predict takes a model for classification.")
    if checkpoint is None:
        network = create_model(name, pretrained=True, **entry.logits)
        assert entry.weights is not None  # or create_model would have refused
        names = read_class_names(entry.weights.class_names)
        return network, entry.input_spec, [names[i] for i in range(entry.weights.num_classes)]
    network, bundle = load_bundle(checkpoint)
    if bundle.model != name:
        raise ValueError(f"{checkpoint} holds {bundle.model}, not {name}; name that model.")
    return network, bundle.input_spec, bundle.class_names or ()


def _writer(output: str | None) -> Callable[[Sequence[dict[str, Any]]], object]:
    """How predictions are written; an unfit file name is refused before any work."""
    if output is None:
        return lambda results: print(json.dumps(results, indent=2))
    formats = {".json": lambda results: json.dumps(results, indent=2), ".csv": _to_csv}
    suffix = Path(output).suffix
    if suffix not in formats:
        raise ValueError(f"output is {output!r}; its name must end in {' or '.join(formats)}.")
    write = _file_writer(output)
    return lambda results: write(formats[suffix](results))


def _file_writer(output: str | None) -> Callable[[str], object]:
    """How a text is written to a file, if one is wanted; its folder is made before any work."""
    if output is None:
        return lambda text: None
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise ValueError(f"output is {output!r}, a folder; give the name of a file.")
    return path.write_text


def _is_first_rank() -> bool:
    """Whether this process is the one of a distributed run that speaks."""
    return optional_import("lightning.pytorch.utilities", "train").rank_zero_only.rank == 0


def _to_csv(results: Sequence[dict[str, Any]]) -> str:
    """One line a video and class: video, rank, class, score, error."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["video", "rank", "class", "score", "error"])
    for result in results:
        if "error" in result:
            table.writerow([result["video"], "", "", "", result["error"]])
        for rank, guess in enumerate(result.get("predictions", []), start=1):
            table.writerow([result["video"], rank, guess["class"], guess["score"], ""])
    return text.getvalue()


def _system_ffmpeg() -> tuple[str, str]:
    if not (program := shutil.which("ffmpeg")):
        return "missing", "apt-get install ffmpeg (only TorchCodec needs it)"
    shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    return f"loads: {' '.join(shown.stdout.split()[2:3])}", ""


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rich = optional_import("rich.table", extra="train")
    simple = optional_import("rich.box", extra="train").SIMPLE_HEAD
    columns = [rich.Column(name, overflow="fold", no_wrap=name == header[0]) for name in header]
    table = rich.Table(*columns, box=simple, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # A screen folds all but the first column; in a pipe they stay whole, to be searched.
    width = None if sys.stdout.isatty() else 1000
    optional_import("rich.console", extra="train").Console(width=width).print(table)


COMMANDS = (models, predict, train, evaluate, export, demo, doctor)
_EXPECTED = (OSError, ValueError, ImportError, VideoReadError, CheckpointError, ExportError)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can cause ends in one sentence and status 2.

    Args:
        arguments: without the program's name; None takes those of this process.
    """
    # Lightning tells at every start which devices it sees and what else one could install.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    try:
        parser = _parser()
        given = sys.argv[1:] if arguments is None else arguments
        # Both --top-k and --top_k.
        spelled = [_underscores(text) if text.startswith("--") else text for text in given]
        settings = parser.parse_args(spelled)
        chosen = settings[settings.command].as_dict()
        chosen.pop("config", None)
        next(f for f in COMMANDS if f.__name__ == settings.command)(**chosen)
    except _EXPECTED as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _sentence(error: Exception) -> str:
    """What an error says; one of a loader process comes with its traceback, its words last."""
    text = str(error).strip()
    if "Original Traceback" not in text:
        return text
    return text.rpartition("\n")[2].partition(": ")[2]


def _underscores(option: str) -> str:
    name, equals, value = option.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}"


def _parser() -> Any:
    jsonargparse = optional_import("jsonargparse", extra="train")
    parser = jsonargparse.ArgumentParser(
        prog="pytorchvideo-clone",
        description="Video understanding on PyTorch.",
        version=__version__,
    )
    commands = parser.add_subcommands(dest="command")
    for function in COMMANDS:
        summary, _, _ = (function.__doc__ or "").partition("\n")
        command = jsonargparse.ArgumentParser(description=summary)
        lists = [n for n, p in signature(function).parameters.items() if p.annotation == list[str]]
        command.add_function_arguments(
            function, as_group=False, as_positional=True, skip=set(lists)
        )
        for name in lists:
            text = re.search(rf"^ +{name}: (.+)$", function.__doc__ or "", re.M)
            command.add_argument(name, nargs="+", type=str, help=text and text[1])
        commands.add_subcommand(function.__name__, command, help=summary)
    return parser
