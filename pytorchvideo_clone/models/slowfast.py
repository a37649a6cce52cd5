"""SlowFast: a slow pathway that sees what is there and a fast one that sees how it moves.

Source: Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019,
https://arxiv.org/abs/1812.03982.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import make_activation, make_norm, module_list
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import create_bottleneck_block
from pytorchvideo_clone.models.head import (
    create_res_basic_head,
    create_res_roi_pooling_head,
    make_pool,
)
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, Net
from pytorchvideo_clone.models.net import MultiPathWayWithFuse as MultiPathWayWithFuse
from pytorchvideo_clone.models.pathways import (
    FusionBuilder,
    PackPathways,
    PoolConcatPathway,
    check_widths,
    make_pathway_block,
)
from pytorchvideo_clone.models.stages import DEPTHS, depths_of, make_stages, same_padding
from pytorchvideo_clone.models.stages import create_res_stage as create_res_stage
from pytorchvideo_clone.models.stem import create_res_basic_stem

__all__ = [
    "FastToSlowFusionBuilder",
    "FuseFastToSlow",
    "PoolConcatPathway",
    "create_slowfast",
    "create_slowfast_with_roi_head",
]

# PyTorchVideo's name, which projects read and extend.
_MODEL_STAGE_DEPTH = {18: (1, 1, 1, 1), **DEPTHS}

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]
Stages = Size | Sequence[Size | Sequence[Size]]


class FuseFastToSlow(nn.Module):
    """Concatenate a strided convolution of the fast pathway to the slow one.

    Args:
        conv_fast_to_slow: the convolution.
        norm: after the convolution, or None.
        activation: after `norm`, or None.
    """

    def __init__(
        self,
        conv_fast_to_slow: nn.Module,
        norm: nn.Module | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv_fast_to_slow = conv_fast_to_slow
        self.norm = norm
        self.activation = activation

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        """[slow, fast] -> [slow with more channels, fast]."""
        slow, fast = x[0], x[1]
        fused = self.conv_fast_to_slow(fast)
        if self.norm is not None:
            fused = self.norm(fused)
        if self.activation is not None:
            fused = self.activation(fused)
        return [torch.cat([slow, fused], dim=1), fast]


class FastToSlowFusionBuilder:
    """Make the fusions of SlowFast.

    Args:
        slowfast_channel_reduction_ratio: channels of the slow pathway per channel of the fast one.
        conv_fusion_channel_ratio: channels that are fused per channel of the fast pathway.
        conv_kernel_size: of the fusing convolution, (T, H, W).
        conv_stride: of the fusing convolution, (T, H, W).
        norm: as in `create_bottleneck_block`.
        norm_eps: as in `create_bottleneck_block`.
        norm_momentum: as in `create_bottleneck_block`.
        activation: as in `create_bottleneck_block`.
        max_stage_idx: after later stages nothing is fused.

    >>> builder = FastToSlowFusionBuilder(8, 2, (7, 1, 1), (4, 1, 1))
    >>> fusion = builder.create_module(fusion_dim_in=16, stage_idx=2)
    >>> slow, _ = fusion([torch.ones(1, 16, 4, 6, 6), torch.ones(1, 2, 16, 6, 6)])
    >>> slow.shape
    torch.Size([1, 20, 4, 6, 6])
    """

    def __init__(
        self,
        slowfast_channel_reduction_ratio: int,
        conv_fusion_channel_ratio: float,
        conv_kernel_size: Size,
        conv_stride: Size,
        norm: Maker | None = nn.BatchNorm3d,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        activation: Maker | None = nn.ReLU,
        max_stage_idx: int = 3,
    ) -> None:
        self.slowfast_channel_reduction_ratio = slowfast_channel_reduction_ratio
        self.conv_fusion_channel_ratio = conv_fusion_channel_ratio
        self.conv_kernel_size = conv_kernel_size
        self.conv_stride = conv_stride
        self.norm = norm
        self.norm_eps = norm_eps
        self.norm_momentum = norm_momentum
        self.activation = activation
        self.max_stage_idx = max_stage_idx

    def create_module(self, fusion_dim_in: int, stage_idx: int) -> nn.Module:
        """Make the fusion after a stage; arguments as in `FusionBuilder.create_module`."""
        if stage_idx > self.max_stage_idx:
            return nn.Identity()
        dim_fast = fusion_dim_in // self.slowfast_channel_reduction_ratio
        dim_fused = int(dim_fast * self.conv_fusion_channel_ratio)
        return FuseFastToSlow(
            nn.Conv3d(
                dim_fast,
                dim_fused,
                kernel_size=self.conv_kernel_size,
                stride=self.conv_stride,
                padding=same_padding(self.conv_kernel_size),
                bias=False,
            ),
            norm=make_norm(self.norm, dim_fused, self.norm_eps, self.norm_momentum),
            activation=make_activation(self.activation),
        )


def create_slowfast(
    *,
    slowfast_channel_reduction_ratio: int | Sequence[int] = (8,),
    slowfast_conv_channel_fusion_ratio: float = 2,
    slowfast_fusion_conv_kernel_size: Size = (7, 1, 1),
    slowfast_fusion_conv_stride: Size = (4, 1, 1),
    fusion_builder: FusionBuilder | None = None,
    input_channels: Sequence[int] = (3, 3),
    model_depth: int = 50,
    model_num_class: int = 400,
    dropout_rate: float = 0.5,
    norm: Maker | None = nn.BatchNorm3d,
    activation: Maker | None = nn.ReLU,
    stem_function: Maker | Sequence[Maker | None] | None = (create_res_basic_stem,) * 2,
    stem_dim_outs: Sequence[int] = (64, 8),
    stem_conv_kernel_sizes: Sequence[Size] = ((1, 7, 7), (5, 7, 7)),
    stem_conv_strides: Sequence[Size] = ((1, 2, 2), (1, 2, 2)),
    stem_pool: Maker | Sequence[Maker | None] | None = (nn.MaxPool3d, nn.MaxPool3d),
    stem_pool_kernel_sizes: Sequence[Size] = ((1, 3, 3), (1, 3, 3)),
    stem_pool_strides: Sequence[Size] = ((1, 2, 2), (1, 2, 2)),
    stage_conv_a_kernel_sizes: Sequence[Stages] = (
        ((1, 1, 1), (1, 1, 1), (3, 1, 1), (3, 1, 1)),
        ((3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 1, 1)),
    ),
    stage_conv_b_kernel_sizes: Sequence[Stages] = (((1, 3, 3),) * 4, ((1, 3, 3),) * 4),
    stage_conv_b_num_groups: Sequence[int | Sequence[int]] = ((1, 1, 1, 1), (1, 1, 1, 1)),
    stage_conv_b_dilations: Sequence[Stages] = (((1, 1, 1),) * 4, ((1, 1, 1),) * 4),
    stage_spatial_strides: Sequence[Sequence[int]] = ((1, 2, 2, 2), (1, 2, 2, 2)),
    stage_temporal_strides: Sequence[Sequence[int]] = ((1, 1, 1, 1), (1, 1, 1, 1)),
    bottleneck: Maker | Sequence[Maker | Sequence[Maker]] = ((create_bottleneck_block,) * 4,) * 2,
    head: Maker | None = create_res_basic_head,
    head_pool: Maker | None = nn.AvgPool3d,
    head_pool_kernel_sizes: Sequence[Size] = ((8, 7, 7), (32, 7, 7)),
    head_output_size: Size = (1, 1, 1),
    head_activation: Maker | None = None,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make SlowFast: two ResNets, fused after the stem and each stage, and one head.

    Arguments for the pathways are pairs, slow first; what makes their layers may be one for all.
    Those for stages are, in each pathway, one for all stages or a sequence with one a stage. With a
    `fusion_builder` there may be further pathways: then all these arguments have an entry for each,
    and the network takes a list.

    Args:
        slowfast_channel_reduction_ratio: channels of the slow pathway per channel of the fast one.
        slowfast_conv_channel_fusion_ratio: channels fused per channel of the fast pathway.
        slowfast_fusion_conv_kernel_size: (T, H, W).
        slowfast_fusion_conv_stride: (T, H, W); the first is the number of fast frames per slow one.
        fusion_builder: makes the fusions; default `FastToSlowFusionBuilder` of the arguments
            above. Whatever it is, it must fuse as many channels as they say.
        input_channels: channels of the clip.
        model_depth: 18, 50, 101 or 152; 18 has one bottleneck a stage.
        model_num_class: as in `create_resnet`, and so are all arguments not listed here.
        dropout_rate: as in `create_resnet`.
        norm: as in `create_resnet`.
        activation: as in `create_resnet`.
        stem_function: as `stem` in `create_resnet`.
        stem_dim_outs: as `stem_dim_out` in `create_resnet`.
        stem_conv_kernel_sizes: as in `create_resnet`.
        stem_conv_strides: as in `create_resnet`.
        stem_pool: as in `create_resnet`.
        stem_pool_kernel_sizes: as in `create_resnet`.
        stem_pool_strides: as in `create_resnet`.
        stage_conv_a_kernel_sizes: as in `create_resnet`.
        stage_conv_b_kernel_sizes: as in `create_resnet`.
        stage_conv_b_num_groups: as in `create_resnet`.
        stage_conv_b_dilations: as in `create_resnet`.
        stage_spatial_strides: one a stage, for height and width.
        stage_temporal_strides: one a stage.
        bottleneck: as in `create_resnet`.
        head: as in `create_resnet`; None gives the joined features.
        head_pool: pools each pathway before they are joined. None together with `head=None`
            leaves them apart: the network gives the list of both pathways' features.
        head_pool_kernel_sizes: as in `create_res_basic_head`.
        head_output_size: as in `create_res_basic_head`.
        head_activation: as in `create_res_basic_head`.
        head_output_with_global_average: as in `create_res_basic_head`.

    Returns:
        A network of a clip (B, C, T, H, W), or a list [slow, fast] of them -> (B, classes).

    Raises:
        ValueError: if the widths do not have the given ratio, or nothing brings the pathways to
            one size before the head.

    >>> model = create_slowfast(
    ...     model_depth=18, model_num_class=5, head_pool_kernel_sizes=((4, 1, 1), (16, 1, 1))
    ... )
    >>> model(torch.ones(1, 3, 16, 32, 32)).shape
    torch.Size([1, 5])
    """
    alpha = slowfast_fusion_conv_stride[0]
    if head is not None and head_pool is None and alpha > 1:
        raise ValueError(
            f"head_pool is None, but the fast pathway has {alpha} times as many frames as the slow "
            "one: give a pool such as nn.AdaptiveAvgPool3d, or head=None for the features."
        )
    if fusion_builder is None:
        ratios = slowfast_channel_reduction_ratio
        ratios = (ratios,) if isinstance(ratios, int) else ratios
        check_widths(ratios, stem_dim_outs)
        fusion_builder = FastToSlowFusionBuilder(
            ratios[0],
            slowfast_conv_channel_fusion_ratio,
            slowfast_fusion_conv_kernel_size,
            slowfast_fusion_conv_stride,
            norm=norm,
            activation=activation,
        )
    stems = [
        stem
        and stem(
            in_channels=input_channels[i],
            out_channels=stem_dim_outs[i],
            conv_kernel_size=stem_conv_kernel_sizes[i],
            conv_stride=stem_conv_strides[i],
            conv_padding=same_padding(stem_conv_kernel_sizes[i]),
            pool=_of(stem_pool, i),
            pool_kernel_size=stem_pool_kernel_sizes[i],
            pool_stride=stem_pool_strides[i],
            pool_padding=same_padding(stem_pool_kernel_sizes[i]),
            norm=norm,
            activation=activation,
        )
        for i in range(len(stem_dim_outs))
        for stem in (_of(stem_function, i),)
    ]
    depths = depths_of(model_depth, _MODEL_STAGE_DEPTH)
    dims = [stem_dim_outs[0] * width for width in (1, 4, 8, 16, 32)]
    dims_fused = [
        int(stem_dim_outs[1] * width * slowfast_conv_channel_fusion_ratio)
        for width in (1, 4, 8, 16)
    ]
    pathways = [
        make_stages(
            depths,
            dim_in=stem_dim_outs[i],
            dims_fused=dims_fused if i == 0 else 0,
            bottleneck=_of(bottleneck, i),
            conv_a_kernel_size=stage_conv_a_kernel_sizes[i],
            conv_a_stride=[(stride, 1, 1) for stride in stage_temporal_strides[i]],
            conv_b_kernel_size=stage_conv_b_kernel_sizes[i],
            conv_b_stride=[(1, stride, stride) for stride in stage_spatial_strides[i]],
            conv_b_num_groups=stage_conv_b_num_groups[i],
            conv_b_dilation=stage_conv_b_dilations[i],
            norm=norm,
            activation=activation,
        )
        for i in range(len(stem_dim_outs))
    ]
    blocks = [
        make_pathway_block(pair, fusion_builder.create_module(dim, i))
        for i, (dim, pair) in enumerate(
            zip(dims, [stems, *zip(*pathways, strict=True)], strict=True)
        )
    ]
    if head is not None or head_pool is not None:
        pools = [
            make_pool(head_pool, output_size=head_output_size, kernel_size=size)
            for size in head_pool_kernel_sizes
        ]
        blocks.append(PoolConcatPathway(pool=module_list(pools)))
    if head is not None:
        blocks.append(
            head(
                in_features=32 * sum(stem_dim_outs),
                out_features=model_num_class,
                pool=None,
                dropout_rate=dropout_rate,
                activation=head_activation,
                output_with_global_average=head_output_with_global_average,
            )
        )
    pack = PackPathways(alpha) if len(stem_dim_outs) == 2 else None
    return Net(blocks=nn.ModuleList(blocks), pack=pack)


@with_defaults(
    create_slowfast,
    model_num_class=80,
    stage_conv_b_dilations=(((1, 1, 1),) * 3 + ((1, 2, 2),),) * 2,
    stage_spatial_strides=((1, 2, 2, 1), (1, 2, 2, 1)),
    head=create_res_roi_pooling_head,
    head_pool_kernel_sizes=((8, 1, 1), (32, 1, 1)),
    head_activation=nn.Sigmoid,
    head_output_with_global_average=False,
)
def create_slowfast_with_roi_head(
    *,
    model_num_class: int,
    dropout_rate: float,
    stem_dim_outs: Sequence[int],
    head: Maker | None,
    head_pool: Maker | None,
    head_activation: Maker | None,
    head_output_with_global_average: bool,
    head_spatial_resolution: tuple[int, int] = (7, 7),
    head_spatial_scale: float = 1.0 / 16.0,
    head_sampling_ratio: int = 0,
    **kwargs: Any,
) -> DetectionBBoxNetwork | Net:
    """Make a SlowFast that classifies what happens in given boxes.

    Args:
        model_num_class: as in `create_slowfast`, and so are all arguments not listed here.
        dropout_rate: as in `create_slowfast`.
        stem_dim_outs: as in `create_slowfast`.
        head: makes the head, called as `create_res_roi_pooling_head` is; None gives the features.
        head_pool: as in `create_slowfast`; it must leave one step of time.
        head_activation: as in `create_slowfast`.
        head_output_with_global_average: as in `create_slowfast`.
        head_spatial_resolution: `resolution` of `create_res_roi_pooling_head`.
        head_spatial_scale: `spatial_scale` of `create_res_roi_pooling_head`.
        head_sampling_ratio: `sampling_ratio` of `create_res_roi_pooling_head`.
        kwargs: as in `create_slowfast`.

    Returns:
        A network of a clip, or a list [slow, fast], and boxes (K, 5) with rows (index in the batch,
        x1, y1, x2, y2) in input pixels -> (K, classes).

    Raises:
        ValueError: as in `create_slowfast`.

    >>> model = create_slowfast_with_roi_head(
    ...     model_depth=18, model_num_class=5, head_pool_kernel_sizes=((4, 1, 1), (16, 1, 1))
    ... )
    >>> model(torch.ones(1, 3, 16, 32, 32), torch.tensor([[0, 1.0, 1.0, 30.0, 20.0]])).shape
    torch.Size([1, 5])
    """
    model = create_slowfast(stem_dim_outs=stem_dim_outs, head_pool=head_pool, **kwargs, head=None)
    if head is None:
        return model
    if head_pool is None:
        raise ValueError(
            "head_pool is None; the regions need one step of time: give one such as nn.AvgPool3d."
        )
    return DetectionBBoxNetwork(
        model,
        head(
            in_features=32 * sum(stem_dim_outs),
            out_features=model_num_class,
            pool=None,
            dropout_rate=dropout_rate,
            activation=head_activation,
            output_with_global_average=head_output_with_global_average,
            resolution=head_spatial_resolution,
            spatial_scale=head_spatial_scale,
            sampling_ratio=head_sampling_ratio,
        ),
    )


def _of(makers: Any, pathway: int) -> Any:
    """What makes the layers of a pathway: its own, or that of all."""
    return makers[pathway] if isinstance(makers, Sequence) else makers
