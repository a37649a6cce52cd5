"""What a run writes while it goes: after each epoch weights, numbers, and a line on the screen."""

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from pytorchvideo_clone._whole import write_whole, written_whole

__all__ = [
    "DivergedError",
    "History",
    "RunFiles",
    "StopDiverged",
    "WholeCheckpoints",
    "set_aside",
    "to_json",
]

# What a run leaves in its folder.
FILES = ("model.pth", "best.pth", "last.ckpt", "metrics.json", "metrics.jsonl")


class History(Callback):
    """Keep the logged numbers of every epoch, and its seconds; they travel in the checkpoint."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self._begin = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the clock."""
        self._begin = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the numbers of the epoch that ends."""
        numbers = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = round(time.monotonic() - self._begin, 3)
        self.epochs.append({"epoch": trainer.current_epoch + 1, **numbers, "seconds": seconds})

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint stores."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self.epochs = list(state_dict["epochs"])


class DivergedError(ArithmeticError):
    """A training whose loss or weights are no finite numbers any more."""


class StopDiverged(Callback):
    """End a run that has diverged, before anything of that epoch is written.

    Stands before those that write.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the losses of the epoch that ends, and at all weights.

        Raises:
            DivergedError: if one of them is not finite.
        """
        logged = trainer.callback_metrics.items()
        bad = [name for name, x in logged if name.endswith("_loss") and not x.isfinite()]
        bad += [name for name, x in pl_module.state_dict().items() if not x.isfinite().all()]
        if bad:
            raise DivergedError(
                f"training diverged in epoch {trainer.current_epoch + 1}: not finite are "
                f"{', '.join(bad[:3])}{', ...' if len(bad) > 3 else ''}. Take a lower learning "
                "rate, a longer warm-up, or another precision."
            )


class RunFiles(Callback):
    """After each epoch write what is known by then, each file whole at any time.

    `model.pth` has the weights of the epoch, `best.pth` those of the epoch with the highest
    `val_top1` (of equals the lowest `val_loss`); `metrics.json` and `metrics.jsonl`, a line an
    epoch, its numbers. Checkpoints of Lightning get `bundle`, by which `load_bundle` reads them.

    Args:
        output: the folder.
        history: stands before this among the callbacks.
        save: writes the model as it is to a path.
        bundle: what goes into checkpoints, besides the weights, to use them.
        result: gives what goes into `metrics.json`.
    """

    def __init__(
        self,
        output: Path,
        history: History,
        save: Callable[[Path], None],
        bundle: Mapping[str, Any],
        result: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.output, self.history, self.save = output, history, save
        self.bundle, self.result = dict(bundle), result

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the lines with those of the epochs that a resumed run has behind it."""
        if trainer.is_global_zero:
            self.output.mkdir(parents=True, exist_ok=True)
            lines = [to_json(row) + "\n" for row in self.history.epochs]
            write_whole(self.output / "metrics.jsonl", "".join(lines))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write all, and say it in a line."""
        if not trainer.is_global_zero:
            return
        *before, last = self.history.epochs
        self.save(self.output / "model.pth")
        if "val_top1" in last and all(_goodness(last) > _goodness(row) for row in before):
            self.save(self.output / "best.pth")
        write_whole(self.output / "metrics.json", to_json(self.result(), indent=2))
        with (self.output / "metrics.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(to_json(last) + "\n")
        say(_line(last, trainer.max_epochs))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let the weights be used without the run."""
        checkpoint["bundle"] = self.bundle


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written beside their place and renamed: a kill leaves the last whole."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint."""
        # Lightning's own goes through the system's folder for temporary files, maybe another disk.
        with written_whole(path) as unfinished:
            super().save_checkpoint(checkpoint, unfinished, storage_options)


def set_aside(output: Path) -> Path | None:
    """Move what an earlier run left in a folder into a folder of its own inside.

    Returns:
        That folder; None if there was nothing.
    """
    left = [output / name for name in FILES if (output / name).exists()]
    if not left:
        return None
    number = 1
    while (aside := output / f"earlier-{number}").exists():
        number += 1
    aside.mkdir()
    for path in left:
        path.rename(aside / path.name)
    return aside


def say(line: str) -> None:
    """Print a line on standard output at once, also where a bar of progress is on the screen."""
    # A bar takes both streams to its own: right on a screen, but a file would stay empty.
    stream = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    print(line, file=sys.stdout if stream.isatty() else stream, flush=True)


def to_json(value: Any, indent: int | None = None) -> str:
    """Write JSON as every reader takes it: a number that is none becomes null.

    >>> to_json({"loss": float("nan"), "top1": [0.5]})
    '{"loss": null, "top1": [0.5]}'
    """
    return json.dumps(_finite(value), indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _goodness(row: Mapping[str, float]) -> tuple[float, float]:
    worst = -math.inf
    ranks = (row.get("val_top1", worst), -row.get("val_loss", math.inf))
    return tuple(worst if math.isnan(rank) else rank for rank in ranks)  # type: ignore[return-value]


def _line(row: Mapping[str, float], epochs: int | None) -> str:
    parts = [f"epoch {row['epoch']:.0f}" + (f"/{epochs}" if epochs and epochs > 0 else "")]
    numbers = {name: value for name, value in row.items() if name not in ("epoch", "seconds")}
    parts += [f"{name} {value:.4f}" for name, value in numbers.items()]
    return "  ".join([*parts, f"{row['seconds']:.1f} s"])
