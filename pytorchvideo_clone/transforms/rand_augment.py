"""RandAugment: a few operations of a list, at one strength."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.augmentations import LEVELS, AugmentTransform
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.compose import OpSampler

__all__ = ["RandAugment"]

# What is added to the caller's `sampling_hparas`.
_SAMPLING: dict[str, dict[str, Any]] = {
    "gaussian": {"sampling_std": 0.5},
    "uniform": {"sampling_data_type": "int", "sampling_min": 0},
}


class RandAugment(Transform):
    """Apply a few operations of `augmentations.LEVELS`, drawn anew for each clip.

    Args:
        magnitude: strength of all operations, as in `AugmentTransform`.
        num_layers: how many different operations are drawn.
        prob: how likely each of those is applied.
        transform_hparas: as in `AugmentTransform`.
        sampling_type: as in `AugmentTransform`.
        sampling_hparas: as in `AugmentTransform`; "sampling_min" is 0 if left out.
        generator: draws; None means torch's own.

    Raises:
        AssertionError: as in `AugmentTransform` and `OpSampler`.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
    space", NeurIPS 2020, https://arxiv.org/abs/1909.13719.

    >>> RandAugment(magnitude=7, num_layers=4)(torch.rand(8, 3, 16, 16)).shape
    torch.Size([8, 3, 16, 16])
    """

    def __init__(
        self,
        magnitude: float = 9,
        num_layers: int = 2,
        prob: float = 0.5,
        transform_hparas: Mapping[str, Any] | None = None,
        sampling_type: str = "gaussian",
        sampling_hparas: Mapping[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.magnitude = magnitude
        self.num_layers = num_layers
        self.prob = prob
        self.transform_hparas = transform_hparas
        self.sampling_type = sampling_type
        self.sampling_hparas = sampling_hparas
        self.generator = generator
        operations = [
            AugmentTransform(
                name,
                magnitude,
                prob,
                transform_hparas=transform_hparas,
                sampling_type=sampling_type,
                sampling_hparas={**_SAMPLING.get(sampling_type, {}), **(sampling_hparas or {})},
                generator=generator,
            )
            for name in LEVELS
        ]
        self._sampler = OpSampler(operations, num_sample_op=num_layers, generator=generator)

    def forward(self, video: Tensor) -> Tensor:
        """Change (T, C, H, W), float within [0, 1] or uint8; the type stays."""
        return self._sampler(video)
