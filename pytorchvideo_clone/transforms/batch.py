"""From bytes to a model's input in one pass, for one clip or for a batch on its device.

`ClipTransform` runs in a loader's worker, `BatchTransform` where the model is. Both do what
`RandomShortSideScale`, `RandomCrop` (or `RandomResizedCrop`), `RandomHorizontalFlip`, `Div255` and
`Normalize` do one after another, from the same draws.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.augmentations import AugmentTransform
from pytorchvideo_clone.transforms.augmix import AugMix
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.rand_augment import RandAugment
from pytorchvideo_clone.transforms.trivial_augment import TrivialAugment

__all__ = ["BatchTransform", "ClipTransform"]

Box = tuple[int, int, int, int]
Sample = dict[str, Any]
Step = Callable[[Tensor], Tensor]

# These want (T, C, H, W).
_FRAMES_FIRST = (AugMix, AugmentTransform, RandAugment, TrivialAugment)


class _View(Transform):
    """Settings, draws and passes that `ClipTransform` and `BatchTransform` share."""

    def __init__(
        self,
        size: int | tuple[int, int],
        short_side: tuple[int, int] | None = None,
        scale: tuple[float, float] | None = None,
        aspect_ratio: tuple[float, float] = (3 / 4, 4 / 3),
        horizontal_flip_prob: float = 0.5,
        label_swaps: Mapping[Any, Any] | None = None,
        steps: Sequence[Step] = (),
        mean: Sequence[float] | None = (0.45, 0.45, 0.45),
        std: Sequence[float] | None = (0.225, 0.225, 0.225),
        last_steps: Sequence[Step] = (),
        per_frame: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if (short_side is None) == (scale is None):
            raise ValueError(
                f"short_side is {short_side} and scale {scale}; give one of them: the range of the "
                "short side before a crop, or that of the crop's share of the area."
            )
        if short_side is not None and not (
            isinstance(short_side, Sequence)
            and len(short_side) == 2
            and 1 <= short_side[0] <= short_side[1]
        ):
            raise ValueError(
                f"short_side is {short_side}; it must be a range from at least 1 that rises, such "
                "as (256, 320)."
            )
        if (mean is None) != (std is None):
            raise ValueError(f"mean is {mean} and std {std}; give both or neither.")
        if not 0 <= horizontal_flip_prob <= 1:
            raise ValueError(
                f"horizontal_flip_prob is {horizontal_flip_prob}; a probability lies within [0, 1]."
            )
        if per_frame and label_swaps:
            raise ValueError("label_swaps needs per_frame=False: a label belongs to a whole clip.")
        self.size = (size, size) if isinstance(size, int) else (size[0], size[1])
        self.short_side = short_side
        self.scale = scale
        self.aspect_ratio = aspect_ratio
        self.horizontal_flip_prob = horizontal_flip_prob
        self.label_swaps = label_swaps
        self.steps = tuple(steps)
        self.mean = mean
        self.std = std
        self.last_steps = tuple(last_steps)
        self.per_frame = per_frame
        self.generator = generator

    @property
    def source_short_side(self) -> int | None:
        """Short side in pixels beyond which a source gives nothing more; None if crops vary.

        `ClipDataset` scales sources that are much larger before it converts their colours.
        """
        return None if self.short_side is None else self.short_side[1]

    def draw(self, height: int, width: int) -> tuple[Box, bool]:
        """Draw a box of a clip of `height` times `width` pixels, and whether to mirror it."""
        if self.short_side is not None:
            box = self._draw_crop(height, width, *self.short_side)
        else:
            assert self.scale is not None
            box = functional.random_rectangle(
                height, width, self.scale, self.aspect_ratio, generator=self.generator
            )
        return box, functional.happens(self.horizontal_flip_prob, self.generator)

    def _draw_crop(self, height: int, width: int, shortest: int, longest: int) -> Box:
        """Draw a crop of the scaled clip, and give the whole pixels of the clip that it shows."""
        side = functional.random_size(shortest, longest, self.generator)
        scaled = functional.short_side_size(height, width, side)
        corner = functional.random_crop_corner(*scaled, *self.size, self.generator)
        down, across = height / scaled[0], width / scaled[1]
        top, box_height = _whole(corner[0] * down, self.size[0] * down, height)
        left, box_width = _whole(corner[1] * across, self.size[1] * across, width)
        return top, left, box_height, box_width

    def _see(self, videos: Tensor) -> tuple[Tensor, list[Box], list[bool]]:
        """Map (B, C, T, H, W) to a batch of views, by new draws, which come with it."""
        if self.per_frame:  # every frame is a clip
            clips, channels, frames = videos.shape[:3]
            videos = videos.transpose(1, 2).reshape(-1, channels, 1, *videos.shape[3:])
        draws = [self.draw(*videos.shape[-2:]) for _ in videos]
        boxes, flips = [box for box, _ in draws], [flip for _, flip in draws]
        if not self.steps:
            views = functional.crop_resize_batch(
                videos, boxes, self.size, flips, self.mean, self.std
            )
        else:
            views = functional.crop_resize_batch(videos, boxes, self.size, flips).float().div(255)
            for step in self.steps:
                views = _take(step, views)
            if self.mean is not None and self.std is not None:
                views = functional.normalize(views, self.mean, self.std)
        for step in self.last_steps:
            views = _take(step, views)
        if self.per_frame:
            views = views.view(clips, frames, channels, *views.shape[3:]).transpose(1, 2)
        return views, boxes, flips

    def _check(self, video: Tensor, boxes: Tensor | None, dimensions: int) -> None:
        if video.dim() != dimensions:
            raise ValueError(
                f"The video has shape {tuple(video.shape)}; ClipTransform takes (C, T, H, W), "
                "BatchTransform (B, C, T, H, W)."
            )
        if self.per_frame and boxes is not None:
            raise ValueError("boxes need per_frame=False: they belong to a whole clip.")


def _whole(start: float, length: float, total: int) -> tuple[int, int]:
    """Round a range to whole pixels within [0, total), its length first, then its middle."""
    rounded = min(max(round(length), 1), total)
    first = round(start + (length - rounded) / 2)
    return min(max(first, 0), total - rounded), rounded


def _take(step: Step, views: Tensor) -> Tensor:
    """Apply a step to every clip; kornia's draws for each clip of a batch itself."""
    if type(step).__module__.partition(".")[0] == "kornia":
        return step(views)
    if isinstance(step, _FRAMES_FIRST):
        return torch.stack([step(view.transpose(0, 1)).transpose(0, 1) for view in views])
    return torch.stack([step(view) for view in views])


class ClipTransform(_View):
    """Crop, resize, flip and normalise a clip at random, in one pass over what is kept.

    Takes a clip (C, T, H, W), uint8 or float, 0 to 255, or a sample (dict), of which it transforms
    `video`, `boxes` (K, 4) and, with `label_swaps`, `label`; entries that are None stay None.

    From one seed it shows what `RandomShortSideScale`, `RandomCrop` and `RandomHorizontalFlip`, or
    `RandomResizedCrop` and the flip, show one after another; the rectangle is rounded to whole
    pixels of the source, so that contents may lie up to three quarters of a pixel off.

    Args:
        size: height and width of the result in pixels, one number for a square.
        short_side: range, ends included, from which the length of the short side is drawn before
            the crop, as in `RandomShortSideScale` and `RandomCrop`; or None, with `scale` given.
        scale: range of the crop's share of the area, as in `RandomResizedCrop`; or None.
        aspect_ratio: range of the crop's width / height, where `scale` is given.
        horizontal_flip_prob: how likely a clip is mirrored.
        label_swaps: labels that change places when a clip is mirrored, as in
            `functional.swap_label`.
        steps: transforms of the cropped clip (C, T, *size), float32 within [0, 1], such as
            `ColorJitter`, those of the family of `TrivialAugment`, which get the frames first, or
            kornia's `VideoSequential`. Boxes do not follow what they move.
        mean: of each channel, for pixels within [0, 1]; None for values as they are: bytes stay
            bytes, unless there are steps, which leave floats within [0, 1].
        std: of each channel, not 0, or None with `mean`.
        last_steps: transforms of the normalised clip, such as `RandomErasing`.
        per_frame: whether to draw for each frame, not once for a clip.
        generator: draws boxes and flips; None means torch's own.

    Raises:
        ValueError: if the settings contradict one another, a crop does not fit into the scaled
            clip, the clip has another number of dimensions, or boxes come with `per_frame`.

    >>> transform = ClipTransform(224, short_side=(256, 320))
    >>> video = transform(torch.zeros(3, 8, 256, 340, dtype=torch.uint8))
    >>> video.shape, video.dtype
    (torch.Size([3, 8, 224, 224]), torch.float32)
    """

    def forward(self, x: Tensor | Sample) -> Tensor | Sample:
        """Map (C, T, H, W) to (C, T, *size), alone or in a sample."""
        if isinstance(x, Tensor):
            self._check(x, None, 4)
            return self._see(x[None])[0][0]
        self._check(x["video"], x.get("boxes"), 4)
        views, (box, *_), (flip, *_) = self._see(x["video"][None])
        sample = {**x, "video": views[0]}
        if x.get("boxes") is not None:
            sample["boxes"] = functional.crop_resize_boxes(x["boxes"], box, self.size, flip)
        if flip and self.label_swaps and x.get("label") is not None:
            sample["label"] = functional.swap_label(x["label"], self.label_swaps)
        return sample


class BatchTransform(_View):
    """Crop, resize, flip and normalise a batch of clips on its device, each by its own draws.

    Takes clips (B, C, T, H, W), uint8 or float, 0 to 255, or a batch (dict), of which it
    transforms `video`, `boxes` (K, 5), the number of the clip first, and, with `label_swaps`,
    `label`; entries that are None stay None. On a GPU one interpolation does all four; on a CPU a
    clip is done as by `ClipTransform`. Boxes and flips are drawn first, clip by clip, then the
    steps follow in their order. Settings and errors are those of `ClipTransform`.

    >>> transform = BatchTransform(112, scale=(0.2, 1.0), last_steps=[torch.nn.Identity()])
    >>> transform(torch.zeros(2, 3, 8, 128, 170, dtype=torch.uint8)).shape
    torch.Size([2, 3, 8, 112, 112])
    """

    def forward(self, x: Tensor | Sample) -> Tensor | Sample:
        """Map (B, C, T, H, W) to (B, C, T, *size), alone or in a batch."""
        if isinstance(x, Tensor):
            self._check(x, None, 5)
            return self._see(x)[0]
        self._check(x["video"], x.get("boxes"), 5)
        views, boxes, flips = self._see(x["video"])
        batch = {**x, "video": views}
        if x.get("boxes") is not None:
            batch["boxes"] = self._move(x["boxes"], boxes, flips)
        if self.label_swaps and x.get("label") is not None:
            labels = [
                functional.swap_label(label, self.label_swaps) if flip else label
                for label, flip in zip(x["label"], flips, strict=True)
            ]
            batch["label"] = torch.stack(labels) if isinstance(x["label"], Tensor) else labels
        return batch

    def _move(self, moving: Tensor, boxes: list[Box], flips: list[bool]) -> Tensor:
        moved = moving.clone() if moving.is_floating_point() else moving.float()
        for index, (box, flip) in enumerate(zip(boxes, flips, strict=True)):
            rows = moving[:, 0] == index
            moved[rows, 1:] = functional.crop_resize_boxes(moving[rows, 1:], box, self.size, flip)
        return moved
