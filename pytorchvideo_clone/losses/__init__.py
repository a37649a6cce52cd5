"""Loss functions, plain torch."""

from pytorchvideo_clone.losses.contrastive import (
    info_nce,
    info_nce_in_batch,
    nt_xent,
    similarity_loss,
)
from pytorchvideo_clone.losses.soft_target_cross_entropy import (
    SoftTargetCrossEntropyLoss,
    soft_target_cross_entropy,
)

__all__ = [
    "SoftTargetCrossEntropyLoss",
    "info_nce",
    "info_nce_in_batch",
    "nt_xent",
    "similarity_loss",
    "soft_target_cross_entropy",
]
