"""Transforms of samples (dicts), and of other transforms.

A module never changes the sample it is given: it makes another dict.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform

__all__ = ["ApplyTransformToKey", "OpSampler", "RemoveKey", "UniformCropVideo"]

Sample = dict[str, Any]


class ApplyTransformToKey(Transform):
    """Transform one entry of a sample.

    Args:
        key: of the entry.
        transform: applied to its value.

    >>> halve = ApplyTransformToKey("video", lambda video: video / 2)
    >>> halve({"video": torch.tensor([2.0]), "label": 3})
    {'video': tensor([1.]), 'label': 3}
    """

    def __init__(self, key: str, transform: Callable[[Any], Any]) -> None:
        super().__init__()
        self.key = key
        self.transform = transform

    def forward(self, x: Sample) -> Sample:
        """Give a copy of the sample with the entry replaced."""
        return {**x, self.key: self.transform(x[self.key])}


class RemoveKey(Transform):
    """Leave one entry out of a sample, if it is there.

    Args:
        key: of the entry.

    >>> RemoveKey("audio")({"video": 1, "audio": 2})
    {'video': 1}
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    # Of any values; torch.jit.script, for which these two are written, takes tensors alone.
    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Give a copy of the sample without the entry."""
        others = x.copy()
        if self.key in others:
            others.pop(self.key)
        return others


class UniformCropVideo(Transform):
    """Cut the square of a sample's clip that its augmentation index names.

    Args:
        size: side of the square in pixels.
        video_key: key of the clip.
        aug_index_key: key of the index: 0 left or top, 1 centre, 2 right or bottom.

    >>> UniformCropVideo(4)({"video": torch.zeros(3, 2, 4, 6), "aug_index": 2})["video"].shape
    torch.Size([3, 2, 4, 4])
    """

    def __init__(
        self, size: int, video_key: str = "video", aug_index_key: str = "aug_index"
    ) -> None:
        super().__init__()
        self.size = size
        self.video_key = video_key
        self.aug_index_key = aug_index_key

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Give a copy of the sample with the clip cropped."""
        index = int(x[self.aug_index_key])
        cropped = x.copy()
        cropped[self.video_key] = functional.uniform_crop(x[self.video_key], self.size, index)
        return cropped


class OpSampler(Transform):
    """Apply some transforms, drawn anew at each call, in the order they are drawn.

    Args:
        transforms_list: the transforms to draw from.
        transforms_prob: how likely each is, up to a common factor; None means equally.
        num_sample_op: how many are applied.
        randomly_sample_depth: whether that is the largest number, and the number itself is drawn.
        replacement: whether a transform may be drawn more than once.
        generator: draws; None means torch's own.

    Raises:
        AssertionError: if there is nothing to draw from, or not enough without replacement, or the
            weights do not fit.

    >>> OpSampler([torch.neg, torch.abs], num_sample_op=1)(torch.tensor([2.0])).abs()
    tensor([2.])
    """

    def __init__(
        self,
        transforms_list: Sequence[Callable[[Any], Any]],
        transforms_prob: Sequence[float] | None = None,
        num_sample_op: int = 1,
        randomly_sample_depth: bool = False,
        replacement: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        count = len(transforms_list)
        if count == 0:
            raise AssertionError("transforms_list is empty; there is nothing to draw from.")
        if num_sample_op < 1 or (num_sample_op > count and not replacement):
            raise AssertionError(
                f"num_sample_op is {num_sample_op}; with {count} transforms and "
                f"replacement={replacement} it must lie within [1, {count}]."
            )
        weights = None if transforms_prob is None else [float(one) for one in transforms_prob]
        if weights is not None and (len(weights) != count or min(weights) <= 0):
            raise AssertionError(
                f"transforms_prob is {weights}; it must hold {count} numbers greater than 0."
            )
        self.transforms_list = list(transforms_list)
        self.transforms_prob = weights
        self.num_sample_op = num_sample_op
        self.randomly_sample_depth = randomly_sample_depth
        self.replacement = replacement
        self.generator = generator

    def forward(self, x: Any) -> Any:
        """Draw and apply."""
        count = self.num_sample_op
        if self.randomly_sample_depth:
            count = functional.random_size(1, count, self.generator)
        prob = self.transforms_prob
        weights = torch.ones(len(self.transforms_list)) if prob is None else torch.tensor(prob)
        chosen = torch.multinomial(
            weights.float(), count, self.replacement, generator=self.generator
        )
        for index in chosen.tolist():
            x = self.transforms_list[index](x)
        return x
