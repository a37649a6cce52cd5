"""ResNets for clips and sound: C2D, I3D, Slow, with a classification or a region head.

Sources: Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019,
https://arxiv.org/abs/1812.03982; Carreira and Zisserman, "Quo Vadis, Action Recognition?",
CVPR 2017, https://arxiv.org/abs/1705.07750; Wang et al., "Non-local Neural Networks", CVPR 2018,
https://arxiv.org/abs/1711.07971.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from pytorchvideo_clone.layers.residual import add
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import (
    BottleneckBlock,
    ResBlock,
    SeparableBottleneckBlock,
    create_acoustic_bottleneck_block,
    create_bottleneck_block,
    create_res_block,
)
from pytorchvideo_clone.models.head import create_res_basic_head, create_res_roi_pooling_head
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, Net
from pytorchvideo_clone.models.stages import (
    DEPTHS,
    ResStage,
    create_res_stage,
    depths_of,
    make_stages,
    same_padding,
)
from pytorchvideo_clone.models.stem import create_acoustic_res_basic_stem, create_res_basic_stem

__all__ = [
    "BottleneckBlock",
    "ResBlock",
    "ResStage",
    "SeparableBottleneckBlock",
    "create_acoustic_bottleneck_block",
    "create_acoustic_resnet",
    "create_bottleneck_block",
    "create_res_block",
    "create_res_stage",
    "create_resnet",
    "create_resnet_with_roi_head",
]

# PyTorchVideo's names, which projects read and extend.
_MODEL_STAGE_DEPTH = dict(DEPTHS)
_trivial_sum = add

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


def create_resnet(
    *,
    input_channel: int = 3,
    model_depth: int = 50,
    model_num_class: int = 400,
    dropout_rate: float = 0.5,
    norm: Maker | None = nn.BatchNorm3d,
    activation: Maker | None = nn.ReLU,
    stem_dim_out: int = 64,
    stem_conv_kernel_size: Size = (3, 7, 7),
    stem_conv_stride: Size = (1, 2, 2),
    stem_pool: Maker | None = nn.MaxPool3d,
    stem_pool_kernel_size: Size = (1, 3, 3),
    stem_pool_stride: Size = (1, 2, 2),
    stem: Maker | None = create_res_basic_stem,
    stage1_pool: Maker | None = None,
    stage1_pool_kernel_size: Size = (2, 1, 1),
    stage_conv_a_kernel_size: Size | Sequence[Size | Sequence[Size]] = (
        (1, 1, 1),
        (1, 1, 1),
        (3, 1, 1),
        (3, 1, 1),
    ),
    stage_conv_b_kernel_size: Size | Sequence[Size] = ((1, 3, 3),) * 4,
    stage_conv_b_num_groups: int | Sequence[int] = (1, 1, 1, 1),
    stage_conv_b_dilation: Size | Sequence[Size] = ((1, 1, 1),) * 4,
    stage_spatial_h_stride: Sequence[int] = (1, 2, 2, 2),
    stage_spatial_w_stride: Sequence[int] = (1, 2, 2, 2),
    stage_temporal_stride: Sequence[int] = (1, 1, 1, 1),
    bottleneck: Maker | Sequence[Maker] = create_bottleneck_block,
    head: Maker | None = create_res_basic_head,
    head_pool: Maker | None = nn.AvgPool3d,
    head_pool_kernel_size: Size = (4, 7, 7),
    head_output_size: Size = (1, 1, 1),
    head_activation: Maker | None = None,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make a 3D ResNet: stem, four stages, head.

    The stage arguments are one for all stages or a sequence with one a stage.

    Args:
        input_channel: channels of the clip.
        model_depth: 50, 101 or 152.
        model_num_class: number of classes.
        dropout_rate: before the last layer.
        norm: makes the norms, as in `layers.make_norm`, or None.
        activation: makes the activations, or None.
        stem_dim_out: channels after the stem; the stages have 4, 8, 16 and 32 times as many.
        stem_conv_kernel_size: (T, H, W).
        stem_conv_stride: (T, H, W).
        stem_pool: makes the stem's pool, or None.
        stem_pool_kernel_size: (T, H, W).
        stem_pool_stride: (T, H, W).
        stem: makes the stem, called as `create_res_basic_stem` is; None leaves it out, and the
            input has `stem_dim_out` channels.
        stage1_pool: makes a pool after the first stage, or None.
        stage1_pool_kernel_size: (T, H, W), also its stride.
        stage_conv_a_kernel_size: (T, H, W); a stage's may be a sequence that its blocks take in
            turns.
        stage_conv_b_kernel_size: (T, H, W).
        stage_conv_b_num_groups: number of groups.
        stage_conv_b_dilation: (T, H, W).
        stage_spatial_h_stride: one a stage.
        stage_spatial_w_stride: one a stage.
        stage_temporal_stride: one a stage.
        bottleneck: makes the bottlenecks, called as `create_bottleneck_block` is.
        head: makes the head, called as `create_res_basic_head` is; None gives the features.
        head_pool: as in `create_res_basic_head`.
        head_pool_kernel_size: as in `create_res_basic_head`.
        head_output_size: as in `create_res_basic_head`.
        head_activation: as in `create_res_basic_head`.
        head_output_with_global_average: as in `create_res_basic_head`.

    Returns:
        A network (B, C, T, H, W) -> (B, classes).

    Raises:
        ValueError: if `model_depth` is not offered or a sequence has not one entry a stage.

    >>> import torch
    >>> model = create_resnet(stem_dim_out=8, model_num_class=5, head_pool_kernel_size=(4, 1, 1))
    >>> model(torch.ones(1, 3, 4, 32, 32)).shape
    torch.Size([1, 5])
    """
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
        depths_of(model_depth, _MODEL_STAGE_DEPTH),
        dim_in=stem_dim_out,
        bottleneck=bottleneck,
        conv_a_kernel_size=stage_conv_a_kernel_size,
        conv_a_stride=[(stride, 1, 1) for stride in stage_temporal_stride],
        conv_b_kernel_size=stage_conv_b_kernel_size,
        conv_b_stride=[
            (1, *strides)
            for strides in zip(stage_spatial_h_stride, stage_spatial_w_stride, strict=True)
        ],
        conv_b_num_groups=stage_conv_b_num_groups,
        conv_b_dilation=stage_conv_b_dilation,
        norm=norm,
        activation=activation,
    )
    if stage1_pool is not None:
        blocks.insert(
            len(blocks) - 3,
            stage1_pool(
                kernel_size=stage1_pool_kernel_size, stride=stage1_pool_kernel_size, padding=0
            ),
        )
    if head is not None:
        blocks.append(
            head(
                in_features=32 * stem_dim_out,
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


@with_defaults(
    create_resnet,
    model_num_class=80,
    stem_conv_kernel_size=(1, 7, 7),
    stage_conv_b_dilation=((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 2, 2)),
    stage_spatial_h_stride=(1, 2, 2, 1),
    stage_spatial_w_stride=(1, 2, 2, 1),
    head=create_res_roi_pooling_head,
    head_pool_kernel_size=(4, 1, 1),
    head_activation=nn.Sigmoid,
    head_output_with_global_average=False,
)
def create_resnet_with_roi_head(
    *,
    model_num_class: int,
    dropout_rate: float,
    stem_dim_out: int,
    head: Maker | None,
    head_pool: Maker | None,
    head_pool_kernel_size: Size,
    head_output_size: Size,
    head_activation: Maker | None,
    head_output_with_global_average: bool,
    head_spatial_resolution: tuple[int, int] = (7, 7),
    head_spatial_scale: float = 1.0 / 16.0,
    head_sampling_ratio: int = 0,
    **kwargs: Any,
) -> DetectionBBoxNetwork | Net:
    """Make a 3D ResNet that classifies what happens in given boxes.

    Args:
        model_num_class: as in `create_resnet`, and so are all arguments not listed here.
        dropout_rate: as in `create_resnet`.
        stem_dim_out: as in `create_resnet`.
        head: makes the head, called as `create_res_roi_pooling_head` is; None gives the features.
        head_pool: as in `create_resnet`; it must leave one step of time.
        head_pool_kernel_size: as in `create_resnet`.
        head_output_size: as in `create_resnet`.
        head_activation: as in `create_resnet`.
        head_output_with_global_average: as in `create_resnet`.
        head_spatial_resolution: `resolution` of `create_res_roi_pooling_head`.
        head_spatial_scale: `spatial_scale` of `create_res_roi_pooling_head`.
        head_sampling_ratio: `sampling_ratio` of `create_res_roi_pooling_head`.
        kwargs: as in `create_resnet`.

    Returns:
        A network of a clip (B, C, T, H, W) and boxes (K, 5) with rows (index in the batch, x1, y1,
        x2, y2) in input pixels -> (K, classes).

    >>> import torch
    >>> model = create_resnet_with_roi_head(stem_dim_out=8)
    >>> boxes = torch.tensor([[0, 4.0, 6.0, 40.0, 50.0]])
    >>> model(torch.ones(1, 3, 4, 64, 64), boxes).shape
    torch.Size([1, 80])
    """
    model = create_resnet(stem_dim_out=stem_dim_out, **kwargs, head=None)
    if head is None:
        return model
    return DetectionBBoxNetwork(
        model,
        head(
            in_features=32 * stem_dim_out,
            out_features=model_num_class,
            pool=head_pool,
            output_size=head_output_size,
            pool_kernel_size=head_pool_kernel_size,
            dropout_rate=dropout_rate,
            activation=head_activation,
            output_with_global_average=head_output_with_global_average,
            resolution=head_spatial_resolution,
            spatial_scale=head_spatial_scale,
            sampling_ratio=head_sampling_ratio,
        ),
    )


@with_defaults(
    create_resnet,
    input_channel=1,
    stem_conv_kernel_size=(9, 1, 9),
    stem_conv_stride=(1, 1, 3),
    stem_pool=None,
    stem_pool_kernel_size=(3, 1, 3),
    stem_pool_stride=(2, 1, 2),
    stem=create_acoustic_res_basic_stem,
    stage_conv_a_kernel_size=(3, 1, 1),
    stage_conv_b_kernel_size=(3, 1, 3),
    stage_conv_b_dilation=(1, 1, 1),
    stage_spatial_h_stride=(1, 1, 1, 1),
    stage_temporal_stride=(1, 2, 2, 2),
    bottleneck=(create_acoustic_bottleneck_block,) * 2 + (create_bottleneck_block,) * 2,
    head_pool_kernel_size=(4, 1, 2),
)
def create_acoustic_resnet(**kwargs: Any) -> Net:
    """Make a ResNet for log-mel spectrograms (B, 1, T, 1, F); arguments as in `create_resnet`.

    Source: Xiao et al., "Audiovisual SlowFast Networks for Video Recognition", 2020,
    https://arxiv.org/abs/2001.08740.

    >>> import torch
    >>> model = create_acoustic_resnet(stem_dim_out=8, model_num_class=5)
    >>> model(torch.ones(1, 1, 32, 1, 80)).shape
    torch.Size([1, 5])
    """
    return create_resnet(**kwargs)
