"""Several differently transformed views of one clip, and clips repeated within a batch."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.base import Transform

__all__ = ["RepeatedAugmentation", "SeveralViews"]


class SeveralViews(Transform):
    """Give one result for each of several transforms of the same clip, as contrastive losses want.

    Args:
        transforms: one a view; the same one twice gives two draws. For samples put it into
            `ApplyTransformToKey`: collating then gives a list of batches, one a view.

    >>> views = SeveralViews([torch.neg, torch.abs])(torch.tensor([2.0]))
    >>> views
    [tensor([-2.]), tensor([2.])]
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        super().__init__()
        if not transforms:
            raise ValueError("transforms is empty; give at least one.")
        self.transforms = list(transforms)

    def forward(self, x: Any) -> list[Any]:
        """Map a clip to a list of views."""
        return [transform(x) for transform in self.transforms]


class RepeatedAugmentation(Transform):
    """Repeat every clip of a batch, so that each is decoded once and transformed several times.

    Repetitions of a clip are neighbours. Tensors and lists of the batch (dict) that have one entry
    a clip are repeated with it; in `boxes` (K, 5) the clips' numbers are renewed.

    Args:
        num_repeats: how often each clip appears.
        transform: applied to the longer batch, such as `BatchTransform`; None means none.

    Raises:
        ValueError: if `num_repeats` is below 1.

    Source: Hoffer et al., "Augment Your Batch: Improving Generalization Through Instance
    Repetition", CVPR 2020, https://arxiv.org/abs/1901.09335.

    >>> batch = {"video": torch.zeros(2, 3, 4, 8, 8), "label": torch.tensor([5, 7])}
    >>> RepeatedAugmentation(2)(batch)["label"]
    tensor([5, 5, 7, 7])
    """

    def __init__(
        self, num_repeats: int, transform: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        super().__init__()
        if num_repeats < 1:
            raise ValueError(f"num_repeats is {num_repeats}; it must be at least 1.")
        self.num_repeats = num_repeats
        self.transform = transform

    def forward(self, x: dict[str, Any]) -> Any:
        """Map a batch of B clips to one of B * num_repeats."""
        count = len(x["video"])
        batch = {
            key: self._repeat_boxes(value, count)
            if key == "boxes"
            else _repeat(value, count, self.num_repeats)
            for key, value in x.items()
        }
        return batch if self.transform is None else self.transform(batch)

    def _repeat_boxes(self, boxes: Tensor | None, count: int) -> Tensor | None:
        if boxes is None:
            return None
        repeated = []
        for clip in range(count):
            rows = boxes[boxes[:, 0] == clip]
            for number in range(self.num_repeats):
                index = rows.new_full((len(rows), 1), clip * self.num_repeats + number)
                repeated.append(torch.cat([index, rows[:, 1:]], dim=1))
        return torch.cat(repeated) if repeated else boxes


def _repeat(value: Any, count: int, times: int) -> Any:
    if isinstance(value, Tensor) and value.dim() > 0 and len(value) == count:
        return value.repeat_interleave(times, dim=0)
    if isinstance(value, list | tuple) and len(value) == count:
        return [entry for entry in value for _ in range(times)]
    return value
