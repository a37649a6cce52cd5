"""Data sets by name."""

from pytorchvideo_clone.data.datasets.kinetics import Kinetics
from pytorchvideo_clone.data.datasets.ucf101 import Ucf101

__all__ = ["Kinetics", "Ucf101"]
