"""Which tokens of a sample's clip are hidden, for masked autoencoders."""

from typing import Any

import torch

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform

__all__ = ["RandomTokenMask", "TubeTokenMask"]


class RandomTokenMask(Transform):
    """Add a mask that hides tokens anywhere: `functional.random_token_mask`.

    Args:
        size: tokens of a clip along (T, H, W).
        ratio: share of them to hide.
        mask_key: under which the mask is added to the sample.
        generator: draws; None means torch's own.

    >>> RandomTokenMask((2, 4, 4), 0.75)({})["mask"].sum()
    tensor(24)
    """

    def __init__(
        self,
        size: tuple[int, int, int],
        ratio: float = 0.9,
        mask_key: str = "mask",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.ratio = ratio
        self.mask_key = mask_key
        self.generator = generator

    def forward(self, x: dict[str, Any]) -> dict[str, Any]:
        """Give a copy of the sample with a mask (T, H, W), bool, True where hidden."""
        mask = functional.random_token_mask(self.size, self.ratio, self.generator)
        return {**x, self.mask_key: mask}


class TubeTokenMask(Transform):
    """Add a mask that hides the same places in every frame: `functional.tube_token_mask`.

    Args:
        size: tokens of a clip along (T, H, W).
        ratio: share of the places to hide.
        mask_key: under which the mask is added to the sample.
        generator: draws; None means torch's own.

    >>> TubeTokenMask((2, 4, 4), 0.75)({})["mask"].sum()
    tensor(24)
    """

    def __init__(
        self,
        size: tuple[int, int, int],
        ratio: float = 0.9,
        mask_key: str = "mask",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.ratio = ratio
        self.mask_key = mask_key
        self.generator = generator

    def forward(self, x: dict[str, Any]) -> dict[str, Any]:
        """Give a copy of the sample with a mask (T, H, W), bool, True where hidden."""
        mask = functional.tube_token_mask(self.size, self.ratio, self.generator)
        return {**x, self.mask_key: mask}
