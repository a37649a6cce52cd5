"""Ego4D."""

from pytorchvideo_clone.data.datasets.ego4d.dataset import Ego4dMomentsDataset
from pytorchvideo_clone.data.datasets.ego4d.imu import Ego4dImuData, Ego4dImuDataBase, imu_window
from pytorchvideo_clone.data.datasets.ego4d.moments import MomentsClipSampler

__all__ = [
    "Ego4dImuData",
    "Ego4dImuDataBase",
    "Ego4dMomentsDataset",
    "MomentsClipSampler",
    "imu_window",
]
