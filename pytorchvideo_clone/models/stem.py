"""Stems: the first layers of a network."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.attention_pool import apply_norm
from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm
from pytorchvideo_clone.layers.convolutions import ConvReduce3D
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes

__all__ = [
    "PatchEmbed",
    "ResNetBasicStem",
    "create_acoustic_res_basic_stem",
    "create_conv_patch_embed",
    "create_res_basic_stem",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


class ResNetBasicStem(Chain):
    """Convolution, norm, activation, pool, of which any may be None.

    >>> import torch
    >>> stem = ResNetBasicStem(conv=nn.Conv3d(3, 8, 1), pool=nn.MaxPool3d(2))
    >>> stem(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 8, 2, 4, 4])
    """

    def __init__(
        self,
        *,
        conv: nn.Module | None = None,
        norm: nn.Module | None = None,
        activation: nn.Module | None = None,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__(conv=conv, norm=norm, activation=activation, pool=pool)


def create_res_basic_stem(
    *,
    in_channels: int,
    out_channels: int,
    conv_kernel_size: Size = (3, 7, 7),
    conv_stride: Size = (1, 2, 2),
    conv_padding: Size = (1, 3, 3),
    conv_bias: bool = False,
    conv: Maker = nn.Conv3d,
    pool: Maker | None = nn.MaxPool3d,
    pool_kernel_size: Size = (1, 3, 3),
    pool_stride: Size = (1, 2, 2),
    pool_padding: Size = (0, 1, 1),
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
) -> ResNetBasicStem:
    """Make the stem of a ResNet: convolution, norm, activation, pool.

    Args:
        in_channels: channels of the clip.
        out_channels: channels of the output.
        conv_kernel_size: of the convolution, (T, H, W).
        conv_stride: of the convolution, (T, H, W).
        conv_padding: of the convolution, (T, H, W).
        conv_bias: of the convolution.
        conv: makes the convolution.
        pool: makes the pool, or None.
        pool_kernel_size: of the pool, (T, H, W).
        pool_stride: of the pool, (T, H, W).
        pool_padding: of the pool, (T, H, W).
        norm: makes the norm, as in `layers.make_norm`, or None.
        norm_eps: as in `layers.make_norm`.
        norm_momentum: as in `layers.make_norm`.
        activation: makes the activation, or None.

    >>> import torch
    >>> stem = create_res_basic_stem(in_channels=3, out_channels=8)
    >>> stem(torch.ones(1, 3, 4, 16, 16)).shape
    torch.Size([1, 8, 4, 4, 4])
    """
    return ResNetBasicStem(
        conv=conv(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=conv_kernel_size,
            stride=conv_stride,
            padding=conv_padding,
            bias=conv_bias,
        ),
        norm=make_norm(norm, out_channels, norm_eps, norm_momentum),
        activation=make_activation(activation),
        pool=_make_pool(pool, pool_kernel_size, pool_stride, pool_padding),
    )


def create_acoustic_res_basic_stem(
    *,
    in_channels: int,
    out_channels: int,
    conv_kernel_size: Size = (3, 7, 7),
    conv_stride: Size = (1, 1, 1),
    conv_padding: Size = (1, 3, 3),
    conv_bias: bool = False,
    pool: Maker | None = nn.MaxPool3d,
    pool_kernel_size: Size = (1, 3, 3),
    pool_stride: Size = (1, 2, 2),
    pool_padding: Size = (0, 1, 1),
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
) -> ResNetBasicStem:
    """Make the stem of an acoustic ResNet: a convolution over time plus one over frequency.

    The arguments are those of `create_res_basic_stem`; both convolutions have the full stride.

    Source: Xiao et al., "Audiovisual SlowFast Networks for Video Recognition", 2020,
    https://arxiv.org/abs/2001.08740.
    """
    time, height, width = conv_kernel_size
    pad_time, pad_height, pad_width = conv_padding
    return ResNetBasicStem(
        conv=ConvReduce3D(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=((time, 1, 1), (1, height, width)),
            stride=(conv_stride, conv_stride),
            padding=((pad_time, 0, 0), (0, pad_height, pad_width)),
            bias=(conv_bias, conv_bias),
        ),
        norm=make_norm(norm, out_channels, norm_eps, norm_momentum),
        activation=make_activation(activation),
        pool=_make_pool(pool, pool_kernel_size, pool_stride, pool_padding),
    )


class PatchEmbed(nn.Module):
    """Turn a clip into one vector a patch.

    Args:
        patch_model: convolution whose every output position is a patch's vector; a 2D one takes
            images, or clips of one frame.
        norm: of the vectors, or None.

    >>> import torch
    >>> embed = PatchEmbed(patch_model=nn.Conv2d(3, 8, kernel_size=4, stride=4))
    >>> embed(torch.ones(1, 3, 16, 16)).shape
    torch.Size([1, 16, 8])
    """

    def __init__(
        self, *, patch_model: nn.Module | None = None, norm: nn.Module | None = None
    ) -> None:
        super().__init__()
        if patch_model is None:
            raise ValueError("patch_model is None; give the convolution that embeds the patches.")
        self.patch_model = patch_model
        self.norm = norm
        self._takes_images = isinstance(patch_model, nn.Conv2d)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) or (B, C, H, W) -> (B, T' * H' * W', D).

        Raises:
            RuntimeError: for another number of channels.
            ValueError: for several frames where images are expected.
        """
        if not torch.jit.is_scripting():
            conv = self.patch_model
            if isinstance(conv, nn.Conv2d | nn.Conv3d) and x.shape[1] != conv.in_channels:
                raise RuntimeError(
                    f"the input has {x.shape[1]} channels, {tuple(x.shape)}; "
                    f"expected {conv.in_channels}, after the batch."
                )
        if self._takes_images and x.dim() == 5:
            if x.shape[2] != 1:
                raise ValueError(f"the clip has {x.shape[2]} frames; an image model takes 1.")
            x = x.squeeze(2)
        x = self.patch_model(x).flatten(2).transpose(1, 2)
        if self.norm is not None:
            x = apply_norm(self.norm, x)
        return x


def create_conv_patch_embed(
    *,
    in_channels: int,
    out_channels: int,
    conv_kernel_size: Size = (1, 16, 16),
    conv_stride: Size = (1, 4, 4),
    conv_padding: Size = (1, 7, 7),
    conv_bias: bool = True,
    conv: Maker = nn.Conv3d,
) -> PatchEmbed:
    """Make the patch embedding of a transformer; arguments as in `create_res_basic_stem`.

    >>> import torch
    >>> embed = create_conv_patch_embed(in_channels=3, out_channels=8)
    >>> embed(torch.ones(1, 3, 2, 16, 16)).shape
    torch.Size([1, 64, 8])
    """
    return PatchEmbed(
        patch_model=conv(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=conv_kernel_size,
            stride=conv_stride,
            padding=conv_padding,
            bias=conv_bias,
        )
    )


def _make_pool(
    pool: Maker | None, kernel_size: Size, stride: Size, padding: Size
) -> nn.Module | None:
    return None if pool is None else pool(kernel_size=kernel_size, stride=stride, padding=padding)
