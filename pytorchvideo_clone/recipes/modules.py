"""One LightningModule a task."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import normalize_clips
from pytorchvideo_clone.recipes.metrics import MultiViewAccuracy
from pytorchvideo_clone.recipes.optim import create_optimizer, warmup_cosine

__all__ = ["ClassificationModule"]


class ClassificationModule(LightningModule):
    """Train a video classifier, and evaluate it over all views of each video.

    Logs `train_loss` and `train_top1` per epoch, `val_loss`, `val_top1` and `val_top5` over one
    centre view of each video, `test_top1` and `test_top5` over all views; views with `valid` False
    do not count. After a test,
    `test_scores` holds the mean scores (videos, classes), labels and indices of the videos.

    Args:
        model: (B, C, T, H, W) normalised clips -> (B, classes) scores before softmax.
        spec: what the model takes.
        class_names: a name for each class.
        optimizer: a key of `recipes.optim.OPTIMIZERS`.
        lr: peak learning rate, for the batch size in use.
        weight_decay: of weights with two or more dimensions.
        warmup_epochs: length of the warm-up; a fraction is fine.
        label_smoothing: share of the target spread over all classes.
        crops_at_once: how many crops pass the model at a time in evaluation; None takes all of a
            batch.

    Raises:
        ValueError: if `label_smoothing` is not from 0 to 1.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: InputSpec,
        class_names: Sequence[str],
        *,
        optimizer: str = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        warmup_epochs: float = 1.0,
        label_smoothing: float = 0.0,
        crops_at_once: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing is {label_smoothing}; it must be from 0 to 1.")
        self.model, self.spec, self.class_names = model, spec, list(class_names)
        self.optimizer, self.lr, self.weight_decay = optimizer, lr, weight_decay
        self.warmup_epochs, self.label_smoothing = warmup_epochs, label_smoothing
        self.crops_at_once = crops_at_once
        self.accuracy = MultiViewAccuracy(top_k=(1, 5))
        self.test_scores: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, video: Tensor) -> Tensor:
        """Score clips (B, C, T, H, W) of pixels 0 to 255: (B, classes), before softmax."""
        # In the numbers of the weights, which `precision="bf16-true"` changes; mixed ones do not.
        dtype = _dtype_of(self.model)
        clips = normalize_clips(video, self.spec).to(dtype)
        # With the channels last the many small convolutions of X3D train faster on a CPU.
        clips = clips.contiguous(memory_format=torch.channels_last_3d)
        if clips.is_cpu and dtype.itemsize == 2:
            # A CPU lacks some operators for these, pooling in 3D for one: they compute in float32.
            with torch.autocast("cpu", dtype):
                return self.model(clips)
        return self.model(clips)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Give the loss of a batch of clips."""
        scores = self(batch["video"]).float()
        loss = F.cross_entropy(scores, batch["label"], label_smoothing=self.label_smoothing)
        hits = (scores.argmax(dim=1) == batch["label"]).float().mean()
        size = len(scores)
        for name, value in (("train_loss", loss), ("train_top1", hits)):
            self.log(
                name,
                value,
                on_step=False,
                on_epoch=True,
                prog_bar=True,
                sync_dist=True,
                batch_size=size,
            )
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Score one view of each video."""
        loss = self._score_views(batch)
        size = int(_valid(batch).sum())
        self.log("val_loss", loss, sync_dist=True, batch_size=size)

    def on_validation_epoch_end(self) -> None:
        """Log accuracy over the videos of all ranks."""
        self._log_accuracy("val")

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Score all crops of some clips."""
        self._score_views(batch)

    def on_test_epoch_end(self) -> None:
        """Log accuracy over the videos of all ranks, and keep the scores."""
        with self.accuracy.sync_context():
            self.test_scores = self.accuracy.video_scores()
        self._log_accuracy("test")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make the optimiser and its schedule, stepped every batch."""
        optimizer = create_optimizer(self.optimizer, self.model, self.lr, self.weight_decay)
        total = self.trainer.estimated_stepping_batches
        if total == 0 or self.trainer.limit_train_batches == 0:
            return optimizer  # for a run without a step
        if total in (math.inf, -1):
            raise ValueError(
                "this run has no end, on which the learning rate depends; give the Trainer "
                "max_steps, or max_epochs and a data set with a length."
            )
        warmup = min(self._warmup_steps(), int(total) - 1)
        schedule = warmup_cosine(optimizer, int(total), warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _warmup_steps(self) -> int:
        if not self.warmup_epochs:
            return 0
        self.trainer.fit_loop.setup_data()  # for the length of an epoch, if that is not known yet
        batches = self.trainer.num_training_batches
        if batches == math.inf:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs}, and an epoch of this data set has no "
                "known length; use warmup_epochs=0, or limit_train_batches."
            )
        steps = math.ceil(batches / self.trainer.accumulate_grad_batches)
        return round(steps * self.warmup_epochs)

    def _score_views(self, batch: dict[str, Any]) -> Tensor:
        video = batch["video"]  # (B, crops, C, T, H, W)
        crops = video.flatten(0, 1)
        parts = crops.split(self.crops_at_once or len(crops))
        scores = torch.cat([self(part) for part in parts]).unflatten(0, video.shape[:2]).float()
        valid = _valid(batch)
        # A clip is one view here: its crops come together and are averaged at once.
        self.accuracy.update(
            scores[valid].softmax(dim=-1).mean(dim=1),
            label=batch["label"][valid],
            video=batch["video_index"][valid],
            view=batch["clip_index"][valid],
        )
        losses = F.cross_entropy(scores.mean(dim=1), batch["label"], reduction="none")
        return losses[valid].sum() / valid.sum().clamp_min(1)

    def _log_accuracy(self, stage: str) -> None:
        for name, value in self.accuracy.compute().items():
            self.log(f"{stage}_{name}", value.to(self.device), prog_bar=name == "top1")
        self.accuracy.reset()


def _valid(batch: dict[str, Any]) -> Tensor:
    """(B,) bool, which samples count."""
    return batch.get("valid", torch.ones_like(batch["label"], dtype=torch.bool))


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next((weight.dtype for weight in model.parameters()), torch.float32)
