"""Models that say what happens in given boxes of a clip, with the published weights.

Each function takes `num_classes` and the arguments of its builder besides `pretrained` and
`progress`; `create_model` says what they do. The models take boxes (K, 5), rows (index in the
batch, x1, y1, x2, y2) in input pixels, and give (K, classes) of sigmoid scores.
"""

from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.hub.registry import InputSpec, Weights, register
from pytorchvideo_clone.models.resnet import create_resnet_with_roi_head
from pytorchvideo_clone.models.slowfast import create_slowfast_with_roi_head

__all__ = ["slow_r50_detection", "slowfast_r50_detection"]

ZOO = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/ava/"

# A test clip is the whole frame around one moment, its short side scaled: no crops, one view.
detection_spec = partial(
    InputSpec, crop=224, side=256, test_crop=256, train_side=(256, 320), test_clips=1, test_crops=1
)
ava_weights = partial(
    Weights,
    licence="Apache-2.0, that of PyTorchVideo; none is stated for the weights",
    dataset="ava2.2",
    num_classes=80,
    class_names=(
        "https://dl.fbaipublicfiles.com/pytorchvideo/data/class_names/ava_action_list.pbtxt"
    ),
    gflops=None,
    paper="https://arxiv.org/abs/1812.03982",
    pretraining="kinetics400",
)


@register(
    detection_spec(num_frames=4, sampling_rate=16),
    ava_weights(
        ZOO + "SLOW_4x16_R50_DETECTION.pyth",
        accuracy={"map": 19.5},
        params=31_798_416,
    ),
    task="detection",
)
def slow_r50_detection(num_classes: int = 80, **kwargs: Any) -> nn.Module:
    """Slow ResNet-50 with a region head."""
    return create_resnet_with_roi_head(**{"model_num_class": num_classes, **kwargs})


@register(
    detection_spec(num_frames=32, sampling_rate=2, alpha=4),
    ava_weights(
        ZOO + "SLOWFAST_8x8_R50_DETECTION.pyth",
        accuracy={"map": 24.67},
        params=33_828_888,
    ),
    task="detection",
)
def slowfast_r50_detection(num_classes: int = 80, **kwargs: Any) -> nn.Module:
    """SlowFast ResNet-50 with a region head."""
    return create_slowfast_with_roi_head(**{"model_num_class": num_classes, **kwargs})
