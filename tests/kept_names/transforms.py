"""Transforms: the chains of the tutorials, boxes, and what torch.jit.script compiles.

Numbers are those that PyTorchVideo 0.1.5 gives for the same call, or arithmetic.
"""

import warnings
from typing import Any

import numpy as np
import torch
from torchvision.transforms import Compose, Lambda

from pytorchvideo_clone.transforms import (
    ApplyTransformToKey,
    ConvertFloatToUint8,
    ConvertUint8ToFloat,
    MoveChannelFront,
    MoveChannelRear,
    Normalize,
    OpSampler,
    Permute,
    RandomResizedCrop,
    RandomShortSideScale,
    RemoveKey,
    ShortSideScale,
    UniformCropVideo,
    UniformTemporalSubsample,
    augmentations,
    functional,
)
from pytorchvideo_clone.transforms.augmentations import AugmentTransform
from pytorchvideo_clone.transforms.functional import (
    clip_boxes_to_image,
    convert_to_one_hot,
    crop_boxes,
    horizontal_flip_with_boxes,
    random_crop_with_boxes,
    random_short_side_scale_with_boxes,
    short_side_scale_with_boxes,
    uniform_crop_with_boxes,
    uniform_temporal_subsample,
)

BOXES = [[2.0, 1.0, 15.0, 8.0], [-3.0, 2.0, 40.0, 9.0]]
CLIP = torch.arange(3 * 2 * 10 * 20.0).reshape(3, 2, 10, 20)


def boxes_in_numpy() -> None:
    for kind in (np.float32, np.float64, np.int64):
        boxes = np.array(BOXES, kind)[::-1][::-1]
        boxes.setflags(write=False)
        found = {
            "clip": clip_boxes_to_image(boxes, 8, 20),
            "crop": crop_boxes(boxes, 4, 2),
            "uniform": uniform_crop_with_boxes(CLIP, 8, 2, boxes)[1],
            "random": random_crop_with_boxes(CLIP[..., :10], 10, boxes)[1],
            "flip": horizontal_flip_with_boxes(1.0, CLIP, boxes)[1],
        }
        expected = {
            "clip": [[2, 1, 15, 7], [0, 2, 19, 7]],
            "crop": [[-2, -1, 11, 6], [-7, 0, 36, 7]],
            "uniform": [[0, 0, 3, 7], [0, 1, 7, 7]],
            "random": [[2, 1, 9, 8], [0, 2, 9, 9]],
            "flip": [[4, 1, 17, 8], [-21, 2, 22, 9]],
        }
        for name, moved in found.items():
            assert isinstance(moved, np.ndarray) and moved.dtype == kind, name
            assert moved.tolist() == expected[name], name


def boxes_in_numpy_scaled_with_the_clip() -> None:
    boxes = np.array(BOXES)
    for scale in (
        lambda: short_side_scale_with_boxes(CLIP, boxes, 5),
        lambda: random_short_side_scale_with_boxes(CLIP, boxes, 5, 5),
    ):
        clip, scaled = scale()
        assert clip.shape == (3, 2, 5, 10)
        assert isinstance(scaled, np.ndarray)
        assert scaled.tolist() == [[1, 0.5, 7.5, 4], [-1.5, 1, 20, 4.5]]


def detection_tutorial() -> None:
    """The transform of the tutorial on torch hub's detection models: boxes of Detectron2."""
    clip = torch.full((3, 8, 10, 20), 255.0)
    boxes = np.array([[5.0, -1.0, 30.0, 9.0]])
    clip = uniform_temporal_subsample(clip, 4)
    clip = clip.float() / 255.0
    boxes = clip_boxes_to_image(boxes, *clip.shape[-2:])
    clip, boxes = short_side_scale_with_boxes(clip, size=20, boxes=boxes)
    clip = Normalize(np.array([0.45] * 3, dtype=np.float32), np.array([0.225] * 3))(clip)
    boxes = clip_boxes_to_image(boxes, *clip.shape[-2:])
    assert clip.shape == (3, 4, 20, 40)
    torch.testing.assert_close(clip, torch.full_like(clip, 0.55 / 0.225))
    assert torch.from_numpy(boxes).tolist() == [[10.0, 0.0, 38.0, 18.0]]


def classification_tutorial() -> None:
    with warnings.catch_warnings(action="ignore"):  # torchvision deprecates them
        from torchvision.transforms._transforms_video import CenterCropVideo, NormalizeVideo

    class PackPathway(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> list[torch.Tensor]:
            index = torch.linspace(0, frames.shape[1] - 1, frames.shape[1] // 4).long()
            return [torch.index_select(frames, 1, index), frames]

    transform = ApplyTransformToKey(
        key="video",
        transform=Compose(
            [
                UniformTemporalSubsample(8),
                Lambda(lambda x: x / 255.0),
                NormalizeVideo([0.45] * 3, [0.225] * 3),
                ShortSideScale(size=16),
                CenterCropVideo(16),
                PackPathway(),
            ]
        ),
    )
    slow, fast = transform({"video": torch.full((3, 16, 20, 30), 255.0), "label": 1})["video"]
    assert (slow.shape, fast.shape) == ((3, 2, 16, 16), (3, 8, 16, 16))
    torch.testing.assert_close(slow, torch.full_like(slow, 0.55 / 0.225))


def one_number_as_mean_and_std() -> None:
    for half in (0.5, [0.5], torch.tensor(0.5), np.float32(0.5), np.array(0.5), (0.5,) * 3):
        normalized = Normalize(half, half)(torch.full((3, 2, 4, 4), 2.0))
        assert normalized.unique().tolist() == [3.0]
    by_channel = Normalize(0.5, torch.tensor([0.5, 0.25, 1.0]), inplace=True)
    assert by_channel(torch.ones(3, 1, 1, 1)).flatten().tolist() == [1.0, 2.0, 0.5]


def whole_numbers_as_weights() -> None:
    for weights in ([1, 10**9], torch.tensor([1, 10**9]), np.array([1, 10**9]), (1, 10**9)):
        torch.manual_seed(0)
        draw = OpSampler([torch.neg, torch.abs], transforms_prob=weights)
        assert all(draw(torch.tensor(-2.0)) == 2 for _ in range(20))


def smoothed_labels_are_exact() -> None:
    for smooth in (0.1, 0.2, 0.3):
        for num_class in (3, 7, 400):
            found = convert_to_one_hot(torch.tensor([1]), num_class, label_smooth=smooth)[0]
            on = torch.tensor(1 - smooth + smooth / num_class)
            assert (found[1], found[0]) == (on, torch.tensor(smooth / num_class))


def operation_of_ones_own() -> None:
    seen = []

    def level_to_arg(level: float, params: tuple) -> tuple[float]:
        seen.append((level, params))
        return (params[1] * level,)

    def shift(video: torch.Tensor, amount: float, fill: tuple) -> torch.Tensor:
        return video + amount + fill[2]

    augment = AugmentTransform(
        "Shift",
        magnitude=5,
        prob=1.0,
        name_to_transform_func={**augmentations._NAME_TO_TRANSFORM_FUNC, "Shift": shift},
        level_to_arg={**augmentations._LEVEL_TO_ARG, "Shift": level_to_arg},
        transform_max_paras={**augmentations._TRANSFORM_MAX_PARAMS, "Shift": (0, 2)},
        sampling_hparas={"sampling_std": 0.0},
    )
    for _ in range(8):  # the level has no sign: functions that want one draw it
        assert augment(torch.zeros(1, 3, 1, 1)).unique().tolist() == [10.5]
    assert seen == [(5, (0, 2))] * 8
    wide = AugmentTransform("ShearX", prob=1.0, transform_max_paras={"ShearX": (0, 0.5)})
    narrow = AugmentTransform("ShearX", prob=1.0, transform_max_paras={"ShearX": (0, 0.25)})
    frames = torch.rand(1, 3, 8, 8)
    assert torch.equal(wide.change(frames, -5), narrow.change(frames, -10))
    nothing = AugmentTransform("Invert", prob=1.0, level_to_arg={"Invert": None})
    assert torch.equal(nothing(torch.ones(1, 3, 1, 1)), torch.zeros(1, 3, 1, 1))


def settings_of_transforms() -> None:
    """Subclasses read the settings behind an underscore, where PyTorchVideo keeps them."""

    class Fixed(RandomShortSideScale):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            size = (self._min_size + self._max_size) // 2
            return functional.short_side_scale(x, size, self._interpolation, self._backend)

    assert Fixed(4, 8)(torch.rand(3, 1, 10, 12)).shape == (3, 1, 6, 7)
    subsample = UniformTemporalSubsample(4)
    assert (subsample._num_samples, subsample._temporal_dim) == (4, -3)
    scale = ShortSideScale(4)
    assert (scale._size, ApplyTransformToKey("video", scale)._transform) == (4, scale)


def transforms_that_script() -> None:
    clip, frames = torch.rand(3, 8, 12, 20), torch.randint(0, 256, (3, 8, 12, 20)).byte()
    sample = {"video": clip, "aug_index": torch.tensor(2)}
    _check_scripts(UniformTemporalSubsample(4), clip)
    _check_scripts(ConvertUint8ToFloat(), frames)
    _check_scripts(ConvertFloatToUint8(), clip)
    _check_scripts(Permute((1, 0, 2, 3)), clip)
    _check_scripts(MoveChannelRear(), clip)
    _check_scripts(MoveChannelFront(), clip)
    _check_scripts(UniformCropVideo(8), sample)
    _check_scripts(RemoveKey("aug_index"), sample)
    _check_scripts(uniform_temporal_subsample, clip, 4)
    _check_scripts(convert_to_one_hot, torch.tensor([0, 2]), 3, 0.1)
    _check_scripts(functional.div_255, frames)


def resizing_transforms_that_script() -> None:
    clip, frames = torch.rand(3, 8, 12, 20), torch.randint(0, 256, (3, 8, 12, 20)).byte()
    _check_scripts(ShortSideScale(8, backend="opencv"), clip)
    _check_scripts(ShortSideScale(8, interpolation="bicubic"), frames)
    _check_scripts(RandomShortSideScale(8, 11), clip)
    _check_scripts(RandomResizedCrop(6, 7, (0.1, 1.0), (0.75, 1.33)), clip)
    _check_scripts(RandomResizedCrop(6, 7, (0.1, 0.9), (1.33, 0.75), True, False), clip)
    _check_scripts(functional.short_side_scale, clip, 8)
    _check_scripts(functional.uniform_crop, clip, 8, 1)


def _check_scripts(transform: Any, *arguments: Any) -> None:
    scripted = torch.jit.script(transform)
    torch.manual_seed(0)
    expected = transform(*arguments)
    torch.manual_seed(0)
    torch.testing.assert_close(scripted(*arguments), expected, rtol=0, atol=1e-6)
