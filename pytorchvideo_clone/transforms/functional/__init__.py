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
from pytorchvideo_clone.transforms.functional.color import (
    adjust_color,
    erase,
    gaussian_blur,
    grayscale,
)
from pytorchvideo_clone.transforms.functional.draws import (
    happens,
    random_beta,
    random_number,
    random_shares,
    random_size,
)
from pytorchvideo_clone.transforms.functional.fused import (
    crop_resize,
    crop_resize_batch,
    crop_resize_boxes,
    crop_resize_normalize,
    normalize_pixels,
)
from pytorchvideo_clone.transforms.functional.labels import (
    convert_to_one_hot,
    swap_label,
)
from pytorchvideo_clone.transforms.functional.masks import (
    random_token_mask,
    tube_token_mask,
)
from pytorchvideo_clone.transforms.functional.mixing import (
    cut_mix,
    mix_with_reversed,
    random_cut,
)
from pytorchvideo_clone.transforms.functional.operations import (
    OPERATIONS,
    affine,
)
from pytorchvideo_clone.transforms.functional.pixels import (
    check_unit_range,
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
    random_rectangle,
    random_resized_crop,
    resize,
    resize_short_side,
    short_side_scale,
    short_side_size,
    uniform_crop,
    uniform_crop_corner,
)
from pytorchvideo_clone.transforms.functional.spectrograms import (
    log_mel_spectrogram,
    mask_spectrogram,
)
from pytorchvideo_clone.transforms.functional.temporal import (
    uniform_temporal_indices,
    uniform_temporal_subsample,
    uniform_temporal_subsample_repeated,
)

__all__ = [
    "OPERATIONS",
    "adjust_color",
    "affine",
    "center_crop",
    "check_unit_range",
    "clip_boxes_to_image",
    "convert_to_one_hot",
    "crop",
    "crop_boxes",
    "crop_resize",
    "crop_resize_batch",
    "crop_resize_boxes",
    "crop_resize_normalize",
    "cut_mix",
    "div_255",
    "erase",
    "flip_boxes",
    "float_to_uint8",
    "gaussian_blur",
    "grayscale",
    "happens",
    "horizontal_flip_with_boxes",
    "log_mel_spectrogram",
    "mask_spectrogram",
    "mix_with_reversed",
    "normalize",
    "normalize_pixels",
    "random_beta",
    "random_crop",
    "random_crop_corner",
    "random_crop_with_boxes",
    "random_cut",
    "random_horizontal_flip",
    "random_number",
    "random_rectangle",
    "random_resized_crop",
    "random_shares",
    "random_short_side_scale_with_boxes",
    "random_size",
    "random_token_mask",
    "resize",
    "resize_short_side",
    "short_side_scale",
    "short_side_scale_with_boxes",
    "short_side_size",
    "swap_label",
    "tube_token_mask",
    "uint8_to_float",
    "uniform_crop",
    "uniform_crop_corner",
    "uniform_crop_with_boxes",
    "uniform_temporal_indices",
    "uniform_temporal_subsample",
    "uniform_temporal_subsample_repeated",
]
