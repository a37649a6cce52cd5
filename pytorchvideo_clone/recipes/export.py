"""Export a checkpoint with what is needed to use the file alone."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytorchvideo_clone.accelerator import ExportedModel, ExportReport, export_model
from pytorchvideo_clone.hub import load_model
from pytorchvideo_clone.recipes.calibration import calibration_clips
from pytorchvideo_clone.recipes.inputs import example_input

__all__ = ["export_checkpoint"]


def export_checkpoint(
    model: str | Path,
    output: str | Path,
    target: str | None = None,
    *,
    checkpoint: str | Path | None = None,
    tolerance: float | None = None,
    calibration: str | Path | None = None,
    **options: Any,
) -> ExportReport:
    """Export a model for another runtime and check that both compute the same.

    The file holds, as metadata, `model`, `class_names` (JSON list) and `input_spec` (JSON object).

    Args:
        model: what `train_classifier` wrote, or a name, as `source` in `hub.load_model`.
        output: file to write.
        target: a key of `accelerator.EXPORTERS`; None chooses by the ending of `output`.
        checkpoint: of the model that is named, as in `hub.load_model`.
        tolerance: largest accepted difference, relative to the largest output; None for 1e-3, and
            0.1 in int8.
        calibration: folder of videos of the model's task: export in int8, by clips of them as
            `calibration_clips` reads them.
        options: further ones of the target, as in `accelerator.export_model`.

    Raises:
        ValueError: if there is no such model, or it is an exported file already.
        CheckpointError: if a checkpoint cannot be read or does not fit.
        ExportError: if the file differs from the model.
        Int8Error: as in `accelerator.export_model`.
    """
    loaded = load_model(model, checkpoint)
    if isinstance(loaded.model, ExportedModel):
        raise ValueError(f"{model} is an exported file already; give what it was made from.")
    metadata = {
        "model": loaded.name,
        "class_names": json.dumps(loaded.class_names),
        "input_spec": json.dumps(asdict(loaded.input_spec)),
    }
    example = example_input(loaded.input_spec)
    if calibration is not None:
        options["int8"] = calibration_clips(calibration, loaded.input_spec)
    return export_model(
        loaded.model, example, output, target, tolerance=tolerance, metadata=metadata, **options
    )
