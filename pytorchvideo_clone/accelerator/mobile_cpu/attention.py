"""Squeeze-and-excitation as an efficient block."""

from typing import Any

from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import float_functional

__all__ = ["SqueezeExcitation"]


class SqueezeExcitation(EfficientBlockBase):
    """Weigh each channel by a gate computed from all channels' averages.

    Args:
        num_channels: channels of the input.
        num_channels_reduced: channels between the two 1x1 convolutions; default
            `num_channels // reduction_ratio`.
        reduction_ratio: used where `num_channels_reduced` is None.
        is_3d: the input is (B, C, T, H, W); else it is (B, C, H, W).
        activation: between the two convolutions; default `nn.ReLU()`.

    Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018,
    https://arxiv.org/abs/1709.01507.

    >>> SqueezeExcitation(8, is_3d=True)(torch.ones(1, 8, 4, 5, 5)).shape
    torch.Size([1, 8, 4, 5, 5])
    """

    def __init__(
        self,
        num_channels: int,
        num_channels_reduced: int | None = None,
        reduction_ratio: float = 2.0,
        is_3d: bool = False,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.is_3d = is_3d
        if num_channels_reduced is None:
            num_channels_reduced = int(num_channels // reduction_ratio)
        conv = nn.Conv3d if is_3d else nn.Conv2d
        self.se = _Gate(
            conv(num_channels, num_channels_reduced, kernel_size=1),
            nn.ReLU() if activation is None else activation,
            conv(num_channels_reduced, num_channels, kernel_size=1),
        )
        self.convert_flag = False
        self.product: Any = None

    def convert(
        self,
        input_blob_size: tuple[int, ...] | None = None,
        convert_for_quantize: bool = False,
        native_conv3d_op_qnnpack: bool = False,
    ) -> None:
        """Turn the convolutions of one position into linear layers.

        Args:
            input_blob_size: not needed.
            convert_for_quantize: as in `convert_to_deployable_form`.
            native_conv3d_op_qnnpack: not needed.

        Raises:
            AssertionError: at the second call, as in PyTorchVideo.
        """
        if self.convert_flag:
            raise AssertionError("this SqueezeExcitation is converted already; convert it once.")
        reduce, activation, expand, _ = self.se.block
        self.se = _Gate(_linear(reduce), activation, _linear(expand)).train(self.training)
        self.product = float_functional() if convert_for_quantize else None
        self.convert_flag = True

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W), or (B, C, H, W) -> the same."""
        dims = (2, 3, 4) if self.is_3d else (2, 3)
        if not self.convert_flag:
            return x * self.se(x.mean(dims, keepdim=True))
        gate = self.se(x.mean(dims))
        gate = gate.reshape(*gate.shape, *(1 for _ in dims))
        return x * gate if self.product is None else self.product.mul(x, gate)


class _Gate(nn.Module):
    # A module of its own for PyTorchVideo's keys, which begin with se.block.
    def __init__(self, reduce: nn.Module, activation: nn.Module, expand: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(reduce, activation, expand, nn.Sigmoid())

    def forward(self, averages: Tensor) -> Tensor:
        return self.block(averages)


def _linear(conv: nn.Module) -> nn.Linear:
    assert isinstance(conv, nn.Conv2d | nn.Conv3d) and conv.bias is not None
    linear = nn.Linear(conv.in_channels, conv.out_channels, device="meta")
    linear.weight = nn.Parameter(conv.weight.detach().flatten(1), conv.weight.requires_grad)
    linear.bias = nn.Parameter(conv.bias.detach(), conv.bias.requires_grad)
    return linear
