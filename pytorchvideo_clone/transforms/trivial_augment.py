"""TrivialAugment: one operation, one strength, nothing to tune."""

import functools
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform

__all__ = ["TrivialAugment"]


class TrivialAugment(Transform):
    """Apply torchvision's `TrivialAugmentWide` to a clip: the same draw for all its frames.

    The operations are those of `RandAugment` but for Invert, up to larger strengths; what comes
    from outside a frame is black, and pixels are taken from the nearest place, as in torchvision.

    Args:
        num_magnitude_bins: how many strengths there are to draw from.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if `num_magnitude_bins` is below 2, or floats go up to 255.

    Source: Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation",
    ICCV 2021, https://arxiv.org/abs/2103.10158.

    >>> TrivialAugment()(torch.rand(8, 3, 16, 16)).shape
    torch.Size([8, 3, 16, 16])
    """

    def __init__(
        self, num_magnitude_bins: int = 31, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        if num_magnitude_bins < 2:
            raise ValueError(f"num_magnitude_bins is {num_magnitude_bins}; it must be at least 2.")
        self.num_magnitude_bins = num_magnitude_bins
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Change (T, C, H, W), uint8 or float within [0, 1], the layout of `RandAugment`."""
        functional.check_unit_range(x)
        seed = functional.random_size(0, 2**31 - 1, self.generator)
        # torchvision draws from torch's own generator, which must not notice. `torch.manual_seed`
        # would seed the GPU's as well, which `fork_rng` does not bring back.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return _wide(self.num_magnitude_bins)(x)


@functools.lru_cache
def _wide(num_magnitude_bins: int) -> Any:
    from torchvision.transforms import v2

    return v2.TrivialAugmentWide(num_magnitude_bins)
