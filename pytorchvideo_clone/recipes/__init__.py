"""Training and evaluation, on Lightning.

Names load on first use, so that importing this package needs neither Lightning nor torchmetrics.
"""

from typing import Any

from pytorchvideo_clone._optional import optional_import

__all__ = [
    "ClassificationModule",
    "Evaluation",
    "ModelInputs",
    "MultiViewAccuracy",
    "VideoDataModule",
    "calibration_clips",
    "evaluate_classifier",
    "evaluation_dataset",
    "evaluation_transform",
    "find_videos",
    "make_trainer",
    "predict_video",
    "predict_videos",
    "stream_predictions",
    "train_classifier",
    "training_dataset",
    "training_transform",
    "warmup_cosine",
]

_HOMES = {
    "ClassificationModule": "modules",
    "Evaluation": "evaluate",
    "ModelInputs": "calibration",
    "MultiViewAccuracy": "metrics",
    "VideoDataModule": "data_module",
    "calibration_clips": "calibration",
    "evaluate_classifier": "evaluate",
    "evaluation_dataset": "inputs",
    "evaluation_transform": "inputs",
    "find_videos": "predict",
    "make_trainer": "trainer",
    "predict_video": "predict",
    "predict_videos": "predict",
    "stream_predictions": "streaming",
    "train_classifier": "train",
    "training_dataset": "inputs",
    "training_transform": "inputs",
    "warmup_cosine": "optim",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(optional_import(f"{__name__}.{_HOMES[name]}", extra="train"), name)


def __dir__() -> list[str]:
    return __all__
