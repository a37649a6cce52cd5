"""Data sets by name."""

from pytorchvideo_clone.data.datasets.ava import Ava
from pytorchvideo_clone.data.datasets.charades import Charades
from pytorchvideo_clone.data.datasets.domsev import DomsevFrameDataset, DomsevVideoDataset
from pytorchvideo_clone.data.datasets.epic_kitchen import (
    EpicKitchenForecasting,
    EpicKitchenRecognition,
)
from pytorchvideo_clone.data.datasets.hmdb51 import Hmdb51
from pytorchvideo_clone.data.datasets.json_dataset import (
    clip_recognition_dataset,
    video_only_dataset,
)
from pytorchvideo_clone.data.datasets.kinetics import Kinetics
from pytorchvideo_clone.data.datasets.ssv2 import SSv2
from pytorchvideo_clone.data.datasets.ucf101 import Ucf101

__all__ = [
    "Ava",
    "Charades",
    "DomsevFrameDataset",
    "DomsevVideoDataset",
    "EpicKitchenForecasting",
    "EpicKitchenRecognition",
    "Hmdb51",
    "Kinetics",
    "SSv2",
    "Ucf101",
    "clip_recognition_dataset",
    "video_only_dataset",
]
