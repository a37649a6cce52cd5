"""From a model to a device."""

from pytorchvideo_clone.accelerator.export import (
    EXPORTERS,
    ExportError,
    ExportReport,
    export_model,
    load_exported,
)
from pytorchvideo_clone.accelerator.mobile_cpu import (
    ConvertReport,
    TransmuteReport,
    convert_to_deployable_form,
    transmute_model,
)

__all__ = [
    "ConvertReport",
    "EXPORTERS",
    "ExportError",
    "ExportReport",
    "TransmuteReport",
    "convert_to_deployable_form",
    "export_model",
    "load_exported",
    "transmute_model",
]
