"""The table of `test_properties.py`: an entry for every public transform."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pytorchvideo_clone import transforms as T

FLOAT, BYTES = torch.float32, torch.uint8
ANY = -1  # a length that is drawn


@dataclass
class Entry:
    """How one transform is made, what it takes and what it gives.

    make: from the constructor's `generator`, if it has one, to the transform.
    takes: a key of `INPUTS`.
    shape: from (T, H, W) of the clip to the shape of the result (of its `video`, if it is a dict).
    types: what it accepts, and what it then gives.
    """

    make: Callable[..., Any]
    shape: Callable[[int, int, int], tuple[int, ...]] = lambda t, h, w: (3, t, h, w)
    takes: str = "clip"
    types: tuple[tuple[torch.dtype, torch.dtype], ...] = ((FLOAT, FLOAT), (BYTES, BYTES))

    @property
    def random(self) -> bool:
        return "generator" in inspect.signature(self.make).parameters


def pixels(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))
    return values if dtype == FLOAT else (values * 256).to(BYTES)


def sample(t: int, h: int, w: int, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "video": pixels((3, t, h, w), dtype),
        "boxes": torch.tensor([[1.0, 2.0, 4.0, 5.0]]),
        "label": 3,
        "aug_index": 1,
        "names": ["a", "b"],
        "audio": None,
    }


def batch(count: int, t: int, h: int, w: int, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "video": pixels((count, 3, t, h, w), dtype),
        "boxes": torch.tensor([[0.0, 1.0, 2.0, 4.0, 5.0]]),
        "label": torch.arange(count),
    }


# What transforms take: from T, H, W and a type to the arguments of a call.
INPUTS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "clip": lambda t, h, w, dtype: (pixels((3, t, h, w), dtype),),
    "frames": lambda t, h, w, dtype: (pixels((t, 3, h, w), dtype),),
    "sample": lambda *size_and_type: (sample(*size_and_type),),
    "batch": lambda *size_and_type: (batch(2, *size_and_type),),
    "batch of 1": lambda *size_and_type: (batch(1, *size_and_type),),
    "clips and labels": lambda t, h, w, dtype: (
        pixels((4, 3, t, h, w), dtype),
        torch.tensor([0, 1, 2, 1]),
    ),
    "sound": lambda t, h, w, dtype: (pixels((4000,), FLOAT),),
    "spectrogram": lambda t, h, w, dtype: (pixels((1, 10 * t, 1, 20), FLOAT),),
}

ONLY_FLOAT, TO_FLOAT = ((FLOAT, FLOAT),), ((FLOAT, FLOAT), (BYTES, FLOAT))


def scaled(t: int, h: int, w: int) -> tuple[int, ...]:
    return 3, t, h * 6 // min(h, w), w * 6 // min(h, w)


def frames_first(t: int, h: int, w: int) -> tuple[int, ...]:
    return t, 3, h, w


ENTRIES = {
    "ApplyTransformToKey": Entry(
        lambda: T.ApplyTransformToKey("video", torch.nn.Sequential(T.Div255(), T.CenterCrop(4))),
        lambda t, h, w: (3, t, 4, 4),
        "sample",
        TO_FLOAT,
    ),
    "AugMix": Entry(lambda generator: T.AugMix(8, generator=generator), frames_first, "frames"),
    "AugmentTransform": Entry(
        lambda generator: T.AugmentTransform("Rotate", generator=generator), frames_first, "frames"
    ),
    "BatchTransform": Entry(
        lambda generator: T.BatchTransform(6, scale=(0.2, 1.0), generator=generator),
        lambda t, h, w: (1, 3, t, 6, 6),
        "batch of 1",
        TO_FLOAT,
    ),
    "CenterCrop": Entry(lambda: T.CenterCrop(5), lambda t, h, w: (3, t, 5, 5)),
    "ClipTransform": Entry(
        lambda generator: T.ClipTransform((5, 6), short_side=(7, 9), generator=generator),
        lambda t, h, w: (3, t, 5, 6),
        "sample",
        TO_FLOAT,
    ),
    "ColorJitter": Entry(lambda generator: T.ColorJitter(0.4, 0.4, 0.4, 0.1, generator=generator)),
    "ConvertFloatToUint8": Entry(T.ConvertFloatToUint8, types=((FLOAT, BYTES),)),
    "ConvertUint8ToFloat": Entry(T.ConvertUint8ToFloat, types=((BYTES, FLOAT),)),
    "CutMix": Entry(
        lambda generator: T.CutMix(num_classes=3, generator=generator),
        lambda t, h, w: (4, 3, t, h, w),
        "clips and labels",
    ),
    "Div255": Entry(T.Div255, types=TO_FLOAT),
    "LabelAwareFlip": Entry(
        lambda generator: T.LabelAwareFlip({3: 4}, generator=generator), takes="sample"
    ),
    "LogMelSpectrogram": Entry(
        lambda: T.LogMelSpectrogram(8000, num_mels=20, num_frames=16),
        lambda t, h, w: (1, 16, 1, 20),
        "sound",
        ONLY_FLOAT,
    ),
    "MixUp": Entry(
        lambda generator: T.MixUp(num_classes=3, generator=generator),
        lambda t, h, w: (4, 3, t, h, w),
        "clips and labels",
        TO_FLOAT,
    ),
    "MixVideo": Entry(
        lambda generator: T.MixVideo(0.5, num_classes=3, generator=generator),
        lambda t, h, w: (4, 3, t, h, w),
        "clips and labels",
        ONLY_FLOAT,
    ),
    "MoveChannelFront": Entry(T.MoveChannelFront, lambda t, h, w: (w, 3, t, h)),
    "MoveChannelRear": Entry(T.MoveChannelRear, lambda t, h, w: (t, h, w, 3)),
    "Normalize": Entry(lambda: T.Normalize([0.5] * 3, [0.2] * 3), types=ONLY_FLOAT),
    "OpSampler": Entry(
        lambda generator: T.OpSampler([torch.neg, torch.abs], [1.0, 2.0], generator=generator)
    ),
    "Permute": Entry(lambda: T.Permute((1, 0, 2, 3)), frames_first),
    "RandAugment": Entry(
        lambda generator: T.RandAugment(9, 3, 0.9, generator=generator), frames_first, "frames"
    ),
    "RandomCrop": Entry(
        lambda generator: T.RandomCrop((4, 5), generator), lambda t, h, w: (3, t, 4, 5)
    ),
    "RandomErasing": Entry(lambda generator: T.RandomErasing(0.5, generator=generator)),
    "RandomGaussianBlur": Entry(lambda generator: T.RandomGaussianBlur(generator=generator)),
    "RandomGrayscale": Entry(lambda generator: T.RandomGrayscale(0.5, generator=generator)),
    "RandomHorizontalFlip": Entry(lambda generator: T.RandomHorizontalFlip(0.5, generator)),
    "RandomResizedCrop": Entry(
        lambda generator: T.RandomResizedCrop(
            6, 8, (0.1, 1.0), (0.5, 2.0), shift=True, generator=generator
        ),
        lambda t, h, w: (3, t, 6, 8),
    ),
    "RandomShortSideScale": Entry(
        lambda generator: T.RandomShortSideScale(6, 9, generator=generator),
        lambda t, h, w: (3, t, ANY, ANY),
    ),
    "RandomTokenMask": Entry(
        lambda generator: T.RandomTokenMask((2, 3, 3), 0.5, generator=generator), takes="sample"
    ),
    "RemoveKey": Entry(lambda: T.RemoveKey("label"), takes="sample"),
    "RepeatedAugmentation": Entry(
        lambda: T.RepeatedAugmentation(3), lambda t, h, w: (6, 3, t, h, w), "batch"
    ),
    "SeveralViews": Entry(
        lambda: T.SeveralViews([T.CenterCrop(4), T.CenterCrop(4)]), lambda t, h, w: (3, t, 4, 4)
    ),
    "ShortSideScale": Entry(lambda: T.ShortSideScale(6), scaled),
    "SpecAugment": Entry(
        lambda generator: T.SpecAugment(2, 5, 2, 5, generator=generator),
        lambda t, h, w: (1, 10 * t, 1, 20),
        "spectrogram",
        ONLY_FLOAT,
    ),
    "TrivialAugment": Entry(
        lambda generator: T.TrivialAugment(generator=generator), frames_first, "frames"
    ),
    "TubeTokenMask": Entry(
        lambda generator: T.TubeTokenMask((2, 3, 3), 0.5, generator=generator), takes="sample"
    ),
    "UniformCropVideo": Entry(
        lambda: T.UniformCropVideo(5), lambda t, h, w: (3, t, 5, 5), "sample"
    ),
    "UniformTemporalSubsample": Entry(
        lambda: T.UniformTemporalSubsample(4), lambda t, h, w: (3, 4, h, w)
    ),
    "UniformTemporalSubsampleRepeated": Entry(
        lambda: T.UniformTemporalSubsampleRepeated((1,)), lambda t, h, w: (3, t, h, w)
    ),
    "create_video_transform": Entry(
        lambda generator: T.create_video_transform(
            "train",
            num_samples=3,
            min_size=8,
            max_size=12,
            crop_size=(5, 6),
            aug_type="randaug",
            generator=generator,
        ),
        lambda t, h, w: (3, 3, 5, 6),
        types=((BYTES, FLOAT),),
    ),
}
