"""Learning features from clips without labels."""

from pytorchvideo_clone.models.ssl.byol import BYOL
from pytorchvideo_clone.models.ssl.memory_bank import MemoryBank
from pytorchvideo_clone.models.ssl.moco import MoCo
from pytorchvideo_clone.models.ssl.momentum import (
    cosine_momentum,
    momentum_copy,
    update_momentum_,
)
from pytorchvideo_clone.models.ssl.simclr import SimCLR

__all__ = [
    "BYOL",
    "MemoryBank",
    "MoCo",
    "SimCLR",
    "cosine_momentum",
    "momentum_copy",
    "update_momentum_",
]
