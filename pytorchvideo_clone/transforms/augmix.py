"""AugMix: chains of operations, mixed with one another and with the clip."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.augmentations import (
    AUGMIX_LEVELS,
    MAX_LEVEL,
    AugmentTransform,
)
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.compose import OpSampler

__all__ = ["AugMix"]

_LONGEST_CHAIN = 3


class AugMix(Transform):
    """Mix a clip with chains of operations of `augmentations.AUGMIX_LEVELS` on it.

    Args:
        magnitude: largest strength of the operations, 1 to 10; each strength is drawn.
        alpha: of the distributions from which the shares are drawn.
        width: how many chains.
        depth: operations of a chain; -1 draws 1 to 3 for each.
        transform_hparas: as in `AugmentTransform`.
        sampling_hparas: how strengths are drawn, as in `AugmentTransform` for "uniform"; if left
            out whole numbers from 1.
        generator: draws; None means torch's own.

    Raises:
        AssertionError: if a number is out of range.

    Source: Hendrycks et al., "AugMix: A Simple Data Processing Method to Improve Robustness and
    Uncertainty", ICLR 2020, https://arxiv.org/abs/1912.02781.

    >>> AugMix(magnitude=3)(torch.rand(8, 3, 16, 16)).shape
    torch.Size([8, 3, 16, 16])
    """

    def __init__(
        self,
        magnitude: int = 3,
        alpha: float = 1.0,
        width: int = 3,
        depth: int = -1,
        transform_hparas: Mapping[str, Any] | None = None,
        sampling_hparas: Mapping[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(magnitude, int) or not 1 <= magnitude <= MAX_LEVEL:
            raise AssertionError(
                f"magnitude is {magnitude}; it must be a whole number within [1, {MAX_LEVEL}]."
            )
        if alpha <= 0 or width < 1 or (depth < 1 and depth != -1):
            raise AssertionError(
                f"alpha is {alpha}, width {width} and depth {depth}; alpha must be greater than 0, "
                "width at least 1, and depth at least 1, or -1 to draw it."
            )
        self.magnitude = magnitude
        self.alpha = alpha
        self.width = width
        self.depth = depth
        self.transform_hparas = transform_hparas
        self.sampling_hparas = sampling_hparas
        self.generator = generator
        operations = [
            AugmentTransform(
                name,
                magnitude,
                prob=1.0,
                level_to_arg={name: function},
                transform_max_paras={name: params},
                transform_hparas=transform_hparas,
                sampling_type="uniform",
                sampling_hparas={
                    "sampling_data_type": "int",
                    "sampling_min": 1,
                    **(sampling_hparas or {}),
                },
                generator=generator,
            )
            for name, (function, params) in AUGMIX_LEVELS.items()
        ]
        self._chain = OpSampler(
            operations,
            num_sample_op=_LONGEST_CHAIN if depth == -1 else depth,
            randomly_sample_depth=depth == -1,
            replacement=True,
            generator=generator,
        )

    def forward(self, video: Tensor) -> Tensor:
        """Change (T, C, H, W), float within [0, 1] or uint8; the type stays."""
        shares = functional.random_shares(self.alpha, self.width, self.generator).tolist()
        weight = functional.random_beta(self.alpha, self.generator)
        mixed = weight * video
        for share in shares:
            mixed = mixed + (1 - weight) * share * self._chain(video)
        return mixed if video.is_floating_point() else mixed.round().clamp(0, 255).to(video.dtype)
