"""Component builders for video models: every knob."""

from pytorchvideo_clone.models.head import (
    ResNetBasicHead,
    create_res_basic_head,
    create_res_roi_pooling_head,
)
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, MultiPathWayWithFuse, Net
from pytorchvideo_clone.models.resnet import (
    BottleneckBlock,
    create_acoustic_resnet,
    create_bottleneck_block,
    create_resnet,
    create_resnet_with_roi_head,
)
from pytorchvideo_clone.models.slowfast import create_slowfast, create_slowfast_with_roi_head
from pytorchvideo_clone.models.stem import (
    ResNetBasicStem,
    create_conv_patch_embed,
    create_res_basic_stem,
)
from pytorchvideo_clone.models.weight_init import init_net_weights
from pytorchvideo_clone.models.x3d import create_x3d

__all__ = [
    "BottleneckBlock",
    "DetectionBBoxNetwork",
    "MultiPathWayWithFuse",
    "Net",
    "ResNetBasicHead",
    "ResNetBasicStem",
    "create_acoustic_resnet",
    "create_bottleneck_block",
    "create_conv_patch_embed",
    "create_res_basic_head",
    "create_res_basic_stem",
    "create_res_roi_pooling_head",
    "create_resnet",
    "create_resnet_with_roi_head",
    "create_slowfast",
    "create_slowfast_with_roi_head",
    "create_x3d",
    "init_net_weights",
]
