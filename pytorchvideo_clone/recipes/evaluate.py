"""Evaluate a classifier over all views of labelled videos."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import ExportedModel
from pytorchvideo_clone.data import Faults
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.faults import FaultReports
from pytorchvideo_clone.recipes.inputs import example_input
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.predict import NOT_FINITE
from pytorchvideo_clone.recipes.trainer import answering_signals, make_trainer

__all__ = ["Evaluation", "evaluate_classifier"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """Scores of every video, averaged over its views, and what follows from them.

    Attributes:
        class_names: name of each class.
        videos: path of each video that was scored.
        labels: (V,) class of each video.
        scores: (V, classes) mean softmax over the views.
        clips: views of a video in time.
        crops: views of a clip in space.
        faults: what was wrong with videos that could not be read, or only in part: path -> cause.
            Of the latter, the clips with any frame are scored.
        refusals: why PyAV read videos in place of the decoder asked for: cause -> one of them.
    """

    class_names: list[str]
    videos: list[str]
    labels: Tensor
    scores: Tensor
    clips: int
    crops: int
    faults: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    @property
    def unreadable(self) -> list[str]:
        """The videos that could not be scored."""
        return sorted(set(self.faults) - set(self.videos))

    @property
    def predictions(self) -> Tensor:
        """(V,) the best class of each video."""
        return self.scores.argmax(dim=1)

    @property
    def confusion(self) -> Tensor:
        """(classes, classes) counts: row is the label, column the prediction."""
        classes = len(self.class_names)
        pairs = self.labels * classes + self.predictions
        return torch.bincount(pairs, minlength=classes**2).view(classes, classes)

    def top(self, k: int) -> float:
        """Share of videos whose label is among the k best classes."""
        best = self.scores.argsort(dim=1, descending=True, stable=True)[:, :k]
        return float((best == self.labels[:, None]).any(dim=1).double().mean())

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for a JSON file; `top1_of_class` is None for a class without videos."""
        confusion = self.confusion
        right, counts = confusion.diagonal().tolist(), confusion.sum(dim=1).tolist()
        shares = [
            hits / count if count else None for hits, count in zip(right, counts, strict=True)
        ]
        return {
            "top1": self.top(1),
            "top5": self.top(5),
            "videos": len(self.videos),
            "views": f"{self.clips} clips x {self.crops} crops",
            "top1_of_class": dict(zip(self.class_names, shares, strict=True)),
            "confusion": confusion.tolist(),
            "unreadable": len(self.unreadable),
            "faults": self.faults,
            "refusals": self.refusals,
        }


def evaluate_classifier(
    model: nn.Module | ExportedModel,
    spec: InputSpec,
    class_names: Sequence[str] | None,
    data_path: str | Path,
    *,
    clips: int | None = None,
    crops: int | None = None,
    batch_size: int = 16,
    num_workers: int = 2,
    decoder: str = "pyav",
    time_limit_sec: float | None = None,
    accelerator: str = "auto",
    devices: str | int = "auto",
    enable_progress_bar: bool = True,
) -> Evaluation:
    """Score every view of every video and average the views of each.

    A video that cannot be read is left out, and named in `faults` of the result.

    Args:
        model: (B, C, T, H, W) normalised clips -> (B, classes) scores before softmax; an exported
            one runs on the CPU.
        spec: what the model takes.
        class_names: the model's classes; the folders of the data must be among them. None calls
            them by their numbers, as lists do.
        data_path: as in `VideoDataModule`; its `test` folder is used, else `val`, else all.
        clips: views in time; None takes the spec's.
        crops: views in space, 1 or 3; None takes the spec's.
        batch_size: crops that pass the model at a time.
        num_workers: loader processes.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        time_limit_sec: how long reading one clip may take before it counts as unreadable.
        accelerator: of Lightning's Trainer.
        devices: of Lightning's Trainer.
        enable_progress_bar: show progress.

    Raises:
        FileNotFoundError: if `data_path` does not exist.
        ValueError: if its classes are not the model's, none of its videos can be read, or the
            scores are not finite.
    """
    if class_names is None:
        class_names = [str(number) for number in range(_count_classes(model, spec))]
    data = VideoDataModule(
        data_path,
        spec,
        batch_size=batch_size,
        num_workers=num_workers,
        val_fraction=0.0,
        test_clips=clips,
        test_crops=crops,
        class_names=class_names,
        decoder=decoder,
        faults=Faults(time_limit_sec=time_limit_sec),
    )
    if data.is_test_of_training:
        _log.warning(
            "%s has no videos for a test or validation: all are evaluated, also those that the "
            "model was trained on, if it was on this folder.",
            data_path,
        )
    if isinstance(model, ExportedModel):
        model, accelerator, devices = _Exported(model), "cpu", "auto"
    module = ClassificationModule(model, spec, class_names, crops_at_once=batch_size)
    reports = FaultReports()
    trainer = make_trainer(
        accelerator=accelerator,
        devices=devices,
        enable_progress_bar=enable_progress_bar,
        callbacks=[reports],
    )
    with answering_signals():
        trainer.test(module, datamodule=data, verbose=False)
    assert module.test_scores is not None
    scores, labels, index = module.test_scores
    paths = data.splits["test"]
    if not len(index):
        raise ValueError(f"none of the {len(paths)} videos can be read: {reports.causes}")
    if bad := int((~scores.isfinite().all(dim=1)).sum()):
        raise ValueError(f"{bad} of {len(scores)} videos have no result: {NOT_FINITE}.")
    return Evaluation(
        class_names=list(class_names),
        videos=[str(paths[i][0]) for i in index.tolist()],
        labels=labels,
        scores=scores,
        clips=spec.test_clips if clips is None else clips,
        crops=spec.test_crops if crops is None else crops,
        faults=reports.causes,
        refusals=reports.refusals,
    )


class _Exported(nn.Module):
    """An exported file as a module without weights."""

    def __init__(self, exported: ExportedModel) -> None:
        super().__init__()
        self.exported = exported

    def forward(self, clips: Tensor) -> Tensor:
        return self.exported(clips)


@torch.no_grad()
def _count_classes(model: nn.Module | ExportedModel, spec: InputSpec) -> int:
    if isinstance(model, nn.Module):
        model.eval()
    return model(example_input(spec)).shape[-1]
