"""Average pools as efficient blocks."""

from typing import Any

from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase, NoOpConvertBlock

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool2dOutSize1",
    "AdaptiveAvgPool3d",
    "AdaptiveAvgPool3dOutSize1",
]


class AdaptiveAvgPool3dOutSize1(EfficientBlockBase):
    """Average all positions of a clip; mobile runtimes have a mean, but no 3D pool.

    >>> AdaptiveAvgPool3dOutSize1()(torch.ones(1, 8, 4, 5, 5)).shape
    torch.Size([1, 8, 1, 1, 1])
    """

    def convert(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a mean is deployed as it is, for inputs of any size."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C, 1, 1, 1)."""
        return x.mean((2, 3, 4), keepdim=True)


class AdaptiveAvgPool2dOutSize1(EfficientBlockBase):
    """Average all positions of an image.

    >>> AdaptiveAvgPool2dOutSize1()(torch.ones(1, 8, 5, 5)).shape
    torch.Size([1, 8, 1, 1])
    """

    def convert(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a mean is deployed as it is, for inputs of any size."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


class AdaptiveAvgPool3d(NoOpConvertBlock):
    """`nn.AdaptiveAvgPool3d`, deployed as it is.

    Args:
        output_size: (T, H, W) of the output, or one number for all.

    >>> AdaptiveAvgPool3d((2, 1, 1))(torch.ones(1, 8, 4, 5, 5)).shape
    torch.Size([1, 8, 2, 1, 1])
    """

    def __init__(self, output_size: int | tuple[int | None, int | None, int | None]) -> None:
        super().__init__(nn.AdaptiveAvgPool3d(output_size))


class AdaptiveAvgPool2d(NoOpConvertBlock):
    """`nn.AdaptiveAvgPool2d`, deployed as it is.

    Args:
        output_size: (H, W) of the output, or one number for both.

    >>> AdaptiveAvgPool2d(3)(torch.ones(1, 8, 6, 6)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(self, output_size: int | tuple[int | None, int | None]) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(output_size))
