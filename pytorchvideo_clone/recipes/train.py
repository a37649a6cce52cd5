"""Train a classifier on labelled videos."""

import json
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar

from pytorchvideo_clone.hub import create_model, model_entry, save_bundle
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.modules import ClassificationModule

__all__ = ["History", "make_trainer", "train_classifier"]


class History(Callback):
    """Keep the logged numbers of every epoch; they travel in the checkpoint."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the numbers of the epoch that ends."""
        numbers = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.epochs.append({"epoch": trainer.current_epoch + 1, **numbers})

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint stores."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self.epochs = list(state_dict["epochs"])


def make_trainer(**options: Any) -> Trainer:
    """Make a Trainer as the recipes need it: its data modules shard, progress is shown.

    Args:
        **options: of `lightning.pytorch.Trainer`; they win over the recipes' own.
    """
    defaults: dict[str, Any] = {"logger": False, "use_distributed_sampler": False}
    if options.get("enable_progress_bar", True):
        options["callbacks"] = [RichProgressBar(leave=False), *options.get("callbacks", [])]
    return Trainer(**{**defaults, **options})


def train_classifier(
    data_path: str | Path,
    model: str = "x3d_tiny",
    *,
    output: str | Path = "runs/train",
    epochs: int = 20,
    batch_size: int = 16,
    optimizer: str = "adamw",
    lr: float = 1e-3,
    weight_decay: float = 0.05,
    warmup_epochs: float = 2.0,
    label_smoothing: float = 0.0,
    horizontal_flip_prob: float = 0.5,
    val_fraction: float = 0.2,
    pretrained: bool = False,
    checkpoint: str | None = None,
    resume: str | None = None,
    precision: str = "32-true",
    accelerator: str = "auto",
    devices: str | int = "auto",
    num_workers: int = 2,
    decoder: str = "pyav",
    seed: int = 0,
    enable_progress_bar: bool = True,
) -> dict[str, Any]:
    """Train or fine-tune a classifier and write its checkpoint.

    Args:
        data_path: folder `<class>/*.mp4`, folder with `train`, `val` and `test` of that form, or a
            csv file of `path label` lines.
        model: a name from `pytorchvideo-clone models`.
        output: folder for `model.pth` (weights of the last epoch with all that is needed to use
            them), `last.ckpt` (to resume) and `metrics.json`.
        epochs: passes over the training videos.
        batch_size: clips of a step on one device.
        optimizer: "adamw" or "sgd".
        lr: peak learning rate.
        weight_decay: of weights with two or more dimensions.
        warmup_epochs: length of the linear warm-up.
        label_smoothing: share of the target spread over all classes.
        horizontal_flip_prob: 0 where left and right mean something.
        val_fraction: share of each class to hold out when there is no `val` folder.
        pretrained: start from the published weights.
        checkpoint: start from these weights (path or URL) instead; another class count is fine.
        resume: a `last.ckpt` of an interrupted run with the same settings.
        precision: of Lightning's Trainer, e.g. "bf16-mixed".
        accelerator: of Lightning's Trainer.
        devices: of Lightning's Trainer.
        num_workers: loader processes of a device.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        seed: of the split, the order, the clips and the new weights.
        enable_progress_bar: show progress.

    Returns:
        What `metrics.json` holds: model, classes, checkpoint, and the numbers of every epoch.

    Raises:
        FileNotFoundError: if the data or the checkpoint is missing.
        ValueError: if a name, a class or a number does not fit.
    """
    output = Path(output)
    seed_everything(seed, workers=True, verbose=False)
    spec = model_entry(model).input_spec
    data = VideoDataModule(
        data_path,
        spec,
        batch_size=batch_size,
        num_workers=num_workers,
        horizontal_flip_prob=horizontal_flip_prob,
        val_fraction=val_fraction,
        seed=seed,
        decoder=decoder,
    )
    network = create_model(
        model, pretrained=pretrained, checkpoint=checkpoint, num_classes=len(data.class_names)
    )
    module = ClassificationModule(
        network,
        spec,
        data.class_names,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        warmup_epochs=warmup_epochs,
        label_smoothing=label_smoothing,
    )
    history = History()
    trainer = make_trainer(
        max_epochs=epochs,
        precision=precision,
        accelerator=accelerator,
        devices=devices,
        enable_progress_bar=enable_progress_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[history, ModelCheckpoint(output, save_last=True, save_top_k=0)],
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume)
    bundle = output / "model.pth"
    result = {
        "model": model,
        "class_names": data.class_names,
        "checkpoint": str(bundle),
        "epochs": history.epochs,
    }
    if trainer.is_global_zero:
        save_bundle(bundle, network, model, input_spec=spec, class_names=data.class_names)
        (output / "metrics.json").write_text(json.dumps(result, indent=2))
    return result
