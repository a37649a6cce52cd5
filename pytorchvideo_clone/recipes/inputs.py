"""From an `InputSpec` to what data and transforms need for it.

Clips travel as uint8 and are normalised last, in one pass, on the model's device.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.data import (
    ClipDataset,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    Faults,
    LabeledVideoPaths,
    RandomClipSampler,
)
from pytorchvideo_clone.data.faults import Policy
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.transforms.functional import (
    center_crop,
    random_crop,
    random_horizontal_flip,
    random_size,
    resize_short_side,
    uniform_crop,
    uniform_temporal_indices,
)

__all__ = [
    "evaluation_dataset",
    "evaluation_sampler",
    "evaluation_transform",
    "example_input",
    "keep_frames",
    "normalize_clips",
    "training_dataset",
    "training_transform",
]

Transform = Callable[[Tensor], Tensor]


def keep_frames(indices: list[int], num_frames: int) -> list[int]:
    """Choose evenly spaced frames of a window, first and last included.

    Args:
        indices: the window's frames, ascending.
        num_frames: how many to keep; frames repeat if there are fewer.

    >>> keep_frames(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    return [indices[place] for place in uniform_temporal_indices(len(indices), num_frames).tolist()]


def training_transform(
    spec: InputSpec, horizontal_flip_prob: float = 0.5, augmentation: Transform | None = None
) -> Transform:
    """Make the random part of training: short side, crop, flip.

    Args:
        spec: what the model takes.
        horizontal_flip_prob: 0 where left and right mean something.
        augmentation: of the cropped frames (T, C, crop, crop) uint8, such as `RandAugment()`.

    Returns:
        A function (C, T, H, W) uint8 -> (C, T, crop, crop) uint8.
    """
    view = partial(_train_view, spec=spec, horizontal_flip_prob=horizontal_flip_prob)
    if augmentation is None:
        return view
    return partial(_augmented_view, view=view, augmentation=augmentation)


def evaluation_transform(spec: InputSpec, crops: int | None = None) -> Transform:
    """Make the views of one clip: short side scaled, then crops along the longer side.

    Args:
        spec: what the model takes.
        crops: 1 (centre) or 3 (left/top, centre, right/bottom); None takes the spec's.

    Returns:
        A function (C, T, H, W) uint8 -> (crops, C, T, test_crop, test_crop) uint8.

    Raises:
        ValueError: if `crops` is neither 1 nor 3.
    """
    crops = spec.test_crops if crops is None else crops
    if crops not in (1, 3):
        raise ValueError(f"crops is {crops}; it must be 1 (centre) or 3 (along the longer side).")
    return partial(_evaluation_views, spec=spec, crops=crops)


def normalize_clips(video: Tensor, spec: InputSpec) -> Tensor:
    """Turn pixels into a model's input.

    Args:
        video: (B, C, T, H, W), uint8 or float, 0 to 255.
        spec: gives mean and standard deviation, for pixels in [0, 1].

    Returns:
        The same shape, float32.
    """
    shape = (1, -1, 1, 1, 1)
    mean = torch.tensor(spec.mean, device=video.device).view(shape)
    std = torch.tensor(spec.std, device=video.device).view(shape)
    return video.float().div(255).sub_(mean).div_(std)


def example_input(spec: InputSpec, batch: int = 1) -> Tensor:
    """Draw random normalised test clips (batch, C, T, test_crop, test_crop)."""
    shape = (batch, len(spec.mean), spec.num_frames, spec.test_crop, spec.test_crop)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def training_dataset(
    paths: LabeledVideoPaths,
    spec: InputSpec,
    *,
    horizontal_flip_prob: float = 0.5,
    augmentation: Transform | None = None,
    seed: int = 0,
    decoder: str = "pyav",
    faults: Faults | Policy = "raise",
) -> ClipDataset:
    """Make the data set of one random clip a video; `video` is (C, T, crop, crop) uint8.

    Flips and augmentation are those of `training_transform`.
    """
    return _dataset(
        paths,
        spec,
        RandomClipSampler(spec.clip_duration),
        training_transform(spec, horizontal_flip_prob, augmentation),
        # Much larger frames are scaled in YUV, before they are converted.
        short_side=max(spec.train_side),
        seed=seed,
        decoder=decoder,
        faults=faults,
    )


def evaluation_dataset(
    paths: LabeledVideoPaths,
    spec: InputSpec,
    *,
    clips: int | None = None,
    crops: int | None = None,
    decoder: str = "pyav",
    faults: Faults | Policy = "raise",
) -> ClipDataset:
    """Make the data set of a fixed number of clips a video.

    Args:
        paths: the videos.
        spec: what the model takes.
        clips: clips of a video; None takes the spec's.
        crops: crops of a clip, as in `evaluation_transform`.
        decoder: as in `EncodedVideo.from_path`.
        faults: as in `ClipDataset`.

    Returns:
        Samples whose `video` is (crops, C, T, test_crop, test_crop) uint8.
    """
    sampler = evaluation_sampler(spec, clips)
    transform = evaluation_transform(spec, crops)
    return _dataset(paths, spec, sampler, transform, decoder=decoder, faults=faults)


def evaluation_sampler(spec: InputSpec, clips: int | None = None) -> ClipSampler:
    """Place the clips of a video for evaluation."""
    clips = spec.test_clips if clips is None else clips
    return ConstantClipsPerVideoSampler(spec.clip_duration, clips, placement=spec.clip_placement)


def _dataset(
    paths: LabeledVideoPaths,
    spec: InputSpec,
    sampler: ClipSampler,
    transform: Transform,
    **options: Any,
) -> ClipDataset:
    return ClipDataset(
        paths,
        sampler,
        partial(_transform_video, transform=transform),
        decode_audio=False,
        video_dtype=torch.uint8,
        frame_filter=partial(keep_frames, num_frames=spec.num_frames),
        **options,
    )


def _transform_video(sample: dict[str, Any], transform: Transform) -> dict[str, Any]:
    return {**sample, "video": transform(sample["video"])}


def _train_view(video: Tensor, spec: InputSpec, horizontal_flip_prob: float) -> Tensor:
    # ClipTransform does this in one pass, but rounds the box to whole pixels of the source: with it
    # `pytorchvideo-clone demo` reached 89 % instead of 99 % (one run each, cause not known).
    video = resize_short_side(video, random_size(*spec.train_side))
    return random_horizontal_flip(random_crop(video, spec.crop, spec.crop), horizontal_flip_prob)


def _augmented_view(video: Tensor, view: Transform, augmentation: Transform) -> Tensor:
    return augmentation(view(video).transpose(0, 1)).transpose(0, 1)


def _evaluation_views(video: Tensor, spec: InputSpec, crops: int) -> Tensor:
    video = resize_short_side(video, spec.side)
    if crops == 1:
        return center_crop(video, spec.test_crop, spec.test_crop)[None]
    views = [uniform_crop(video, spec.test_crop, place) for place in range(crops)]
    # Copied in the order in which decoders write, (T, H, W, C): four times as fast.
    return torch.stack([view.permute(1, 2, 3, 0) for view in views]).permute(0, 4, 1, 2, 3)
