"""Component builders for video models: every knob."""

from pytorchvideo_clone.models.audio_visual_slowfast import create_audio_visual_slowfast
from pytorchvideo_clone.models.basic_resnet import (
    create_2plus1d_basic_block,
    create_2plus1d_stem,
    create_basic_block,
    create_basic_resnet,
)
from pytorchvideo_clone.models.csn import create_csn
from pytorchvideo_clone.models.features import extract_features, feature_info
from pytorchvideo_clone.models.flops import count_flops
from pytorchvideo_clone.models.head import (
    ResNetBasicHead,
    create_res_basic_head,
    create_res_roi_pooling_head,
)
from pytorchvideo_clone.models.masked_multistream import (
    LSTM,
    LearnMaskedDefault,
    MaskedMultiPathWay,
    MaskedSequential,
    MaskedTemporalPooling,
    TransposeMultiheadAttention,
    TransposeTransformerEncoder,
)
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, MultiPathWayWithFuse, Net
from pytorchvideo_clone.models.r2plus1d import create_2plus1d_bottleneck_block, create_r2plus1d
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
from pytorchvideo_clone.models.swin import create_swin3d
from pytorchvideo_clone.models.vision_transformers import (
    MultiscaleVisionTransformers,
    create_multiscale_vision_transformers,
)
from pytorchvideo_clone.models.weight_init import init_net_weights
from pytorchvideo_clone.models.x3d import create_x3d

__all__ = [
    "BottleneckBlock",
    "DetectionBBoxNetwork",
    "LSTM",
    "LearnMaskedDefault",
    "MaskedMultiPathWay",
    "MaskedSequential",
    "MaskedTemporalPooling",
    "MultiPathWayWithFuse",
    "MultiscaleVisionTransformers",
    "Net",
    "ResNetBasicHead",
    "ResNetBasicStem",
    "TransposeMultiheadAttention",
    "TransposeTransformerEncoder",
    "count_flops",
    "create_2plus1d_basic_block",
    "create_2plus1d_bottleneck_block",
    "create_2plus1d_stem",
    "create_acoustic_resnet",
    "create_audio_visual_slowfast",
    "create_basic_block",
    "create_basic_resnet",
    "create_bottleneck_block",
    "create_conv_patch_embed",
    "create_csn",
    "create_multiscale_vision_transformers",
    "create_r2plus1d",
    "create_res_basic_head",
    "create_res_basic_stem",
    "create_res_roi_pooling_head",
    "create_resnet",
    "create_resnet_with_roi_head",
    "create_slowfast",
    "create_slowfast_with_roi_head",
    "create_swin3d",
    "create_x3d",
    "extract_features",
    "feature_info",
    "init_net_weights",
]
