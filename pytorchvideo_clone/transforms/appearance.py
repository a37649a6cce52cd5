"""Changes of colour, sharpness and visibility, drawn once for a clip, and the label-aware flip.

Clips are (C, T, H, W), uint8 or float within [0, 1]; no transform changes what it is given.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform

__all__ = [
    "ColorJitter",
    "LabelAwareFlip",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
]


class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue by factors drawn for the clip.

    Args:
        brightness: the factor lies within [1 - brightness, 1 + brightness], and not below 0.
        contrast: likewise.
        saturation: likewise.
        hue: the shift lies within [-hue, hue], in turns of the colour circle, at most 0.5.
        p: how likely anything changes.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if a setting is out of range.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
    ICML 2020, https://arxiv.org/abs/2002.05709, appendix A.

    >>> ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8)(torch.rand(3, 4, 8, 8)).shape
    torch.Size([3, 4, 8, 8])
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        p: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_probability(p)
        if min(brightness, contrast, saturation) < 0 or not 0 <= hue <= 0.5:
            raise ValueError(
                f"brightness is {brightness}, contrast {contrast}, saturation {saturation} and hue "
                f"{hue}; none may be negative, and hue is at most 0.5."
            )
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Change (3, T, H, W), or leave it as it is."""
        if not functional.happens(self.p, self.generator):
            return x
        factors = {
            name: functional.random_number(max(0.0, 1 - reach), 1 + reach, self.generator)
            for name in ("brightness", "contrast", "saturation")
            if (reach := getattr(self, name))
        }
        if self.hue:
            factors["hue"] = functional.random_number(-self.hue, self.hue, self.generator)
        return functional.adjust_color(x, **factors)


class RandomGrayscale(Transform):
    """Replace colours by their lightness with a given probability.

    Args:
        p: the probability.
        generator: draws; None means torch's own.

    >>> RandomGrayscale(1.0)(torch.rand(3, 2, 4, 4)).std(0).max() < 1e-6
    tensor(True)
    """

    def __init__(self, p: float = 0.2, generator: torch.Generator | None = None) -> None:
        super().__init__()
        _check_probability(p)
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Make (3, T, H, W) grey, or leave it as it is."""
        return functional.grayscale(x) if functional.happens(self.p, self.generator) else x


class RandomGaussianBlur(Transform):
    """Blur all frames alike with a given probability.

    Args:
        sigma: range of the standard deviation in pixels.
        p: the probability.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if a setting is out of range.

    Source: as of `ColorJitter`.

    >>> RandomGaussianBlur((0.1, 2.0))(torch.rand(3, 4, 16, 16)).shape
    torch.Size([3, 4, 16, 16])
    """

    def __init__(
        self,
        sigma: tuple[float, float] = (0.1, 2.0),
        p: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_probability(p)
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f"sigma is {tuple(sigma)}; the range must be positive and rise.")
        self.sigma = sigma
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Blur (C, T, H, W), or leave it as it is."""
        if not functional.happens(self.p, self.generator):
            return x
        return functional.gaussian_blur(x, functional.random_number(*self.sigma, self.generator))


class RandomErasing(Transform):
    """Overwrite one rectangle, the same in all frames, with a given probability.

    Args:
        p: the probability.
        scale: range of the rectangle's share of the area.
        aspect_ratio: range of its width / height.
        value: number to write, or "noise" for a normal draw for each value, which needs floats.
        num_tries: draws before the clip is left as it is, if none fits.
        generator: draws; None means torch's own.

    Raises:
        ValueError: if `p` is no probability.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020,
    https://arxiv.org/abs/1708.04896.

    >>> RandomErasing(1.0, scale=(0.1, 0.3))(torch.ones(3, 2, 10, 10)).unique()
    tensor([0., 1.])
    """

    def __init__(
        self,
        p: float = 0.25,
        scale: tuple[float, float] = (0.02, 1 / 3),
        aspect_ratio: tuple[float, float] = (0.3, 1 / 0.3),
        value: float | str = 0.0,
        num_tries: int = 10,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_probability(p)
        if isinstance(value, str) and value != "noise":
            raise ValueError(f'value is {value!r}; it must be a number or "noise".')
        self.p = p
        self.scale = scale
        self.aspect_ratio = aspect_ratio
        self.value = value
        self.num_tries = num_tries
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Overwrite a part of (C, T, H, W), or leave it as it is."""
        if not functional.happens(self.p, self.generator):
            return x
        box = self._draw(*x.shape[-2:])
        if box is None:
            return x
        if self.value != "noise":
            return functional.erase(x, box, float(self.value))
        if not x.is_floating_point():
            raise TypeError(f"The clip is {x.dtype}; noise needs floats: erase after normalising.")
        noise = torch.randn(*x.shape[:2], *box[2:], generator=self.generator)
        return functional.erase(x, box, noise)

    def _draw(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        low, high = (math.log(ratio) for ratio in self.aspect_ratio)
        for _ in range(self.num_tries):
            area = functional.random_number(*self.scale, self.generator) * height * width
            ratio = math.exp(functional.random_number(low, high, self.generator))
            h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < h <= height and 0 < w <= width:
                return (
                    *functional.random_crop_corner(height, width, h, w, self.generator),
                    h,
                    w,
                )
        return None


class LabelAwareFlip(Transform):
    """Mirror a sample with a given probability, and change labels that name a side.

    The sample's `video`, `boxes` (K, 4) and `label` are mirrored; those that are missing or None
    stay so.

    Args:
        swaps: pairs of labels that change places, as in `functional.swap_label`.
        p: the probability.
        generator: draws; None means torch's own.

    >>> flip = LabelAwareFlip({"moves left": "moves right"}, p=1.0)
    >>> flip({"video": torch.zeros(3, 2, 4, 4), "label": "moves right"})["label"]
    'moves left'
    """

    def __init__(
        self,
        swaps: Mapping[Any, Any],
        p: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_probability(p)
        self.swaps = dict(swaps)
        self.p = p
        self.generator = generator

    def forward(self, x: dict[str, Any]) -> dict[str, Any]:
        """Give a copy of the sample, mirrored or not."""
        sample = dict(x)
        if not functional.happens(self.p, self.generator):
            return sample
        sample["video"] = x["video"].flip(-1)
        if x.get("boxes") is not None:
            sample["boxes"] = functional.flip_boxes(x["boxes"], x["video"].shape[-1])
        if x.get("label") is not None:
            sample["label"] = functional.swap_label(x["label"], self.swaps)
        return sample


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}; a probability lies within [0, 1].")
