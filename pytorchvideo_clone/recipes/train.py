"""Train a classifier on labelled videos."""

import logging
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from pytorchvideo_clone.data import Faults
from pytorchvideo_clone.hub import CheckpointError, create_model, model_entry, save_bundle
from pytorchvideo_clone.hub.bundles import bundle_fields
from pytorchvideo_clone.hub.checkpoints import compare_states
from pytorchvideo_clone.recipes.data_module import VideoDataModule
from pytorchvideo_clone.recipes.faults import FaultReports
from pytorchvideo_clone.recipes.modules import ClassificationModule
from pytorchvideo_clone.recipes.records import (
    DivergedError,
    History,
    RunFiles,
    StopDiverged,
    WholeCheckpoints,
    set_aside,
)
from pytorchvideo_clone.recipes.trainer import SeedSteps, answering_signals, make_trainer

__all__ = ["train_classifier"]

_log = logging.getLogger(__name__)


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
    faults: Literal["raise", "substitute", "pad"] = "substitute",
    time_limit_sec: float | None = None,
    seed: int = 0,
    enable_progress_bar: bool = True,
) -> dict[str, Any]:
    """Train or fine-tune a classifier and write its checkpoint.

    Args:
        data_path: folder `<class>/*.mp4`, folder with `train`, `val` and `test` of that form, or a
            csv file of `path label` lines.
        model: a name from `pytorchvideo-clone models`.
        output: folder for what is written after each epoch: `model.pth` (its weights with all that
            is needed to use them), `best.pth` (those of the best epoch in validation), `last.ckpt`
            (to resume), `metrics.json` and `metrics.jsonl` (a line an epoch). What an earlier run
            left there is moved into `earlier-1`, `earlier-2` ... inside.
        epochs: passes over the training videos.
        batch_size: clips of a step on one device.
        optimizer: "adamw" or "sgd".
        lr: peak learning rate.
        weight_decay: of weights with two or more dimensions.
        warmup_epochs: length of the linear warm-up.
        label_smoothing: share of the target spread over all classes.
        horizontal_flip_prob: 0 where left and right mean something.
        val_fraction: share of each class to hold out when there is no `val` folder; 0 trains on
            all videos, without validation.
        pretrained: start from the published weights.
        checkpoint: start from these weights (path or URL) instead; another class count is fine.
        resume: a `last.ckpt` of an interrupted run with the same settings.
        precision: of Lightning's Trainer: "32-true", "16-mixed", "bf16-mixed", "16-true",
            "bf16-true" or "64-true".
        accelerator: of Lightning's Trainer.
        devices: of Lightning's Trainer; under torchrun or srun, the processes that these started.
        num_workers: loader processes of a device.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        faults: what to do about a training video that cannot be read: "substitute", "pad" or
            "raise". Validation leaves out what cannot be read.
        time_limit_sec: how long reading one clip may take before it counts as unreadable.
        seed: of the split, the order, the clips and the new weights.
        enable_progress_bar: show progress.

    Returns:
        What `metrics.json` holds: model, classes, checkpoint, the numbers of every epoch, and the
        videos that could not be read, or only in part, with the cause of each.

    Raises:
        FileNotFoundError: if the data or the checkpoint is missing.
        ValueError: if a name, a class or a number does not fit.
        CheckpointError: if `checkpoint` or `resume` cannot be read or is of another model.
        DivergedError: if the loss or the weights are not finite after an epoch, nothing of which is
            written.
        KeyboardInterrupt: if it is interrupted; a warning says what is left.
    """
    output = Path(output)
    entry = model_entry(model)
    if entry.task != "classification":
        raise ValueError(f"{model} is for {entry.task}; train takes a model for classification.")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; it must be at least 1.")
    seed_everything(seed, workers=True, verbose=False)
    spec = entry.input_spec
    data = VideoDataModule(
        data_path,
        spec,
        batch_size=batch_size,
        num_workers=num_workers,
        horizontal_flip_prob=horizontal_flip_prob,
        val_fraction=val_fraction,
        seed=seed,
        decoder=decoder,
        faults=Faults(faults, time_limit_sec),
    )
    arguments = {**entry.logits, "num_classes": len(data.class_names)}
    network = create_model(model, pretrained=pretrained, checkpoint=checkpoint, **arguments)
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
    if resume is not None:
        _check_resumable(resume, module, epochs)
    history, reports = History(), FaultReports()

    def save(path: Path) -> None:
        save_bundle(path, network, model, spec, data.class_names, model_kwargs=arguments)

    def result() -> dict[str, Any]:
        return {
            "model": model,
            "class_names": data.class_names,
            "checkpoint": str(output / "model.pth"),
            "epochs": history.epochs,
            "faults": reports.causes,
        }

    bundle = bundle_fields(model, spec, data.class_names, arguments)
    trainer = make_trainer(
        max_epochs=epochs,
        precision=precision,
        accelerator=accelerator,
        devices=devices,
        enable_progress_bar=enable_progress_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if "val" in data.splits else 0,
        callbacks=[
            SeedSteps(seed),
            StopDiverged(),
            history,
            reports,
            RunFiles(output, history, save, bundle, result),
            # One file, after every epoch (Lightning's own `save_last` waits for a top-k one).
            ModelCheckpoint(output, filename="last", enable_version_counter=False),
        ],
        plugins=[WholeCheckpoints()],
    )
    if trainer.is_global_zero:
        _prepare(output, resume, data)
    try:
        with answering_signals():
            trainer.fit(module, datamodule=data, ckpt_path=resume)
    except (KeyboardInterrupt, SystemExit):
        if trainer.is_global_zero:
            _log.warning(_what_is_left(output, history))
        raise
    except DivergedError as error:
        raise DivergedError(f"{error} It {_what_is_left(output, history)}") from error
    trainer.strategy.barrier()  # every rank may read the files that rank 0 has written
    return result()


def _prepare(output: Path, resume: str | None, data: VideoDataModule) -> None:
    """Make room in the folder of the run, and say what is odd about it."""
    if len(data.class_names) == 1:
        _log.warning("the videos have one class, %r: nothing can be learned.", *data.class_names)
    goes_on = resume is not None and Path(resume).resolve().parent == output.resolve()
    if not goes_on and (aside := set_aside(output)):
        _log.warning("%s holds an earlier run; its files are in %s now.", output, aside)


def _what_is_left(output: Path, history: History) -> str:
    if not history.epochs or not (output / "model.pth").exists():
        return "stopped before the end of the first epoch: nothing is left of it."
    # It is written after the weights.
    checkpoint = output / "last.ckpt"
    further = f", and --resume {checkpoint} goes on from there" if checkpoint.exists() else ""
    return (
        f"stopped after epoch {history.epochs[-1]['epoch']:.0f}: its weights are in "
        f"{output / 'model.pth'}{further}."
    )


def _check_resumable(path: str, module: LightningModule, epochs: int) -> None:
    """Refuse in a sentence what Lightning would refuse in the middle of its start."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} not found; resume takes the `last.ckpt` of a run.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state, done, _ = saved["state_dict"], saved["epoch"], saved["optimizer_states"]
    except Exception as error:  # whatever the bytes make of pickle and zip
        raise CheckpointError(
            f"{path} is no `last.ckpt` of a run; to start from the weights of a `model.pth`, give "
            "it as checkpoint instead of resume."
        ) from error
    report = compare_states(module.state_dict(), state)
    if not report.complete:
        raise CheckpointError(
            f"{path} is of a run with another model or other classes: {report}. Resume with that "
            "run's settings."
        )
    if done > epochs:
        raise ValueError(f"{path} has {done} epochs behind it, more than epochs={epochs}.")
