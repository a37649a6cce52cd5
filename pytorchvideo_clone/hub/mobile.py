"""X3D of efficient blocks, for mobile CPUs, with the published weights.

Train or load them as any other model; `accelerator.convert_to_deployable_form` gives the form that
a phone runs. Their published numbers come without the views that they are averages of.
"""

from typing import Any

from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import create_x3d
from pytorchvideo_clone.hub.classification import X3D, ZOO, kinetics_weights, x3d_spec
from pytorchvideo_clone.hub.registry import register

__all__ = ["efficient_x3d_s", "efficient_x3d_xs"]


@register(
    x3d_spec(
        num_frames=4, sampling_rate=12, crop=160, side=182, test_crop=182, train_side=(182, 228)
    ),
    kinetics_weights(
        ZOO + "efficient_x3d_xs_original_form.pyth",
        accuracy={"top1": 68.5, "top5": 88.0},
        gflops=None,
        params=3_794_322,
        paper=X3D,
    ),
)
def efficient_x3d_xs(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-XS of efficient blocks, 4 frames of 160 pixels."""
    return _create(**{"num_classes": num_classes, "expansion": "XS", **kwargs})


@register(
    x3d_spec(
        num_frames=13, sampling_rate=6, crop=160, side=182, test_crop=182, train_side=(182, 228)
    ),
    kinetics_weights(
        ZOO + "efficient_x3d_s_original_form.pyth",
        accuracy={"top1": 73.0, "top5": 90.6},
        gflops=None,
        params=3_794_322,
        paper=X3D,
    ),
)
def efficient_x3d_s(num_classes: int = 400, **kwargs: Any) -> nn.Module:
    """X3D-S of efficient blocks, 13 frames of 160 pixels."""
    return _create(**{"num_classes": num_classes, "expansion": "S", **kwargs})


def _create(**kwargs: Any) -> nn.Module:
    """Make the model; head=None gives features, as for all models of the hub."""
    if "head" not in kwargs:
        return create_x3d(**kwargs)
    if kwargs.pop("head") is not None:
        raise ValueError("head is given; this model has its own: pass None for features.")
    return create_x3d(**{**kwargs, "enable_head": False})
