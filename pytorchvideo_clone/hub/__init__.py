"""Model builders with their numbers and weights."""

from pytorchvideo_clone.hub.bundles import Bundle, load_bundle, save_bundle
from pytorchvideo_clone.hub.checkpoints import CheckpointError, LoadReport, load_checkpoint
from pytorchvideo_clone.hub.class_names import read_class_names
from pytorchvideo_clone.hub.classification import (
    c2d_r50,
    csn_r101,
    i3d_r50,
    r2plus1d_r50,
    slow_r50,
    slowfast_16x8_r101_50_50,
    slowfast_r50,
    slowfast_r101,
    x3d_l,
    x3d_m,
    x3d_s,
    x3d_tiny,
    x3d_xs,
)
from pytorchvideo_clone.hub.detection import slow_r50_detection, slowfast_r50_detection
from pytorchvideo_clone.hub.loading import LoadedModel, load_model
from pytorchvideo_clone.hub.mobile import efficient_x3d_s, efficient_x3d_xs
from pytorchvideo_clone.hub.registry import (
    MODELS,
    InputSpec,
    ModelEntry,
    Weights,
    create_model,
    list_models,
    model_entry,
    register,
)
from pytorchvideo_clone.hub.torchvision_zoo import (
    mc3_18,
    mvit_v2_s,
    r2plus1d_18,
    r3d_18,
    swin3d_b,
    swin3d_s,
    swin3d_t,
)
from pytorchvideo_clone.hub.vision_transformers import (
    mvit_base_16,
    mvit_base_16x4,
    mvit_base_32x3,
)
from pytorchvideo_clone.models.csn import create_csn as create_csn
from pytorchvideo_clone.models.r2plus1d import create_r2plus1d as create_r2plus1d
from pytorchvideo_clone.models.resnet import create_resnet as create_resnet
from pytorchvideo_clone.models.resnet import (
    create_resnet_with_roi_head as create_resnet_with_roi_head,
)
from pytorchvideo_clone.models.slowfast import create_slowfast as create_slowfast
from pytorchvideo_clone.models.slowfast import (
    create_slowfast_with_roi_head as create_slowfast_with_roi_head,
)
from pytorchvideo_clone.models.x3d import create_x3d as create_x3d

__all__ = [
    "Bundle",
    "CheckpointError",
    "InputSpec",
    "LoadReport",
    "LoadedModel",
    "ModelEntry",
    "Weights",
    "c2d_r50",
    "create_model",
    "csn_r101",
    "efficient_x3d_s",
    "efficient_x3d_xs",
    "i3d_r50",
    "list_models",
    "load_bundle",
    "load_checkpoint",
    "load_model",
    "mc3_18",
    "model_entry",
    "mvit_base_16",
    "mvit_base_16x4",
    "mvit_base_32x3",
    "mvit_v2_s",
    "r2plus1d_18",
    "r2plus1d_r50",
    "r3d_18",
    "read_class_names",
    "register",
    "save_bundle",
    "slow_r50",
    "slow_r50_detection",
    "slowfast_16x8_r101_50_50",
    "slowfast_r101",
    "slowfast_r50",
    "slowfast_r50_detection",
    "swin3d_b",
    "swin3d_s",
    "swin3d_t",
    "x3d_l",
    "x3d_m",
    "x3d_s",
    "x3d_tiny",
    "x3d_xs",
]

# PyTorchVideo's modules of models, which are this one, have the addresses of their weights.
checkpoint_paths = {
    name: entry.weights.url for name, entry in MODELS.items() if entry.weights is not None
}
