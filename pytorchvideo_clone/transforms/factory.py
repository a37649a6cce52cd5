"""The usual chains of transforms for training and for testing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone.transforms.augmix import AugMix
from pytorchvideo_clone.transforms.compose import ApplyTransformToKey, RemoveKey
from pytorchvideo_clone.transforms.rand_augment import RandAugment
from pytorchvideo_clone.transforms.transforms import (
    CenterCrop,
    ConvertUint8ToFloat,
    Normalize,
    Permute,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomShortSideScale,
    ShortSideScale,
    UniformTemporalSubsample,
)

__all__ = ["create_video_transform"]

_AUGMENTATIONS: dict[str, type[nn.Module]] = {"augmix": AugMix, "randaug": RandAugment}


def create_video_transform(
    mode: str,
    video_key: str | None = None,
    remove_key: Sequence[str] | None = None,
    num_samples: int | None = 8,
    convert_to_float: bool = True,
    video_mean: Sequence[float] = (0.45, 0.45, 0.45),
    video_std: Sequence[float] = (0.225, 0.225, 0.225),
    min_size: int = 256,
    max_size: int = 320,
    crop_size: int | tuple[int, int] = 224,
    horizontal_flip_prob: float = 0.5,
    aug_type: str = "default",
    aug_paras: Mapping[str, Any] | None = None,
    random_resized_crop_paras: Mapping[str, Any] | None = None,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Make the usual transform of a clip (C, T, H, W), uint8 or float within [0, 1].

    For training: frames, augmentation, floats, normalising, random short side, random crop (or
    random resized crop in place of both), flip. Otherwise: frames, floats, normalising, short side,
    centre crop.

    Args:
        mode: "train"; anything else, such as "val", means no chance.
        video_key: of the clip in a sample; None means that the transform takes clips.
        remove_key: keys that the sample loses, if it has them.
        num_samples: frames that are kept; None keeps all.
        convert_to_float: whether the clip is uint8; False for floats.
        video_mean: as in `Normalize`.
        video_std: as there.
        min_size: short side in pixels, for training the smallest.
        max_size: largest short side for training.
        crop_size: height and width, one number for a square.
        horizontal_flip_prob: how likely a training clip is mirrored.
        aug_type: "default" for none, "randaug" or "augmix"; for training only.
        aug_paras: arguments of `RandAugment` or `AugMix` that differ from their defaults.
        random_resized_crop_paras: arguments of `RandomResizedCrop` that differ from `crop_size`,
            scale (0.08, 1.0) and aspect ratio (3/4, 4/3); None means short side and crop.
        generator: draws for all steps; None means torch's own.

    Returns:
        A module from clip to clip, or from sample to sample.

    Raises:
        TypeError: if `crop_size` is neither a number nor a pair.
        AssertionError: if the crop does not fit, or `remove_key` or `aug_paras` has no use.
        NotImplementedError: if there is no such `aug_type`.

    >>> transform = create_video_transform("val", min_size=15, crop_size=10)
    >>> transform(torch.zeros(3, 20, 30, 40, dtype=torch.uint8)).shape
    torch.Size([3, 8, 10, 10])
    """
    height, width = _check_crop(crop_size, min_size)
    if remove_key is not None and video_key is None:
        raise AssertionError(f"remove_key is {remove_key}; samples need a video_key as well.")
    if aug_type == "default" and aug_paras is not None:
        raise AssertionError('aug_paras is given; it needs an aug_type other than "default".')
    if aug_type != "default" and aug_type not in _AUGMENTATIONS:
        raise NotImplementedError(
            f"aug_type is {aug_type!r}; it must be one of {['default', *_AUGMENTATIONS]}."
        )
    train = mode == "train"
    steps: list[nn.Module] = []
    if num_samples is not None:
        steps.append(UniformTemporalSubsample(num_samples))
    if train and aug_type != "default":
        turn = Permute((1, 0, 2, 3))
        steps += [
            turn,
            _AUGMENTATIONS[aug_type](**{"generator": generator, **(aug_paras or {})}),
            turn,
        ]
    if convert_to_float:
        steps.append(ConvertUint8ToFloat())
    steps.append(Normalize(video_mean, video_std))
    if not train:
        steps += [ShortSideScale(min_size), CenterCrop((height, width))]
    elif random_resized_crop_paras is None:
        steps += [
            RandomShortSideScale(min_size, max_size, generator=generator),
            RandomCrop((height, width), generator),
        ]
    else:
        crop = {
            "target_height": height,
            "target_width": width,
            "scale": (0.08, 1.0),
            "aspect_ratio": (3 / 4, 4 / 3),
            "generator": generator,
        }
        steps.append(RandomResizedCrop(**{**crop, **random_resized_crop_paras}))
    if train:
        steps.append(RandomHorizontalFlip(horizontal_flip_prob, generator))
    chain = nn.Sequential(*steps)
    if video_key is None:
        return chain
    return nn.Sequential(ApplyTransformToKey(video_key, chain), *map(RemoveKey, remove_key or ()))


def _check_crop(crop_size: int | tuple[int, int], min_size: int) -> tuple[int, int]:
    pair = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size
    if not (
        isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(n, int) for n in pair)
    ):
        raise TypeError(f"crop_size is {crop_size!r}; it must be a whole number or two of them.")
    if max(pair) > min_size:
        raise AssertionError(
            f"crop_size is {crop_size} and min_size {min_size}; the crop must not be larger."
        )
    return pair[0], pair[1]
