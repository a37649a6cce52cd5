"""The stem, blocks and stages of X3D.

Source: Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020,
https://arxiv.org/abs/2004.04730.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm
from pytorchvideo_clone.layers.convolutions import Conv2plus1d
from pytorchvideo_clone.layers.residual import ResBlock
from pytorchvideo_clone.layers.squeeze_excitation import SqueezeExcitation
from pytorchvideo_clone.layers.swish import Swish
from pytorchvideo_clone.layers.utils import round_width
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import BottleneckBlock
from pytorchvideo_clone.models.stages import ResStage, same_padding
from pytorchvideo_clone.models.stem import ResNetBasicStem

__all__ = [
    "create_x3d_bottleneck_block",
    "create_x3d_res_block",
    "create_x3d_res_stage",
    "create_x3d_stem",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


def create_x3d_stem(
    *,
    in_channels: int,
    out_channels: int,
    conv_kernel_size: Size = (5, 3, 3),
    conv_stride: Size = (1, 2, 2),
    conv_padding: Size = (2, 1, 1),
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
) -> ResNetBasicStem:
    """Make the stem of X3D: a convolution over space, then a depthwise one over time.

    The arguments are those of `create_res_basic_stem`.

    >>> import torch
    >>> stem = create_x3d_stem(in_channels=3, out_channels=8)
    >>> stem(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 8, 4, 4, 4])
    """
    spatial = nn.Conv3d(
        in_channels,
        out_channels,
        kernel_size=(1, *conv_kernel_size[1:]),
        stride=(1, *conv_stride[1:]),
        padding=(0, *conv_padding[1:]),
        bias=False,
    )
    temporal = nn.Conv3d(
        out_channels,
        out_channels,
        kernel_size=(conv_kernel_size[0], 1, 1),
        stride=(conv_stride[0], 1, 1),
        padding=(conv_padding[0], 0, 0),
        bias=False,
        groups=out_channels,
    )
    return ResNetBasicStem(
        # The published checkpoints have the spatial convolution under `conv_t`.
        conv=Conv2plus1d(conv_t=spatial, conv_xy=temporal),
        norm=make_norm(norm, out_channels, norm_eps, norm_momentum),
        activation=make_activation(activation),
    )


def create_x3d_bottleneck_block(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    conv_kernel_size: Size = (3, 3, 3),
    conv_stride: Size = (1, 2, 2),
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    se_ratio: float = 0.0625,
    activation: Maker | None = nn.ReLU,
    inner_act: Maker | None = Swish,
) -> BottleneckBlock:
    """Make a bottleneck with a depthwise convolution and squeeze-and-excitation inside.

    Args:
        dim_in: channels of the input.
        dim_inner: channels inside.
        dim_out: channels of the output.
        conv_kernel_size: of the depthwise convolution, (T, H, W).
        conv_stride: of the depthwise convolution, (T, H, W).
        norm: as in `create_bottleneck_block`.
        norm_eps: as in `create_bottleneck_block`.
        norm_momentum: as in `create_bottleneck_block`.
        se_ratio: width of the squeeze, as a part of `dim_inner`; 0 leaves it out.
        activation: after the first convolution, or None.
        inner_act: after the squeeze-and-excitation, or None.

    >>> import torch
    >>> block = create_x3d_bottleneck_block(dim_in=8, dim_inner=18, dim_out=8)
    >>> block(torch.ones(1, 8, 4, 6, 6)).shape
    torch.Size([1, 8, 4, 3, 3])
    """
    return BottleneckBlock(
        conv_a=nn.Conv3d(dim_in, dim_inner, kernel_size=1, bias=False),
        norm_a=make_norm(norm, dim_inner, norm_eps, norm_momentum),
        act_a=make_activation(activation),
        conv_b=nn.Conv3d(
            dim_inner,
            dim_inner,
            kernel_size=conv_kernel_size,
            stride=conv_stride,
            padding=same_padding(conv_kernel_size),
            bias=False,
            groups=dim_inner,
        ),
        # Numbered, as the published checkpoints' keys are.
        norm_b=Chain(
            **{
                "0": make_norm(norm, dim_inner, norm_eps, norm_momentum),
                "1": SqueezeExcitation(dim_inner, round_width(dim_inner, se_ratio), is_3d=True)
                if se_ratio > 0
                else None,
            }
        ),
        act_b=make_activation(inner_act),
        conv_c=nn.Conv3d(dim_inner, dim_out, kernel_size=1, bias=False),
        norm_c=make_norm(norm, dim_out, norm_eps, norm_momentum),
    )


@with_defaults(create_x3d_bottleneck_block)
def create_x3d_res_block(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    bottleneck: Maker = create_x3d_bottleneck_block,
    use_shortcut: bool = True,
    conv_kernel_size: Size,
    conv_stride: Size,
    norm: Maker | None,
    norm_eps: float,
    norm_momentum: float,
    se_ratio: float,
    activation: Maker | None,
    inner_act: Maker | None,
) -> ResBlock:
    """Make a residual block around an X3D bottleneck.

    The shortcut is a convolution if widths or strides differ, with a norm if widths do.

    Args:
        dim_in: as in `create_x3d_bottleneck_block`, and so are all arguments not listed here.
        dim_inner: as in `create_x3d_bottleneck_block`.
        dim_out: as in `create_x3d_bottleneck_block`.
        bottleneck: makes the branch, called as `create_x3d_bottleneck_block` is.
        use_shortcut: False adds the input itself in any case.
        conv_kernel_size: as in `create_x3d_bottleneck_block`.
        conv_stride: as in `create_x3d_bottleneck_block`.
        norm: as in `create_x3d_bottleneck_block`, in the shortcut too.
        norm_eps: as in `create_x3d_bottleneck_block`, in the shortcut too.
        norm_momentum: as in `create_x3d_bottleneck_block`, in the shortcut too.
        se_ratio: as in `create_x3d_bottleneck_block`.
        activation: as in `create_x3d_bottleneck_block`, and of the sum.
        inner_act: as in `create_x3d_bottleneck_block`.
    """
    wider = dim_in != dim_out
    reshaped = use_shortcut and (wider or tuple(conv_stride) != (1, 1, 1))
    return ResBlock(
        branch1_conv=nn.Conv3d(dim_in, dim_out, kernel_size=1, stride=conv_stride, bias=False)
        if reshaped
        else None,
        branch1_norm=make_norm(norm, dim_out, norm_eps, norm_momentum)
        if reshaped and wider
        else None,
        branch2=bottleneck(
            dim_in=dim_in,
            dim_inner=dim_inner,
            dim_out=dim_out,
            conv_kernel_size=conv_kernel_size,
            conv_stride=conv_stride,
            norm=norm,
            norm_eps=norm_eps,
            norm_momentum=norm_momentum,
            se_ratio=se_ratio,
            activation=activation,
            inner_act=inner_act,
        ),
        activation=make_activation(activation),
    )


@with_defaults(create_x3d_bottleneck_block)
def create_x3d_res_stage(
    *,
    depth: int,
    dim_in: int,
    dim_out: int,
    bottleneck: Maker = create_x3d_bottleneck_block,
    conv_stride: Size,
    se_ratio: float,
    **kwargs: Any,
) -> ResStage:
    """Make a stage of X3D: `depth` residual blocks, of which the first changes width and size.

    Args:
        depth: number of blocks; every second one, from the first on, has squeeze-and-excitation.
        dim_in: channels of the input.
        dim_out: channels of every block's output.
        bottleneck: as in `create_x3d_res_block`.
        conv_stride: of the first block, (T, H, W).
        se_ratio: as in `create_x3d_bottleneck_block`.
        kwargs: as in `create_x3d_bottleneck_block`.
    """
    return ResStage(
        nn.ModuleList(
            create_x3d_res_block(
                dim_in=dim_in if i == 0 else dim_out,
                dim_out=dim_out,
                bottleneck=bottleneck,
                conv_stride=conv_stride if i == 0 else (1, 1, 1),
                se_ratio=se_ratio if i % 2 == 0 else 0.0,
                **kwargs,
            )
            for i in range(depth)
        )
    )
