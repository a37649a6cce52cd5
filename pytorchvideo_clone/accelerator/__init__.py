"""From a model to a device."""

from pytorchvideo_clone.accelerator.export import (
    EXPORTERS,
    ExportError,
    ExportReport,
    export_model,
    load_exported,
)

__all__ = ["EXPORTERS", "ExportError", "ExportReport", "export_model", "load_exported"]
