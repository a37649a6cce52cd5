"""X3D: small networks grown step by step from a 2D one.

Source: Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020,
https://arxiv.org/abs/2004.04730.
"""

import math
from collections.abc import Callable, Sequence

from torch import nn

from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm
from pytorchvideo_clone.layers.convolutions import Conv2plus1d as Conv2plus1d
from pytorchvideo_clone.layers.residual import ResBlock as ResBlock
from pytorchvideo_clone.layers.squeeze_excitation import SqueezeExcitation as SqueezeExcitation
from pytorchvideo_clone.layers.swish import Swish
from pytorchvideo_clone.layers.utils import round_repeats, round_width
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models.blocks import BottleneckBlock as BottleneckBlock
from pytorchvideo_clone.models.head import ResNetBasicHead, make_pool
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.stages import ResStage as ResStage
from pytorchvideo_clone.models.stages import same_padding
from pytorchvideo_clone.models.stem import ResNetBasicStem as ResNetBasicStem
from pytorchvideo_clone.models.x3d_blocks import (
    create_x3d_bottleneck_block,
    create_x3d_res_block,
    create_x3d_res_stage,
    create_x3d_stem,
)

__all__ = [
    "ProjectedPool",
    "create_x3d",
    "create_x3d_bottleneck_block",
    "create_x3d_head",
    "create_x3d_res_block",
    "create_x3d_res_stage",
    "create_x3d_stem",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


class ProjectedPool(Chain):
    """Convolution, norm, activation; pool; convolution, norm, activation. Any may be None."""

    def __init__(
        self,
        *,
        pre_conv: nn.Module | None = None,
        pre_norm: nn.Module | None = None,
        pre_act: nn.Module | None = None,
        pool: nn.Module | None = None,
        post_conv: nn.Module | None = None,
        post_norm: nn.Module | None = None,
        post_act: nn.Module | None = None,
    ) -> None:
        super().__init__(
            pre_conv=pre_conv,
            pre_norm=pre_norm,
            pre_act=pre_act,
            pool=pool,
            post_conv=post_conv,
            post_norm=post_norm,
            post_act=post_act,
        )


def create_x3d_head(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    num_classes: int,
    pool_act: Maker | None = nn.ReLU,
    pool_kernel_size: Size | None = (13, 5, 5),
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    bn_lin5_on: bool = False,
    dropout_rate: float = 0.5,
    activation: Maker | None = nn.Softmax,
    output_with_global_average: bool = True,
) -> ResNetBasicHead:
    """Make the head of X3D: widen, pool, widen, classify.

    Args:
        dim_in: channels of the features.
        dim_inner: channels that are pooled.
        dim_out: channels before the last layer.
        num_classes: number of classes.
        pool_act: activation before and after the pool, or None.
        pool_kernel_size: of the average pool, (T, H, W); None pools everything.
        norm: as in `create_bottleneck_block`.
        norm_eps: as in `create_bottleneck_block`.
        norm_momentum: as in `create_bottleneck_block`.
        bn_lin5_on: a norm after the second convolution.
        dropout_rate: as in `create_res_basic_head`.
        activation: as in `create_res_basic_head`; note that it is softmax here.
        output_with_global_average: as in `create_res_basic_head`.

    >>> import torch
    >>> head = create_x3d_head(
    ...     dim_in=8, dim_inner=18, dim_out=24, num_classes=5, pool_kernel_size=None
    ... )
    >>> head(torch.ones(1, 8, 4, 4, 4)).shape
    torch.Size([1, 5])
    """
    return ResNetBasicHead(
        pool=ProjectedPool(
            pre_conv=nn.Conv3d(dim_in, dim_inner, kernel_size=1, bias=False),
            pre_norm=make_norm(norm, dim_inner, norm_eps, norm_momentum),
            pre_act=make_activation(pool_act),
            pool=make_pool(nn.AvgPool3d, output_size=(1, 1, 1), kernel_size=pool_kernel_size),
            post_conv=nn.Conv3d(dim_inner, dim_out, kernel_size=1, bias=False),
            post_norm=make_norm(norm, dim_out, norm_eps, norm_momentum) if bn_lin5_on else None,
            post_act=make_activation(pool_act),
        ),
        dropout=nn.Dropout(dropout_rate) if dropout_rate > 0 else None,
        proj=nn.Linear(dim_out, num_classes),
        activation=make_activation(activation),
        output_pool=nn.AdaptiveAvgPool3d(1) if output_with_global_average else None,
    )


def create_x3d(
    *,
    input_channel: int = 3,
    input_clip_length: int = 13,
    input_crop_size: int = 160,
    model_num_class: int = 400,
    dropout_rate: float = 0.5,
    width_factor: float = 2.0,
    depth_factor: float = 2.2,
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
    stem_dim_in: int = 12,
    stem_conv_kernel_size: Size = (5, 3, 3),
    stem_conv_stride: Size = (1, 2, 2),
    stem: Maker | None = create_x3d_stem,
    stage_conv_kernel_size: Sequence[Size] = ((3, 3, 3),) * 4,
    stage_spatial_stride: Sequence[int] = (2, 2, 2, 2),
    stage_temporal_stride: Sequence[int] = (1, 1, 1, 1),
    bottleneck: Maker = create_x3d_bottleneck_block,
    bottleneck_factor: float = 2.25,
    se_ratio: float = 0.0625,
    inner_act: Maker | None = Swish,
    head: Maker | None = create_x3d_head,
    head_dim_out: int = 2048,
    head_pool_act: Maker | None = nn.ReLU,
    head_bn_lin5_on: bool = False,
    head_activation: Maker | None = None,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make X3D: stem, four stages of 1, 2, 5 and 3 blocks times `depth_factor`, head.

    Args:
        input_channel: channels of the clip.
        input_clip_length: frames that the head pools together; longer clips are averaged.
        input_crop_size: pixels of a side that the head pools together; larger ones are averaged.
        model_num_class: number of classes.
        dropout_rate: as in `create_x3d_head`.
        width_factor: factor of all widths.
        depth_factor: factor of the stages' depths, rounded up.
        norm: as in `create_x3d_bottleneck_block`, everywhere.
        norm_eps: as in `create_x3d_bottleneck_block`, everywhere.
        norm_momentum: as in `create_x3d_bottleneck_block`, everywhere.
        activation: as in `create_x3d_bottleneck_block`.
        stem_dim_in: width of stem and first stage before `width_factor`; it doubles each stage.
        stem_conv_kernel_size: as in `create_x3d_stem`.
        stem_conv_stride: as in `create_x3d_stem`.
        stem: makes the stem, called as `create_x3d_stem` is, or None.
        stage_conv_kernel_size: one (T, H, W) a stage.
        stage_spatial_stride: one a stage.
        stage_temporal_stride: one a stage.
        bottleneck: as in `create_x3d_res_block`.
        bottleneck_factor: channels inside a block per channel of its output.
        se_ratio: as in `create_x3d_res_stage`.
        inner_act: as in `create_x3d_bottleneck_block`.
        head: makes the head, called as `create_x3d_head` is; None gives the features.
        head_dim_out: `dim_out` of `create_x3d_head`.
        head_pool_act: `pool_act` of `create_x3d_head`.
        head_bn_lin5_on: `bn_lin5_on` of `create_x3d_head`.
        head_activation: `activation` of `create_x3d_head`.
        head_output_with_global_average: as in `create_x3d_head`.

    Returns:
        A network (B, C, T, H, W) -> (B, classes).

    >>> import torch
    >>> model = create_x3d(input_clip_length=4, input_crop_size=64, model_num_class=5)
    >>> model.eval()(torch.ones(1, 3, 4, 64, 64)).shape
    torch.Size([1, 5])
    """
    dim_in = round_width(stem_dim_in, width_factor)
    blocks = []
    if stem is not None:
        blocks.append(
            stem(
                in_channels=input_channel,
                out_channels=dim_in,
                conv_kernel_size=stem_conv_kernel_size,
                conv_stride=stem_conv_stride,
                conv_padding=same_padding(stem_conv_kernel_size),
                norm=norm,
                norm_eps=norm_eps,
                norm_momentum=norm_momentum,
                activation=activation,
            )
        )
    stages = zip(
        (1, 2, 5, 3),
        stage_conv_kernel_size,
        stage_temporal_stride,
        stage_spatial_stride,
        strict=True,
    )
    for i, (depth, kernel_size, temporal_stride, spatial_stride) in enumerate(stages):
        dim_out = round_width(stem_dim_in * 2**i, width_factor)
        dim_inner = int(bottleneck_factor * dim_out)
        blocks.append(
            create_x3d_res_stage(
                depth=round_repeats(depth, depth_factor),
                dim_in=dim_in,
                dim_inner=dim_inner,
                dim_out=dim_out,
                bottleneck=bottleneck,
                conv_kernel_size=kernel_size,
                conv_stride=(temporal_stride, spatial_stride, spatial_stride),
                norm=norm,
                norm_eps=norm_eps,
                norm_momentum=norm_momentum,
                se_ratio=se_ratio,
                activation=activation,
                inner_act=inner_act,
            )
        )
        dim_in = dim_out
    if head is not None:
        time_stride = stem_conv_stride[0] * math.prod(stage_temporal_stride)
        height_stride, width_stride = (
            stride * math.prod(stage_spatial_stride) for stride in stem_conv_stride[1:]
        )
        blocks.append(
            head(
                dim_in=dim_in,
                dim_inner=dim_inner,
                dim_out=head_dim_out,
                num_classes=model_num_class,
                pool_act=head_pool_act,
                pool_kernel_size=(
                    math.ceil(input_clip_length / time_stride),
                    math.ceil(input_crop_size / height_stride),
                    math.ceil(input_crop_size / width_stride),
                ),
                norm=norm,
                norm_eps=norm_eps,
                norm_momentum=norm_momentum,
                bn_lin5_on=head_bn_lin5_on,
                dropout_rate=dropout_rate,
                activation=head_activation,
                output_with_global_average=head_output_with_global_average,
            )
        )
    return Net(blocks=nn.ModuleList(blocks))
