"""A self-contained HTML page about a trained classifier."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from PIL import Image
from torch import Tensor

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone._whole import write_whole
from pytorchvideo_clone.recipes.evaluate import Evaluation

__all__ = ["ReportExample", "write_report"]


@dataclass(frozen=True)
class ReportExample:
    """One video on the page.

    Attributes:
        title: e.g. its path.
        label: its class.
        frames: (C, T, H, W) uint8, in order.
        predictions: [{"class": name, "score": 0 to 1}, ...], best first.
    """

    title: str
    label: str
    frames: Tensor
    predictions: Sequence[Mapping[str, Any]]


def write_report(
    path: str | Path,
    *,
    title: str,
    facts: Mapping[str, str],
    history: Sequence[Mapping[str, float]],
    evaluation: Evaluation,
    examples: Sequence[ReportExample],
) -> Path:
    """Write the page: facts, learning curve, confusion matrix and videos with their best classes.

    Args:
        path: the HTML file; pictures and style are inside.
        title: headline.
        facts: name -> value, shown on top.
        history: the numbers of each epoch, as `train_classifier` returns them.
        evaluation: as `evaluate_classifier` returns it.
        examples: videos to show.

    Returns:
        The path.

    Raises:
        ImportError: if matplotlib is missing, with the command that installs it.
    """
    template = (
        resources.files("pytorchvideo_clone.recipes")
        .joinpath("report.html")
        .read_text(encoding="utf-8")
    )
    page = (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            title=title,
            facts=facts,
            curve=_learning_curve(history),
            confusion=_confusion_matrix(evaluation),
            examples=[
                {
                    "title": example.title,
                    "label": example.label,
                    "right": example.predictions[0]["class"] == example.label,
                    "strip": _strip(example.frames),
                    "predictions": example.predictions,
                }
                for example in examples
            ],
        )
    )
    write_whole(path, page)
    return Path(path)


def _learning_curve(history: Sequence[Mapping[str, float]]) -> str:
    figure, (loss, accuracy) = _figure(width=9, height=3.2, panels=2)
    for axes, quantity in ((loss, "loss"), (accuracy, "top1")):
        for stage, name in (("train", "training"), ("val", "validation")):
            key = f"{stage}_{quantity}"
            points = [(row["epoch"], row[key]) for row in history if key in row]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    loss.set_ylabel("cross entropy")
    accuracy.set_ylabel("top-1 accuracy")
    accuracy.set_ylim(0, 1.02)
    return _png(figure)


def _confusion_matrix(evaluation: Evaluation) -> str:
    counts, names = evaluation.confusion, evaluation.class_names
    side = 2.5 + 0.4 * len(names)
    figure, (axes,) = _figure(width=side + 1, height=side, panels=1)
    axes.imshow(counts.numpy(), cmap="Blues")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("prediction")
    axes.set_ylabel("label")
    half = counts.max() / 2
    for row in range(len(names)):
        for column in range(len(names)):
            if count := int(counts[row, column]):
                colour = "white" if count > half else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return _png(figure)


def _figure(width: float, height: float, panels: int) -> tuple[Any, Sequence[Any]]:
    # Figure without pyplot: no window system and no state shared with the user's own plots.
    figure = optional_import("matplotlib.figure", extra="demo").Figure(
        figsize=(width, height), layout="constrained"
    )
    return figure, figure.subplots(1, panels, squeeze=False)[0]


def _png(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return _data_url("image/png", buffer)


def _strip(frames: Tensor) -> str:  # (C, T, H, W) uint8 -> one row of T pictures
    row = frames.permute(2, 1, 3, 0).flatten(1, 2)
    buffer = io.BytesIO()
    Image.fromarray(row.contiguous().numpy()).save(buffer, format="JPEG", quality=88)
    return _data_url("image/jpeg", buffer)


def _data_url(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
