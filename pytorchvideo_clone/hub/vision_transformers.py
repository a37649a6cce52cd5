"""Multiscale vision transformers (MViT) for clips and images, with the published weights.

The functions are as those of `classification`; the dictionaries hold the builder's arguments.
"""

from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.hub.classification import ZOO, kinetics_weights
from pytorchvideo_clone.hub.conversion import convert_torchvision_mvit
from pytorchvideo_clone.hub.registry import InputSpec, Weights, register
from pytorchvideo_clone.hub.registry import hub_model_builder as hub_model_builder
from pytorchvideo_clone.models.vision_transformers import create_multiscale_vision_transformers

__all__ = [
    "mvit_base_16",
    "mvit_base_16x4",
    "mvit_base_32x3",
    "mvit_image_base_16_config",
    "mvit_video_base_32x3_config",
    "mvit_video_base_config",
]

MVIT = "https://arxiv.org/abs/2104.11227"

_base: dict[str, Any] = {
    "spatial_size": 224,
    "embed_dim_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
    "atten_head_mul": [[1, 2.0], [3, 2.0], [14, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]],
}
mvit_video_base_config: dict[str, Any] = {
    **_base,
    "temporal_size": 16,
    "pool_kv_stride_adaptive": [1, 8, 8],
    "pool_kvq_kernel": [3, 3, 3],
}
mvit_video_base_32x3_config: dict[str, Any] = {**mvit_video_base_config, "temporal_size": 32}
mvit_image_base_16_config: dict[str, Any] = {
    **_base,
    "temporal_size": 1,
    "use_2d_patch": True,
    "conv_patch_embed_kernel": [7, 7],
    "conv_patch_embed_stride": [4, 4],
    "conv_patch_embed_padding": [3, 3],
    "pool_kv_stride_adaptive": [1, 4, 4],
    "pool_kvq_kernel": [1, 3, 3],
}

# The published numbers are those of 5 clips and the centre crop of the whole short side.
mvit_spec = partial(
    InputSpec,
    crop=224,
    side=224,
    train_side=(256, 320),
    test_clips=5,
    test_crops=1,
    clip_placement="division",
)


@register(
    mvit_spec(num_frames=16, sampling_rate=4),
    kinetics_weights(
        ZOO + "MVIT_B_16x4.pyth",
        accuracy={"top1": 78.85, "top5": 93.85},
        gflops=70.8,
        params=36_610_672,
        paper=MVIT,
    ),
    # torchvision's mvit_v1_b is the same network with one layer for queries, keys and values.
    convert=partial(convert_torchvision_mvit, split_qkv=True),
)
def mvit_base_16x4(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """MViT-B, 16 frames."""
    return create_multiscale_vision_transformers(
        **{"head_num_classes": num_classes, **mvit_video_base_config, **kwargs}
    )


@register(
    mvit_spec(num_frames=32, sampling_rate=3),
    kinetics_weights(
        ZOO + "MVIT_B_32x3_f294077834.pyth",
        accuracy={"top1": 80.3, "top5": 94.69},
        gflops=170.37,
        params=36_611_440,
        paper=MVIT,
    ),
)
def mvit_base_32x3(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """MViT-B, 32 frames."""
    return create_multiscale_vision_transformers(
        **{"head_num_classes": num_classes, **mvit_video_base_32x3_config, **kwargs}
    )


@register(
    # The zoo says nothing of the input; this is what is usual for ImageNet.
    InputSpec(
        num_frames=1,
        sampling_rate=1,
        crop=224,
        side=256,
        train_side=(256, 320),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        test_clips=1,
        test_crops=1,
    ),
    Weights(
        "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/imagenet/MVIT_B_16_f292487636.pyth",
        dataset="imagenet",
        num_classes=1000,
        class_names=(
            "https://raw.githubusercontent.com/anishathalye/imagenet-simple-labels/master/"
            "imagenet-simple-labels.json"
        ),
        accuracy={},
        gflops=None,
        params=36_982_696,
        paper=MVIT,
        licence="Apache-2.0, that of PyTorchVideo; none is stated for the weights",
    ),
)
def mvit_base_16(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """MViT-B for images, or clips of one frame; 400 classes without weights, as PyTorchVideo's."""
    return create_multiscale_vision_transformers(
        **{"head_num_classes": num_classes, **mvit_image_base_16_config, **kwargs}
    )
