"""Models that say what happens in a clip, with the published weights.

Each function takes `num_classes` and the arguments of its builder besides `pretrained` and
`progress`; `create_model` says what they do.
"""

from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.hub.registry import InputSpec, Weights, register
from pytorchvideo_clone.models.csn import create_csn
from pytorchvideo_clone.models.r2plus1d import create_r2plus1d
from pytorchvideo_clone.models.resnet import create_resnet
from pytorchvideo_clone.models.slowfast import create_slowfast
from pytorchvideo_clone.models.x3d import create_x3d

__all__ = [
    "c2d_r50",
    "csn_r101",
    "i3d_r50",
    "r2plus1d_r50",
    "slow_r50",
    "slowfast_16x8_r101_50_50",
    "slowfast_r50",
    "slowfast_r101",
    "x3d_l",
    "x3d_m",
    "x3d_s",
    "x3d_tiny",
    "x3d_xs",
]

ZOO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/"
NON_LOCAL = "https://arxiv.org/abs/1711.07971"
CSN = "https://arxiv.org/abs/1904.02811"
R2PLUS1D = "https://arxiv.org/abs/1711.11248"
I3D = "https://arxiv.org/abs/1705.07750"
SLOWFAST = "https://arxiv.org/abs/1812.03982"
X3D = "https://arxiv.org/abs/2004.04730"

# The published numbers are those of 10 clips and 3 crops, the clips placed by "division".
resnet_spec = partial(
    InputSpec,
    crop=224,
    side=256,
    test_crop=256,
    train_side=(256, 320),
    clip_placement="division",
)
x3d_spec = partial(InputSpec, clip_placement="division")
kinetics_weights = partial(
    Weights,
    licence="Apache-2.0, that of PyTorchVideo; none is stated for the weights",
    dataset="kinetics400",
    num_classes=400,
    class_names=(
        "https://dl.fbaipublicfiles.com/pyslowfast/dataset/class_names/kinetics_classnames.json"
    ),
)


@register(
    resnet_spec(num_frames=8, sampling_rate=8),
    kinetics_weights(
        ZOO + "SLOW_8x8_R50.pyth",
        accuracy={"top1": 74.58, "top5": 91.63},
        gflops=54.52,
        params=32_454_096,
        paper=SLOWFAST,
    ),
)
def slow_r50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """Slow ResNet-50: the slow pathway of SlowFast alone."""
    return create_resnet(
        **{
            "model_num_class": num_classes,
            "stem_conv_kernel_size": (1, 7, 7),
            "head_pool_kernel_size": (8, 7, 7),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=8, sampling_rate=8),
    kinetics_weights(
        ZOO + "C2D_8x8_R50.pyth",
        accuracy={"top1": 71.46, "top5": 89.68},
        gflops=25.89,
        params=24_327_632,
        paper=NON_LOCAL,
    ),
)
def c2d_r50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """C2D ResNet-50: no convolution over time, one pool."""
    return create_resnet(
        **{
            "model_num_class": num_classes,
            "stem_conv_kernel_size": (1, 7, 7),
            "stage1_pool": nn.MaxPool3d,
            "stage_conv_a_kernel_size": (1, 1, 1),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=8, sampling_rate=8),
    kinetics_weights(
        ZOO + "I3D_8x8_R50.pyth",
        accuracy={"top1": 73.27, "top5": 90.7},
        gflops=37.53,
        params=28_043_472,
        paper=I3D,
    ),
)
def i3d_r50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """I3D ResNet-50: a 2D network inflated along time."""
    return create_resnet(
        **{
            "model_num_class": num_classes,
            "stem_conv_kernel_size": (5, 7, 7),
            "stage1_pool": nn.MaxPool3d,
            "stage_conv_a_kernel_size": (
                (3, 1, 1),
                ((3, 1, 1), (1, 1, 1)),
                ((3, 1, 1), (1, 1, 1)),
                ((1, 1, 1), (3, 1, 1)),
            ),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=32, sampling_rate=2, alpha=4),
    kinetics_weights(
        ZOO + "SLOWFAST_8x8_R50.pyth",
        accuracy={"top1": 76.94, "top5": 92.69},
        gflops=65.71,
        params=34_566_488,
        paper=SLOWFAST,
    ),
)
def slowfast_r50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """SlowFast ResNet-50, 8 slow and 32 fast frames."""
    return create_slowfast(
        **{
            "model_num_class": num_classes,
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=32, sampling_rate=2, alpha=4),
    kinetics_weights(
        ZOO + "SLOWFAST_8x8_R101.pyth",
        accuracy={"top1": 77.9, "top5": 93.27},
        gflops=127.2,
        params=62_826_968,
        paper=SLOWFAST,
    ),
)
def slowfast_r101(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """SlowFast ResNet-101, 8 slow and 32 fast frames."""
    return create_slowfast(
        **{
            "model_num_class": num_classes,
            "model_depth": 101,
            "slowfast_fusion_conv_kernel_size": (5, 1, 1),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=64, sampling_rate=2, alpha=4, train_side=(256, 360)),
    kinetics_weights(
        ZOO + "SLOWFAST_16x8_R101_50_50.pyth",
        accuracy={"top1": 78.7, "top5": 93.61},
        gflops=215.61,
        params=53_774_808,
        paper=SLOWFAST,
    ),
)
def slowfast_16x8_r101_50_50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """SlowFast ResNet-101, 16 slow and 64 fast frames, stage 3 as temporal as ResNet-50's."""
    stage3 = ((3, 1, 1),) * 6 + ((1, 1, 1),) * 17
    return create_slowfast(
        **{
            "model_num_class": num_classes,
            "model_depth": 101,
            "slowfast_fusion_conv_kernel_size": (5, 1, 1),
            "stage_conv_a_kernel_sizes": (
                ((1, 1, 1), (1, 1, 1), stage3, (3, 1, 1)),
                ((3, 1, 1), (3, 1, 1), stage3, (3, 1, 1)),
            ),
            "head_pool_kernel_sizes": ((16, 7, 7), (64, 7, 7)),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=32, sampling_rate=2),
    kinetics_weights(
        ZOO + "CSN_32x2_R101.pyth",
        accuracy={"top1": 77.0, "top5": 92.9},
        gflops=75.62,
        params=22_213_776,
        paper=CSN,
    ),
)
def csn_r101(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """CSN ResNet-101: channel-separated convolutions."""
    return create_csn(
        **{
            "model_num_class": num_classes,
            "model_depth": 101,
            "stem_pool": nn.MaxPool3d,
            "head_pool_kernel_size": (4, 7, 7),
            **kwargs,
        }
    )


@register(
    resnet_spec(num_frames=16, sampling_rate=4),
    kinetics_weights(
        ZOO + "R2PLUS1D_16x4_R50.pyth",
        accuracy={"top1": 76.01, "top5": 92.23},
        gflops=76.45,
        params=28_107_600,
        paper=R2PLUS1D,
    ),
    logits={"head_activation": None},
)
def r2plus1d_r50(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """R(2+1)D ResNet-50: factorized convolutions; gives probabilities, not logits."""
    return create_r2plus1d(
        **{
            "model_num_class": num_classes,
            "dropout_rate": 0.5,
            **kwargs,
        }
    )


@register(
    x3d_spec(
        num_frames=4, sampling_rate=12, crop=160, side=182, test_crop=182, train_side=(182, 228)
    ),
    kinetics_weights(
        ZOO + "X3D_XS.pyth",
        accuracy={"top1": 69.12, "top5": 88.63},
        gflops=0.91,
        params=3_794_274,
        paper=X3D,
    ),
)
def x3d_xs(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-XS, 4 frames of 160 pixels."""
    return create_x3d(
        **{
            "model_num_class": num_classes,
            "input_clip_length": 4,
            "input_crop_size": 160,
            **kwargs,
        }
    )


@register(
    x3d_spec(
        num_frames=13, sampling_rate=6, crop=160, side=182, test_crop=182, train_side=(182, 228)
    ),
    kinetics_weights(
        ZOO + "X3D_S.pyth",
        accuracy={"top1": 73.33, "top5": 91.27},
        gflops=2.96,
        params=3_794_274,
        paper=X3D,
    ),
)
def x3d_s(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-S, 13 frames of 160 pixels."""
    return create_x3d(
        **{
            "model_num_class": num_classes,
            "input_clip_length": 13,
            "input_crop_size": 160,
            **kwargs,
        }
    )


@register(
    x3d_spec(
        num_frames=16, sampling_rate=5, crop=224, side=256, test_crop=256, train_side=(256, 320)
    ),
    kinetics_weights(
        ZOO + "X3D_M.pyth",
        accuracy={"top1": 75.94, "top5": 92.72},
        gflops=6.72,
        params=3_794_274,
        paper=X3D,
    ),
)
def x3d_m(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-M, 16 frames of 224 pixels."""
    return create_x3d(
        **{
            "model_num_class": num_classes,
            "input_clip_length": 16,
            "input_crop_size": 224,
            **kwargs,
        }
    )


@register(
    x3d_spec(
        num_frames=16, sampling_rate=5, crop=312, side=356, test_crop=356, train_side=(356, 446)
    ),
    kinetics_weights(
        ZOO + "X3D_L.pyth",
        accuracy={"top1": 77.44, "top5": 93.31},
        gflops=26.64,
        params=6_153_384,
        paper=X3D,
    ),
)
def x3d_l(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-L, 16 frames of 312 pixels."""
    return create_x3d(
        **{
            "model_num_class": num_classes,
            "input_clip_length": 16,
            "input_crop_size": 312,
            "depth_factor": 5.0,
            **kwargs,
        }
    )


@register(
    InputSpec(
        num_frames=8,
        sampling_rate=2,
        fps=12,
        crop=64,
        side=76,
        train_side=(68, 84),
        test_clips=3,
    )
)
def x3d_tiny(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """Small X3D over 1.3 s, for little data, a CPU, tests and examples; without weights."""
    model = create_x3d(
        **{
            "model_num_class": num_classes,
            "input_clip_length": 8,
            "input_crop_size": 64,
            "depth_factor": 0.4,
            "se_ratio": 0.0,
            "head_dim_out": 512,
            "dropout_rate": 0.2,
            **kwargs,
        }
    )
    # Blocks that begin as the identity suit hundreds of epochs; a short training would spend all
    # its steps on leaving it.
    for module in model.modules():
        if getattr(module, "block_final_bn", False):
            nn.init.ones_(module.weight)  # type: ignore[arg-type]  # a norm's, by its mark
    return model
