"""The arithmetic of the transforms, as pure functions."""

from pytorchvideo_clone.transforms.functional.boxes import (
    clip_boxes_to_image,
    crop_boxes,
    flip_boxes,
    horizontal_flip_with_boxes,
    random_crop_with_boxes,
    random_short_side_scale_with_boxes,
    short_side_scale_with_boxes,
    uniform_crop_with_boxes,
)
from pytorchvideo_clone.transforms.functional.labels import (
    convert_to_one_hot,
)
from pytorchvideo_clone.transforms.functional.pixels import (
    div_255,
    float_to_uint8,
    normalize,
    uint8_to_float,
)
from pytorchvideo_clone.transforms.functional.spatial import (
    center_crop,
    crop,
    random_crop,
    random_crop_corner,
    random_horizontal_flip,
    random_resized_crop,
    random_size,
    resize,
    resize_short_side,
    short_side_scale,
    short_side_size,
    uniform_crop,
    uniform_crop_corner,
)
from pytorchvideo_clone.transforms.functional.temporal import (
    uniform_temporal_indices,
    uniform_temporal_subsample,
    uniform_temporal_subsample_repeated,
)

__all__ = [
    "center_crop",
    "clip_boxes_to_image",
    "convert_to_one_hot",
    "crop",
    "crop_boxes",
    "div_255",
    "flip_boxes",
    "float_to_uint8",
    "horizontal_flip_with_boxes",
    "normalize",
    "random_crop",
    "random_crop_corner",
    "random_crop_with_boxes",
    "random_horizontal_flip",
    "random_resized_crop",
    "random_short_side_scale_with_boxes",
    "random_size",
    "resize",
    "resize_short_side",
    "short_side_scale",
    "short_side_scale_with_boxes",
    "short_side_size",
    "uint8_to_float",
    "uniform_crop",
    "uniform_crop_corner",
    "uniform_crop_with_boxes",
    "uniform_temporal_indices",
    "uniform_temporal_subsample",
    "uniform_temporal_subsample_repeated",
]
