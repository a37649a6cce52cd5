"""EPIC-Kitchens."""

from pytorchvideo_clone.data.datasets.epic_kitchen.dataset import ActionData, EpicKitchenDataset
from pytorchvideo_clone.data.datasets.epic_kitchen.forecasting import EpicKitchenForecasting
from pytorchvideo_clone.data.datasets.epic_kitchen.recognition import EpicKitchenRecognition

__all__ = ["ActionData", "EpicKitchenDataset", "EpicKitchenForecasting", "EpicKitchenRecognition"]
