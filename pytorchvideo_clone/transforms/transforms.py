"""The transforms of clips as modules: each holds its settings and calls a function.

Clips are (C, T, H, W). A module never changes what it is given (`Normalize` does if it is told to
be `inplace`); `base` says how chance is drawn.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.compose import (
    ApplyTransformToKey,
    OpSampler,
    RemoveKey,
    UniformCropVideo,
)

__all__ = [
    "ApplyTransformToKey",
    "CenterCrop",
    "ConvertFloatToUint8",
    "ConvertUint8ToFloat",
    "Div255",
    "MoveChannelFront",
    "MoveChannelRear",
    "Normalize",
    "OpSampler",
    "Permute",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomShortSideScale",
    "RemoveKey",
    "ShortSideScale",
    "UniformCropVideo",
    "UniformTemporalSubsample",
    "UniformTemporalSubsampleRepeated",
]

Numbers = float | Sequence[float] | Tensor | np.ndarray


class UniformTemporalSubsample(Transform):
    """Take frames at even distances, as `functional.uniform_temporal_subsample`.

    Args:
        num_samples: how many.
        temporal_dim: which dimension is time.

    >>> UniformTemporalSubsample(8)(torch.zeros(3, 20, 4, 4)).shape
    torch.Size([3, 8, 4, 4])
    """

    def __init__(self, num_samples: int, temporal_dim: int = -3) -> None:
        super().__init__()
        self.num_samples = num_samples
        self.temporal_dim = temporal_dim

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, T, H, W) to (C, num_samples, H, W), any type."""
        return functional.uniform_temporal_subsample(x, self.num_samples, self.temporal_dim)


class UniformTemporalSubsampleRepeated(Transform):
    """Take a subsample for each ratio, as `functional.uniform_temporal_subsample_repeated`.

    Args:
        frame_ratios: a subsample has T // ratio frames.
        temporal_dim: which dimension is time.

    >>> [x.shape[1] for x in UniformTemporalSubsampleRepeated((4, 1))(torch.zeros(3, 32, 4, 4))]
    [8, 32]
    """

    def __init__(self, frame_ratios: Sequence[int], temporal_dim: int = -3) -> None:
        super().__init__()
        self.frame_ratios = tuple(frame_ratios)
        self.temporal_dim = temporal_dim

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (C, T, H, W) to one clip a ratio, any type."""
        return functional.uniform_temporal_subsample_repeated(
            x, self.frame_ratios, self.temporal_dim
        )


class ShortSideScale(Transform):
    """Resize a clip so that its short side has a given length.

    Args:
        size: of the short side in pixels.
        interpolation: as in `functional.resize`.
        backend: as in `functional.short_side_scale`.

    >>> ShortSideScale(5)(torch.zeros(3, 2, 20, 10, dtype=torch.uint8)).shape
    torch.Size([3, 2, 10, 5])
    """

    def __init__(
        self, size: int, interpolation: str = "bilinear", backend: str = "pytorch"
    ) -> None:
        super().__init__()
        self.size = size
        self.interpolation = interpolation
        self.backend = backend

    def forward(self, x: Tensor) -> Tensor:
        """Resize (C, T, H, W), float or uint8."""
        return functional.resize_short_side(x, self.size, self.interpolation, self.backend)


class RandomShortSideScale(Transform):
    """Resize a clip so that its short side has a length drawn from a range.

    Args:
        min_size: smallest length in pixels.
        max_size: largest, included.
        interpolation: as in `functional.resize`.
        backend: as in `functional.short_side_scale`.
        generator: draws; None means torch's own.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", ICLR 2015, https://arxiv.org/abs/1409.1556, section 3.1 (scale jittering).

    >>> 5 <= RandomShortSideScale(5, 7)(torch.zeros(3, 2, 10, 20)).shape[2] <= 7
    True
    """

    def __init__(
        self,
        min_size: int,
        max_size: int,
        interpolation: str = "bilinear",
        backend: str = "pytorch",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= min_size <= max_size:
            raise ValueError(
                f"min_size is {min_size} and max_size {max_size}; they must rise from at least 1."
            )
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = interpolation
        self.backend = backend
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Resize (C, T, H, W), float or uint8."""
        size = functional.random_size(self.min_size, self.max_size, self.generator)
        return functional.resize_short_side(x, size, self.interpolation, self.backend)


class RandomResizedCrop(Transform):
    """Cut a rectangle of random area, shape and place: `functional.random_resized_crop`.

    Args:
        target_height: as in the function, like all that follow.
        target_width: as there.
        scale: as there.
        aspect_ratio: as there.
        shift: as there.
        log_uniform_ratio: as there.
        interpolation: as there.
        num_tries: as there.
        generator: as there.

    >>> RandomResizedCrop(8, 12, (0.08, 1.0), (0.75, 1.33))(torch.zeros(3, 2, 30, 40)).shape
    torch.Size([3, 2, 8, 12])
    """

    def __init__(
        self,
        target_height: int,
        target_width: int,
        scale: tuple[float, float],
        aspect_ratio: tuple[float, float],
        shift: bool = False,
        log_uniform_ratio: bool = True,
        interpolation: str = "bilinear",
        num_tries: int = 10,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.target_height = target_height
        self.target_width = target_width
        self.scale = scale
        self.aspect_ratio = aspect_ratio
        self.shift = shift
        self.log_uniform_ratio = log_uniform_ratio
        self.interpolation = interpolation
        self.num_tries = num_tries
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, T, H, W) to (C, T, target_height, target_width), float or uint8."""
        return functional.random_resized_crop(
            x,
            self.target_height,
            self.target_width,
            self.scale,
            self.aspect_ratio,
            self.shift,
            self.log_uniform_ratio,
            self.interpolation,
            self.num_tries,
            self.generator,
        )


class CenterCrop(Transform):
    """Cut the middle out of a clip.

    Args:
        size: height and width in pixels, one number for a square.

    >>> CenterCrop((4, 6))(torch.zeros(3, 2, 10, 20)).shape
    torch.Size([3, 2, 4, 6])
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Crop (C, T, H, W), any type."""
        return functional.center_crop(x, *_pair(self.size))


class RandomCrop(Transform):
    """Cut a rectangle out of a clip at a random place.

    Args:
        size: height and width in pixels, one number for a square.
        generator: draws; None means torch's own.

    >>> RandomCrop(4)(torch.zeros(3, 2, 10, 20)).shape
    torch.Size([3, 2, 4, 4])
    """

    def __init__(
        self, size: int | tuple[int, int], generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.size = size
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Crop (C, T, H, W), any type."""
        return functional.random_crop(x, *_pair(self.size), self.generator)


class RandomHorizontalFlip(Transform):
    """Mirror a clip left to right with a given probability.

    Args:
        p: the probability.
        generator: draws; None means torch's own.

    >>> RandomHorizontalFlip(1.0)(torch.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1]])
    """

    def __init__(self, p: float = 0.5, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}; a probability lies within [0, 1].")
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Mirror (C, T, H, W), any type."""
        return functional.random_horizontal_flip(x, self.p, self.generator)


class Normalize(Transform):
    """Subtract the mean of each channel and divide by its standard deviation.

    Args:
        mean: one number a channel, or one for all, in the range of the clip.
        std: one number a channel, or one for all, not 0.
        inplace: whether to overwrite the clip.

    >>> Normalize([0.5] * 3, [0.25] * 3)(torch.ones(3, 2, 4, 4)).unique()
    tensor([2.])
    """

    def __init__(self, mean: Numbers, std: Numbers, inplace: bool = False) -> None:
        super().__init__()
        self.mean = _numbers(mean)
        self.std = _numbers(std)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (C, T, H, W), float."""
        count = max(len(self.mean), len(self.std))
        mean, std = (one * count if len(one) == 1 else one for one in (self.mean, self.std))
        return functional.normalize(x, mean, std, self.inplace)


class Div255(Transform):
    """Divide by 255.

    >>> Div255()(torch.tensor([255.0]))
    tensor([1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Divide; uint8 becomes float32."""
        return functional.div_255(x)


class ConvertUint8ToFloat(Transform):
    """Map uint8 0..255 to float32 [0, 1]; other types raise AssertionError.

    >>> ConvertUint8ToFloat()(torch.tensor([255], dtype=torch.uint8))
    tensor([1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convert any shape."""
        return functional.uint8_to_float(x)


class ConvertFloatToUint8(Transform):
    """Map float [0, 1] to uint8 0..255; other types raise AssertionError.

    >>> ConvertFloatToUint8()(torch.tensor([1.0]))
    tensor([255], dtype=torch.uint8)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convert any shape."""
        return functional.float_to_uint8(x)


class MoveChannelRear(Transform):
    """Turn (C, T, H, W) into (T, H, W, C).

    >>> MoveChannelRear()(torch.zeros(3, 2, 4, 5)).shape
    torch.Size([2, 4, 5, 3])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Permute, any type."""
        return x.permute(1, 2, 3, 0)


class MoveChannelFront(Transform):
    """Turn (T, H, W, C) into (C, T, H, W).

    >>> MoveChannelFront()(torch.zeros(2, 4, 5, 3)).shape
    torch.Size([3, 2, 4, 5])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Permute, any type."""
        return x.permute(3, 0, 1, 2)


class Permute(Transform):
    """Reorder dimensions.

    Args:
        dims: the old number of each new dimension.

    >>> Permute((1, 0, 2, 3))(torch.zeros(3, 2, 4, 5)).shape
    torch.Size([2, 3, 4, 5])
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        if sorted(dims) != list(range(len(dims))):
            raise ValueError(f"dims is {tuple(dims)}; it must hold 0 to {len(dims) - 1} once each.")
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        """Permute, any type."""
        return x.permute(*self.dims)


def _numbers(values: Numbers) -> tuple[float, ...]:
    """One number or several, in any container, as a tuple."""
    return tuple(torch.as_tensor(values, dtype=torch.float64).flatten().tolist())


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
