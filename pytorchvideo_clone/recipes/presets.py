"""Training presets: what `train_classifier` is called with for a known task."""

from collections.abc import Callable
from typing import Any

__all__ = ["PRESETS", "motion"]


def motion() -> dict[str, Any]:
    """Settings for the embedded motion data set (`data.motion`), from scratch on a CPU.

    No flip: it would turn "pan_left" into "pan_right" and keep the label. One device: the numbers
    hold for this batch size.
    """
    return {
        "model": "x3d_tiny",
        "epochs": 16,
        "batch_size": 16,
        "optimizer": "adamw",
        "lr": 3e-3,
        "weight_decay": 0.05,
        "warmup_epochs": 2.0,
        "horizontal_flip_prob": 0.0,
        "val_fraction": 0.125,
        "devices": 1,
    }


PRESETS: dict[str, Callable[[], dict[str, Any]]] = {"motion": motion}
