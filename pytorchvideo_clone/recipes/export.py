"""Export a checkpoint with what is needed to use the file alone."""

import json
from dataclasses import asdict
from pathlib import Path

from pytorchvideo_clone.accelerator import ExportReport, export_model
from pytorchvideo_clone.hub import load_bundle
from pytorchvideo_clone.recipes.inputs import example_input

__all__ = ["export_checkpoint"]


def export_checkpoint(
    checkpoint: str | Path, output: str | Path, target: str = "onnx", *, tolerance: float = 1e-3
) -> ExportReport:
    """Export a checkpoint for another runtime and check that both compute the same.

    The file holds, as metadata, `model`, `class_names` (JSON list) and `input_spec` (JSON object).

    Args:
        checkpoint: what `train_classifier` wrote.
        output: file to write.
        target: a key of `accelerator.EXPORTERS`.
        tolerance: largest accepted difference, relative to the largest output.

    Raises:
        CheckpointError: if the checkpoint is not one of ours.
        ExportError: if the file differs from the model.
    """
    network, bundle = load_bundle(checkpoint)
    metadata = {
        "model": bundle.model,
        "class_names": json.dumps(bundle.class_names),
        "input_spec": json.dumps(asdict(bundle.input_spec)),
    }
    example = example_input(bundle.input_spec)
    return export_model(network, example, output, target, tolerance=tolerance, metadata=metadata)
