"""Export a checkpoint with what is needed to use the file alone."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytorchvideo_clone.accelerator import ExportReport, export_model
from pytorchvideo_clone.hub import load_bundle
from pytorchvideo_clone.recipes.calibration import calibration_clips
from pytorchvideo_clone.recipes.inputs import example_input

__all__ = ["export_checkpoint"]


def export_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    target: str | None = None,
    *,
    tolerance: float | None = None,
    calibration: str | Path | None = None,
    **options: Any,
) -> ExportReport:
    """Export a checkpoint for another runtime and check that both compute the same.

    The file holds, as metadata, `model`, `class_names` (JSON list) and `input_spec` (JSON object).

    Args:
        checkpoint: what `train_classifier` wrote.
        output: file to write.
        target: a key of `accelerator.EXPORTERS`; None chooses by the ending of `output`.
        tolerance: largest accepted difference, relative to the largest output; None for 1e-3, and
            0.1 in int8.
        calibration: folder of videos of the model's task: export in int8, by clips of them as
            `calibration_clips` reads them.
        options: further ones of the target, as in `accelerator.export_model`.

    Raises:
        CheckpointError: if the checkpoint is not one of ours.
        ExportError: if the file differs from the model.
        Int8Error: as in `accelerator.export_model`.
    """
    network, bundle = load_bundle(checkpoint)
    metadata = {
        "model": bundle.model,
        "class_names": json.dumps(bundle.class_names),
        "input_spec": json.dumps(asdict(bundle.input_spec)),
    }
    example = example_input(bundle.input_spec)
    if calibration is not None:
        options["int8"] = calibration_clips(calibration, bundle.input_spec)
    return export_model(
        network, example, output, target, tolerance=tolerance, metadata=metadata, **options
    )
