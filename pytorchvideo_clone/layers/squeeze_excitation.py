"""Squeeze-and-excitation: channel weights from the average over all positions."""

from collections.abc import Callable

from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm
from pytorchvideo_clone.layers.residual import ResBlock, add

__all__ = [
    "SqueezeAndExcitationLayer2D",
    "SqueezeExcitation",
    "create_audio_2d_squeeze_excitation_block",
]


class SqueezeExcitation(nn.Module):
    """Weigh each channel by a gate computed from all channels' averages, as fvcore's class does.

    Args:
        num_channels: channels of the input.
        num_channels_reduced: channels between the two 1x1 convolutions; default
            `num_channels // reduction_ratio`.
        reduction_ratio: used where `num_channels_reduced` is None.
        is_3d: the input is clips (B, C, T, H, W); else it is images (B, C, H, W).
        activation: between the two convolutions; default `nn.ReLU()`.

    Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018,
    https://arxiv.org/abs/1709.01507.

    >>> import torch
    >>> SqueezeExcitation(8, 2, is_3d=True)(torch.ones(1, 8, 4, 5, 5)).shape
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
        self.block = nn.Sequential(
            conv(num_channels, num_channels_reduced, kernel_size=1),
            nn.ReLU() if activation is None else activation,
            conv(num_channels_reduced, num_channels, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, input_tensor: Tensor) -> Tensor:
        """(B, C, T, H, W), or (B, C, H, W) -> the same."""
        dims = [2, 3, 4] if self.is_3d else [2, 3]
        return input_tensor * self.block(input_tensor.mean(dim=dims, keepdim=True))


class SqueezeAndExcitationLayer2D(nn.Module):
    """Squeeze-and-excitation on images or spectrograms.

    Args:
        in_planes: channels of the input.
        reduction_ratio: channels between the convolutions are `in_planes // reduction_ratio`.
        reduced_planes: that number itself; then `reduction_ratio` must be None.

    Raises:
        AssertionError: unless exactly one of the two is given, as in PyTorchVideo.

    Source: as `SqueezeExcitation`.

    >>> import torch
    >>> SqueezeAndExcitationLayer2D(32)(torch.ones(1, 32, 10, 6)).shape
    torch.Size([1, 32, 10, 6])
    """

    def __init__(
        self,
        in_planes: int,
        reduction_ratio: int | None = 16,
        reduced_planes: int | None = None,
    ) -> None:
        super().__init__()
        if (reduction_ratio is None) == (reduced_planes is None):
            raise AssertionError(
                f"reduction_ratio is {reduction_ratio} and reduced_planes {reduced_planes}; "
                "give exactly one and None for the other."
            )
        planes = reduced_planes or in_planes // (reduction_ratio or 1)
        self.excitation = nn.Sequential(
            nn.Conv2d(in_planes, planes, kernel_size=1),
            nn.ReLU(),
            nn.Conv2d(planes, in_planes, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x * self.excitation(x.mean(dim=(2, 3), keepdim=True))


def create_audio_2d_squeeze_excitation_block(
    dim_in: int,
    dim_out: int,
    use_se: bool = False,
    se_reduction_ratio: int = 16,
    branch_fusion: Callable[[Tensor, Tensor], Tensor] = add,
    conv_a_kernel_size: int = 3,
    conv_a_stride: int = 1,
    conv_a_padding: int = 1,
    conv_b_kernel_size: int = 3,
    conv_b_stride: int = 1,
    conv_b_padding: int = 1,
    norm: Callable[..., nn.Module] | None = nn.BatchNorm2d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Callable[..., nn.Module] | None = nn.ReLU,
) -> ResBlock:
    """Make a residual block of two 2D convolutions, with squeeze-and-excitation if asked for.

    Args:
        dim_in: channels of the input.
        dim_out: channels of the output.
        use_se: end the branch with `SqueezeAndExcitationLayer2D`.
        se_reduction_ratio: as in `SqueezeAndExcitationLayer2D`.
        branch_fusion: as in `ResBlock`.
        conv_a_kernel_size: of the first convolution.
        conv_a_stride: of the first convolution.
        conv_a_padding: of the first convolution.
        conv_b_kernel_size: of the second convolution.
        conv_b_stride: of the second convolution.
        conv_b_padding: of the second convolution.
        norm: as in `make_norm`.
        norm_eps: as in `make_norm`.
        norm_momentum: as in `make_norm`.
        activation: as in `make_activation`.

    >>> import torch
    >>> block = create_audio_2d_squeeze_excitation_block(4, 8, use_se=True, se_reduction_ratio=2)
    >>> block(torch.ones(1, 4, 10, 6)).shape
    torch.Size([1, 8, 10, 6])
    """

    def norm_of(dim: int) -> nn.Module | None:
        return make_norm(norm, dim, norm_eps, norm_momentum)

    stride = conv_a_stride * conv_b_stride
    reshaped = dim_in != dim_out or stride > 1
    layers = (
        nn.Conv2d(
            dim_in,
            dim_out,
            conv_a_kernel_size,
            stride=conv_a_stride,
            padding=conv_a_padding,
            bias=False,
        ),
        norm_of(dim_out),
        make_activation(activation),
        nn.Conv2d(
            dim_out,
            dim_out,
            conv_b_kernel_size,
            stride=conv_b_stride,
            padding=conv_b_padding,
            bias=False,
        ),
        norm_of(dim_out),
        SqueezeAndExcitationLayer2D(dim_out, se_reduction_ratio) if use_se else None,
    )
    return ResBlock(
        branch1_conv=nn.Conv2d(dim_in, dim_out, 1, stride=stride, bias=False) if reshaped else None,
        branch1_norm=norm_of(dim_out) if reshaped else None,
        # Numbered, as PyTorchVideo's keys are.
        branch2=Chain(**{str(i): layer for i, layer in enumerate(layers)}),
        activation=make_activation(activation),
        branch_fusion=branch_fusion,
    )
