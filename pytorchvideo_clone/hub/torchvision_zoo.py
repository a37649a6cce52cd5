"""Models whose weights torchvision publishes: R3D, MC3, R(2+1)D, MViTv2 and Video Swin.

The functions are as those of `classification`. All models but Swin are ours, and take torchvision's
checkpoints as they are; the numbers are those of torchvision's `weights.meta`.
"""

from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.hub.classification import R2PLUS1D, kinetics_weights
from pytorchvideo_clone.hub.conversion import convert_torchvision_mvit, convert_torchvision_resnet
from pytorchvideo_clone.hub.registry import InputSpec, register
from pytorchvideo_clone.models.basic_resnet import (
    create_2plus1d_basic_block,
    create_2plus1d_stem,
    create_basic_resnet,
)
from pytorchvideo_clone.models.swin import create_swin3d
from pytorchvideo_clone.models.vision_transformers import create_multiscale_vision_transformers

__all__ = ["mc3_18", "mvit_v2_s", "r2plus1d_18", "r3d_18", "swin3d_b", "swin3d_s", "swin3d_t"]

URL = "https://download.pytorch.org/models/"
MVIT_V2 = "https://arxiv.org/abs/2112.01526"
SWIN = "https://arxiv.org/abs/2106.13230"

# torchvision scales these clips to 128 x 171 pixels, whatever the video's shape.
resnet_spec = InputSpec(
    num_frames=16,
    sampling_rate=2,
    crop=112,
    side=128,
    mean=(0.43216, 0.394666, 0.37645),
    std=(0.22803, 0.22145, 0.216989),
    test_clips=5,
    test_crops=1,
)
swin_spec = InputSpec(
    num_frames=32,
    sampling_rate=2,
    crop=224,
    side=256,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    test_clips=12,
    test_crops=1,
)
torchvision_weights = partial(
    kinetics_weights, licence="BSD-3-Clause, that of torchvision; none is stated for the weights"
)


@register(
    resnet_spec,
    torchvision_weights(
        URL + "r3d_18-b3b3357e.pth",
        sha256="b3b3357e",
        accuracy={"top1": 63.2, "top5": 83.479},
        gflops=40.697,
        params=33_371_472,
        paper=R2PLUS1D,
    ),
    convert=convert_torchvision_resnet,
)
def r3d_18(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """ResNet-18 of 3D convolutions."""
    return create_basic_resnet(**{"model_num_class": num_classes, **kwargs})


@register(
    resnet_spec,
    torchvision_weights(
        URL + "mc3_18-a90a0ba3.pth",
        sha256="a90a0ba3",
        accuracy={"top1": 63.96, "top5": 84.13},
        gflops=43.343,
        params=11_695_440,
        paper=R2PLUS1D,
    ),
    convert=convert_torchvision_resnet,
)
def mc3_18(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """ResNet-18 with 3D convolutions in the first stage and 2D ones after it."""
    return create_basic_resnet(
        **{
            "model_num_class": num_classes,
            "stage_conv_kernel_size": ((3, 3, 3), (1, 3, 3), (1, 3, 3), (1, 3, 3)),
            "stage_temporal_stride": (1, 1, 1, 1),
            **kwargs,
        }
    )


@register(
    resnet_spec,
    torchvision_weights(
        URL + "r2plus1d_18-91a641e6.pth",
        sha256="91a641e6",
        accuracy={"top1": 67.463, "top5": 86.175},
        gflops=40.519,
        params=31_505_325,
        paper=R2PLUS1D,
    ),
    convert=convert_torchvision_resnet,
)
def r2plus1d_18(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """R(2+1)D ResNet-18: convolutions over space, then over time; gives logits."""
    return create_basic_resnet(
        **{
            "model_num_class": num_classes,
            "stem": create_2plus1d_stem,
            "block": create_2plus1d_basic_block,
            **kwargs,
        }
    )


@register(
    InputSpec(
        num_frames=16,
        sampling_rate=4,
        crop=224,
        side=256,
        train_side=(256, 320),
        test_clips=5,
        test_crops=1,
    ),
    torchvision_weights(
        URL + "mvit_v2_s-ae3be167.pth",
        sha256="ae3be167",
        accuracy={"top1": 80.757, "top5": 94.665},
        gflops=64.224,
        params=34_537_744,
        paper=MVIT_V2,
    ),
    convert=convert_torchvision_mvit,
)
def mvit_v2_s(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """MViTv2-S, 16 frames: positions relative to each other and residual pooling."""
    return create_multiscale_vision_transformers(
        **{
            "spatial_size": 224,
            "temporal_size": 16,
            "head_num_classes": num_classes,
            "embed_dim_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
            "atten_head_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
            "pool_q_stride_size": [
                [block, 1, 2, 2] if block in (1, 3, 14) else [block, 1, 1, 1] for block in range(16)
            ],
            "pool_kv_stride_adaptive": [1, 8, 8],
            "pool_kvq_kernel": [3, 3, 3],
            "dim_mul_in_att": True,
            "separate_qkv": False,
            "residual_pool": True,
            "residual_pool_cls": False,
            "abs_pos_embed": False,
            "rel_pos_embed": True,
            **kwargs,
        }
    )


@register(
    swin_spec,
    torchvision_weights(
        URL + "swin3d_t-7615ae03.pth",
        sha256="7615ae03",
        accuracy={"top1": 77.715, "top5": 93.519},
        gflops=43.882,
        params=28_158_070,
        paper=SWIN,
    ),
)
def swin3d_t(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """Video Swin-T, torchvision's module."""
    return create_swin3d(**{"head_num_classes": num_classes, **kwargs})


@register(
    swin_spec,
    torchvision_weights(
        URL + "swin3d_s-da41c237.pth",
        sha256="da41c237",
        accuracy={"top1": 79.521, "top5": 94.158},
        gflops=82.841,
        params=49_816_678,
        paper=SWIN,
    ),
)
def swin3d_s(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """Video Swin-S, torchvision's module."""
    return create_swin3d(**{"head_num_classes": num_classes, "depths": (2, 2, 18, 2), **kwargs})


@register(
    swin_spec,
    torchvision_weights(
        URL + "swin3d_b_1k-24f7c7c6.pth",
        sha256="24f7c7c6",
        accuracy={"top1": 79.427, "top5": 94.386},
        gflops=140.667,
        params=88_048_984,
        paper=SWIN,
    ),
)
def swin3d_b(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """Video Swin-B, torchvision's module."""
    return create_swin3d(
        **{
            "head_num_classes": num_classes,
            "embed_dim": 128,
            "depths": (2, 2, 18, 2),
            "num_heads": (4, 8, 16, 32),
            **kwargs,
        }
    )
