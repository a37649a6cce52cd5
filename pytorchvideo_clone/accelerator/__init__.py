"""From a model to a device."""

from pytorchvideo_clone.accelerator.benchmark import (
    Measurement,
    benchmark,
    build_form,
    randomize_norms,
)
from pytorchvideo_clone.accelerator.export import (
    EXPORTERS,
    ExportedModel,
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
from pytorchvideo_clone.accelerator.optimize import (
    OptimizedModel,
    OptimizeError,
    OptimizeReport,
    optimize,
)
from pytorchvideo_clone.accelerator.passes import PASSES
from pytorchvideo_clone.accelerator.quantize import (
    AccuracyReport,
    Int8Error,
    Int8Report,
    compare_accuracy,
)
from pytorchvideo_clone.accelerator.stream import Stream, WindowResult, stream
from pytorchvideo_clone.accelerator.train_cpu import restore_model

__all__ = [
    "AccuracyReport",
    "ConvertReport",
    "EXPORTERS",
    "ExportError",
    "ExportReport",
    "ExportedModel",
    "Int8Error",
    "Int8Report",
    "Measurement",
    "OptimizeError",
    "OptimizeReport",
    "OptimizedModel",
    "PASSES",
    "Stream",
    "TransmuteReport",
    "WindowResult",
    "benchmark",
    "build_form",
    "compare_accuracy",
    "convert_to_deployable_form",
    "export_model",
    "load_exported",
    "optimize",
    "randomize_norms",
    "restore_model",
    "stream",
    "transmute_model",
]
