"""R(2+1)D: ResNets whose 3D convolutions are one over time and one over space.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
CVPR 2018, https://arxiv.org/abs/1711.11248.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import nn

from pytorchvideo_clone.layers.convolutions import create_conv_2plus1d
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import BottleneckBlock, create_bottleneck_block
from pytorchvideo_clone.models.head import create_res_basic_head
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.stages import create_res_stage as create_res_stage
from pytorchvideo_clone.models.stages import depths_of, make_stages, same_padding
from pytorchvideo_clone.models.stem import create_res_basic_stem

__all__ = ["create_2plus1d_bottleneck_block", "create_r2plus1d"]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


@with_defaults(
    create_bottleneck_block,
    conv_a_kernel_size=(1, 1, 1),
    conv_a_stride=(1, 1, 1),
    conv_a_padding=(0, 0, 0),
    conv_b_kernel_size=(3, 3, 3),
    conv_b_stride=(2, 2, 2),
    conv_b_padding=(1, 1, 1),
)
def create_2plus1d_bottleneck_block(
    *,
    conv_b: Maker = create_conv_2plus1d,
    norm: Maker | None,
    norm_eps: float,
    norm_momentum: float,
    activation: Maker | None,
    **kwargs: Any,
) -> BottleneckBlock:
    """Make a bottleneck whose convolution b is one over time, norm, activation, one over space.

    Args:
        conv_b: makes convolution b, called as `create_conv_2plus1d` is; `nn.Conv3d`, which blocks
            pass when nothing else is chosen, stands for `create_conv_2plus1d`.
        norm: as in `create_bottleneck_block`, inside convolution b too.
        norm_eps: as in `create_bottleneck_block`, inside convolution b too.
        norm_momentum: as in `create_bottleneck_block`, inside convolution b too.
        activation: as in `create_bottleneck_block`, inside convolution b too.
        kwargs: as in `create_bottleneck_block`.

    >>> import torch
    >>> block = create_2plus1d_bottleneck_block(dim_in=8, dim_inner=4, dim_out=16)
    >>> block(torch.ones(1, 8, 4, 6, 6)).shape
    torch.Size([1, 16, 2, 3, 3])
    """
    shared: dict[str, Any] = {
        "norm": norm,
        "norm_eps": norm_eps,
        "norm_momentum": norm_momentum,
        "activation": activation,
    }
    factorized = create_conv_2plus1d if conv_b is nn.Conv3d else conv_b
    return create_bottleneck_block(**kwargs, **shared, conv_b=partial(factorized, **shared))


def create_r2plus1d(
    *,
    input_channel: int = 3,
    model_depth: int = 50,
    model_num_class: int = 400,
    dropout_rate: float = 0.0,
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
    stem_dim_out: int = 64,
    stem_conv_kernel_size: Size = (1, 7, 7),
    stem_conv_stride: Size = (1, 2, 2),
    stem: Maker | None = create_res_basic_stem,
    stage_conv_a_kernel_size: Size | Sequence[Size | Sequence[Size]] = ((1, 1, 1),) * 4,
    stage_conv_b_kernel_size: Size | Sequence[Size] = ((3, 3, 3),) * 4,
    stage_conv_b_num_groups: int | Sequence[int] = (1, 1, 1, 1),
    stage_conv_b_dilation: Size | Sequence[Size] = ((1, 1, 1),) * 4,
    stage_spatial_stride: Sequence[int] = (2, 2, 2, 2),
    stage_temporal_stride: Sequence[int] = (1, 1, 2, 2),
    stage_bottleneck: Maker | Sequence[Maker] = (create_2plus1d_bottleneck_block,) * 4,
    head: Maker | None = create_res_basic_head,
    head_pool: Maker | None = nn.AvgPool3d,
    head_pool_kernel_size: Size = (4, 7, 7),
    head_output_size: Size = (1, 1, 1),
    head_activation: Maker | None = nn.Softmax,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make an R(2+1)D: a 3D ResNet whose convolutions b are factorized; it gives probabilities.

    Args:
        input_channel: as in `create_resnet`, and so are all arguments not listed here.
        model_depth: as in `create_resnet`.
        model_num_class: as in `create_resnet`.
        dropout_rate: as in `create_resnet`.
        norm: as in `create_resnet`.
        norm_eps: as in `create_bottleneck_block`, everywhere.
        norm_momentum: as in `create_bottleneck_block`, everywhere.
        activation: as in `create_resnet`.
        stem_dim_out: as in `create_resnet`.
        stem_conv_kernel_size: as in `create_resnet`.
        stem_conv_stride: as in `create_resnet`.
        stem: as in `create_resnet`; it is made without a pool.
        stage_conv_a_kernel_size: as in `create_resnet`.
        stage_conv_b_kernel_size: as in `create_resnet`.
        stage_conv_b_num_groups: as in `create_resnet`; a factorized convolution takes 1 only.
        stage_conv_b_dilation: as in `create_resnet`; a factorized convolution takes 1 only.
        stage_spatial_stride: of convolution b, one a stage, for height and width.
        stage_temporal_stride: of convolution b, one a stage.
        stage_bottleneck: as `bottleneck` in `create_resnet`.
        head: as in `create_resnet`.
        head_pool: as in `create_resnet`.
        head_pool_kernel_size: as in `create_res_basic_head`.
        head_output_size: as in `create_res_basic_head`.
        head_activation: as in `create_res_basic_head`; None gives logits, as a loss wants them.
        head_output_with_global_average: as in `create_res_basic_head`.

    Returns:
        A network (B, C, T, H, W) -> (B, classes).

    Raises:
        ValueError: as in `create_resnet`.

    >>> import torch
    >>> model = create_r2plus1d(stem_dim_out=8, model_num_class=5, head_pool_kernel_size=(1, 1, 1))
    >>> model.eval()(torch.ones(1, 3, 4, 32, 32)).shape
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
                pool=None,
                norm=norm,
                norm_eps=norm_eps,
                norm_momentum=norm_momentum,
                activation=activation,
            )
        )
    blocks += make_stages(
        depths_of(model_depth),
        dim_in=stem_dim_out,
        bottleneck=stage_bottleneck,
        conv_a_kernel_size=stage_conv_a_kernel_size,
        conv_a_stride=(1, 1, 1),
        conv_b_kernel_size=stage_conv_b_kernel_size,
        conv_b_stride=[
            (time, space, space)
            for time, space in zip(stage_temporal_stride, stage_spatial_stride, strict=True)
        ],
        conv_b_num_groups=stage_conv_b_num_groups,
        conv_b_dilation=stage_conv_b_dilation,
        norm=norm,
        norm_eps=norm_eps,
        norm_momentum=norm_momentum,
        activation=activation,
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
