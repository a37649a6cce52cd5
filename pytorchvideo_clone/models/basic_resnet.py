"""ResNets of basic blocks, two convolutions each: R3D, MC3 and R(2+1)D of 18 or 34 layers.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
CVPR 2018, https://arxiv.org/abs/1711.11248.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.layers.chain import make_activation, make_norm
from pytorchvideo_clone.layers.convolutions import create_conv_2plus1d
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import BottleneckBlock, create_bottleneck_block
from pytorchvideo_clone.models.head import create_res_basic_head
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.stages import make_stages, same_padding
from pytorchvideo_clone.models.stem import ResNetBasicStem, create_res_basic_stem

__all__ = [
    "create_2plus1d_basic_block",
    "create_2plus1d_stem",
    "create_basic_block",
    "create_basic_resnet",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]

# Layers of a ResNet of basic blocks -> blocks a stage.
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


@with_defaults(
    create_bottleneck_block,
    conv_a_kernel_size=(3, 3, 3),
    conv_a_stride=(2, 2, 2),
    conv_a_padding=(1, 1, 1),
    conv_b_kernel_size=(3, 3, 3),
    conv_b_stride=(1, 1, 1),
    conv_b_padding=(1, 1, 1),
)
def create_basic_block(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    conv_a: Maker,
    conv_a_kernel_size: Size,
    conv_a_stride: Size,
    conv_a_padding: Size,
    conv_b: Maker,
    conv_b_kernel_size: Size,
    conv_b_stride: Size,
    conv_b_padding: Size,
    conv_b_num_groups: int,
    conv_b_dilation: Size,
    conv_c: Maker,
    norm: Maker | None,
    norm_eps: float,
    norm_momentum: float,
    activation: Maker | None,
) -> BottleneckBlock:
    """Make the branch of a basic block: convolution a, norm, activation, convolution b, norm.

    The arguments are those of `create_bottleneck_block`, so that either stands in a stage;
    `conv_c`, which a basic block lacks, must be left as it is.

    Raises:
        ValueError: if `conv_c` is given.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
    https://arxiv.org/abs/1512.03385, figure 5.

    >>> import torch
    >>> block = create_basic_block(dim_in=8, dim_inner=16, dim_out=16)
    >>> block(torch.ones(1, 8, 4, 6, 6)).shape
    torch.Size([1, 16, 2, 3, 3])
    """
    if conv_c is not nn.Conv3d:
        raise ValueError("conv_c is given; a basic block has convolutions a and b only.")
    norm_b = make_norm(norm, dim_out, norm_eps, norm_momentum)
    if norm_b is not None:
        norm_b.block_final_bn = True  # type: ignore[assignment]  # for init_net_weights
    return BottleneckBlock(
        conv_a=conv_a(
            in_channels=dim_in,
            out_channels=dim_inner,
            kernel_size=conv_a_kernel_size,
            stride=conv_a_stride,
            padding=conv_a_padding,
            bias=False,
        ),
        norm_a=make_norm(norm, dim_inner, norm_eps, norm_momentum),
        act_a=make_activation(activation),
        conv_b=conv_b(
            in_channels=dim_inner,
            out_channels=dim_out,
            kernel_size=conv_b_kernel_size,
            stride=conv_b_stride,
            padding=conv_b_padding,
            bias=False,
            groups=conv_b_num_groups,
            dilation=conv_b_dilation,
        ),
        norm_b=norm_b,
    )


@with_defaults(create_basic_block)
def create_2plus1d_basic_block(
    *,
    dim_in: int,
    dim_out: int,
    norm: Maker | None,
    norm_eps: float,
    norm_momentum: float,
    activation: Maker | None,
    conv_a: Maker,
    conv_b: Maker,
    **kwargs: Any,
) -> BottleneckBlock:
    """Make a basic block whose convolutions are one over space, norm, activation, one over time.

    Between them are as many channels as give the first convolution the parameters of a full one;
    the second has the same number.

    Args:
        dim_in: as in `create_bottleneck_block`, and so are all arguments not listed here.
        dim_out: as in `create_bottleneck_block`.
        norm: as in `create_bottleneck_block`, inside the convolutions too.
        norm_eps: as in `create_bottleneck_block`, inside the convolutions too.
        norm_momentum: as in `create_bottleneck_block`, inside the convolutions too.
        activation: as in `create_bottleneck_block`, inside the convolutions too.
        conv_a: makes convolution a, called as `create_conv_2plus1d` is; `nn.Conv3d`, which blocks
            pass when nothing else is chosen, stands for `create_conv_2plus1d`.
        conv_b: makes convolution b, likewise.
        kwargs: as in `create_bottleneck_block`.

    Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
    CVPR 2018, https://arxiv.org/abs/1711.11248, section 3.5.

    >>> block = create_2plus1d_basic_block(dim_in=64, dim_inner=128, dim_out=128)
    >>> block.conv_a.conv_xy.out_channels
    230
    """
    shared: dict[str, Any] = {
        "norm": norm,
        "norm_eps": norm_eps,
        "norm_momentum": norm_momentum,
        "activation": activation,
    }
    inner = dim_in * dim_out * 27 // (dim_in * 9 + dim_out * 3)
    factorized = [
        partial(
            create_conv_2plus1d if conv is nn.Conv3d else conv,
            inner_channels=inner,
            conv_xy_first=True,
            **shared,
        )
        for conv in (conv_a, conv_b)
    ]
    return create_basic_block(
        dim_in=dim_in,
        dim_out=dim_out,
        conv_a=factorized[0],
        conv_b=factorized[1],
        **shared,
        **kwargs,
    )


@with_defaults(create_res_basic_stem)
def create_2plus1d_stem(
    *,
    dim_inner: int = 45,
    conv: Maker = create_conv_2plus1d,
    norm: Maker | None,
    norm_eps: float,
    norm_momentum: float,
    activation: Maker | None,
    **kwargs: Any,
) -> ResNetBasicStem:
    """Make a stem whose convolution is one over space, norm, activation, one over time.

    Args:
        dim_inner: channels between the two.
        conv: makes both, called as `create_conv_2plus1d` is.
        norm: as in `create_res_basic_stem`, between the two as well.
        norm_eps: as in `create_res_basic_stem`, between the two as well.
        norm_momentum: as in `create_res_basic_stem`, between the two as well.
        activation: as in `create_res_basic_stem`, between the two as well.
        kwargs: as in `create_res_basic_stem`.

    >>> import torch
    >>> stem = create_2plus1d_stem(in_channels=3, out_channels=8)
    >>> stem(torch.ones(1, 3, 4, 16, 16)).shape
    torch.Size([1, 8, 4, 4, 4])
    """
    shared: dict[str, Any] = {
        "norm": norm,
        "norm_eps": norm_eps,
        "norm_momentum": norm_momentum,
        "activation": activation,
    }
    factorized = partial(conv, inner_channels=dim_inner, conv_xy_first=True, **shared)
    return create_res_basic_stem(conv=factorized, **shared, **kwargs)


def create_basic_resnet(
    *,
    input_channel: int = 3,
    model_depth: int = 18,
    model_num_class: int = 400,
    dropout_rate: float = 0.0,
    norm: Maker | None = nn.BatchNorm3d,
    activation: Maker | None = nn.ReLU,
    stem_dim_out: int = 64,
    stem_conv_kernel_size: Size = (3, 7, 7),
    stem_conv_stride: Size = (1, 2, 2),
    stem_pool: Maker | None = None,
    stem_pool_kernel_size: Size = (1, 3, 3),
    stem_pool_stride: Size = (1, 2, 2),
    stem: Maker | None = create_res_basic_stem,
    stage_conv_kernel_size: Size | Sequence[Size] = ((3, 3, 3),) * 4,
    stage_spatial_stride: Sequence[int] = (1, 2, 2, 2),
    stage_temporal_stride: Sequence[int] = (1, 2, 2, 2),
    block: Maker | Sequence[Maker] = create_basic_block,
    head: Maker | None = create_res_basic_head,
    head_pool: Maker | None = nn.AdaptiveAvgPool3d,
    head_pool_kernel_size: Size = (1, 1, 1),
    head_output_size: Size = (1, 1, 1),
    head_activation: Maker | None = None,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make a 3D ResNet of basic blocks: stem, four stages, head.

    As it is, R3D; with convolutions of (1, 3, 3) and no stride of time in the last three stages,
    MC3; with `create_2plus1d_basic_block` and `create_2plus1d_stem`, R(2+1)D.

    Args:
        input_channel: as in `create_resnet`, and so are all arguments not listed here.
        model_depth: 18 or 34.
        model_num_class: as in `create_resnet`.
        dropout_rate: as in `create_resnet`.
        norm: as in `create_resnet`.
        activation: as in `create_resnet`.
        stem_dim_out: channels after the stem; the stages have 1, 2, 4 and 8 times as many.
        stem_conv_kernel_size: as in `create_resnet`.
        stem_conv_stride: as in `create_resnet`.
        stem_pool: as in `create_resnet`.
        stem_pool_kernel_size: as in `create_resnet`.
        stem_pool_stride: as in `create_resnet`.
        stem: as in `create_resnet`.
        stage_conv_kernel_size: of both convolutions, (T, H, W), one for all stages or one a stage.
        stage_spatial_stride: of a stage's first convolution, for height and width.
        stage_temporal_stride: of a stage's first convolution.
        block: makes the branch of a block, called as `create_basic_block` is; one for all stages
            or one a stage.
        head: as in `create_resnet`.
        head_pool: as in `create_resnet`.
        head_pool_kernel_size: as in `create_resnet`, for a pool that has one.
        head_output_size: as in `create_resnet`.
        head_activation: as in `create_resnet`.
        head_output_with_global_average: as in `create_resnet`.

    Returns:
        A network (B, C, T, H, W) -> (B, classes).

    Raises:
        ValueError: if `model_depth` is not offered or a sequence has not one entry a stage.

    Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
    CVPR 2018, https://arxiv.org/abs/1711.11248.

    >>> import torch
    >>> model = create_basic_resnet(stem_dim_out=8, model_num_class=5)
    >>> model(torch.ones(1, 3, 4, 32, 32)).shape
    torch.Size([1, 5])
    """
    if model_depth not in DEPTHS:
        raise ValueError(
            f"model_depth is {model_depth}; expected one of {tuple(DEPTHS)}: deeper networks have "
            "bottlenecks, create_resnet."
        )
    blocks = []
    if stem is not None:
        blocks.append(
            stem(
                in_channels=input_channel,
                out_channels=stem_dim_out,
                conv_kernel_size=stem_conv_kernel_size,
                conv_stride=stem_conv_stride,
                conv_padding=same_padding(stem_conv_kernel_size),
                pool=stem_pool,
                pool_kernel_size=stem_pool_kernel_size,
                pool_stride=stem_pool_stride,
                pool_padding=same_padding(stem_pool_kernel_size),
                norm=norm,
                activation=activation,
            )
        )
    blocks += make_stages(
        DEPTHS[model_depth],
        dim_in=stem_dim_out,
        dim_out=stem_dim_out,
        bottleneck=block,
        bottleneck_ratio=1,
        conv_a_kernel_size=stage_conv_kernel_size,
        conv_a_stride=[
            (time, space, space)
            for time, space in zip(stage_temporal_stride, stage_spatial_stride, strict=True)
        ],
        conv_b_kernel_size=stage_conv_kernel_size,
        conv_b_stride=(1, 1, 1),
        norm=norm,
        activation=activation,
    )
    if head is not None:
        blocks.append(
            head(
                in_features=8 * stem_dim_out,
                out_features=model_num_class,
                pool=head_pool,
                output_size=head_output_size,
                pool_kernel_size=head_pool_kernel_size,
                dropout_rate=dropout_rate,
                activation=head_activation,
                output_with_global_average=head_output_with_global_average,
            )
        )
    return Net(blocks=nn.ModuleList(blocks))
