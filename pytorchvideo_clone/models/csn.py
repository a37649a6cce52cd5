"""CSN: ResNets whose only convolutions with neighbours work on each channel by itself.

Source: Tran et al., "Video Classification with Channel-Separated Convolutional Networks",
ICCV 2019, https://arxiv.org/abs/1904.02811.
"""

from collections.abc import Callable, Sequence

from torch import nn

from pytorchvideo_clone.models.blocks import create_bottleneck_block
from pytorchvideo_clone.models.head import create_res_basic_head
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.stages import create_res_stage as create_res_stage
from pytorchvideo_clone.models.stages import depths_of, make_stages, same_padding
from pytorchvideo_clone.models.stem import create_res_basic_stem

__all__ = ["create_csn"]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


def create_csn(
    *,
    input_channel: int = 3,
    model_depth: int = 50,
    model_num_class: int = 400,
    dropout_rate: float = 0,
    norm: Maker | None = nn.BatchNorm3d,
    activation: Maker | None = nn.ReLU,
    stem_dim_out: int = 64,
    stem_conv_kernel_size: Size = (3, 7, 7),
    stem_conv_stride: Size = (1, 2, 2),
    stem_pool: Maker | None = None,
    stem_pool_kernel_size: Size = (1, 3, 3),
    stem_pool_stride: Size = (1, 2, 2),
    stem: Maker | None = create_res_basic_stem,
    stage_conv_a_kernel_size: Size | Sequence[Size | Sequence[Size]] = (1, 1, 1),
    stage_conv_b_kernel_size: Size | Sequence[Size] = (3, 3, 3),
    stage_conv_b_width_per_group: int = 1,
    stage_spatial_stride: Sequence[int] = (1, 2, 2, 2),
    stage_temporal_stride: Sequence[int] = (1, 2, 2, 2),
    bottleneck: Maker | Sequence[Maker] = create_bottleneck_block,
    bottleneck_ratio: int = 4,
    head: Maker | None = create_res_basic_head,
    head_pool: Maker | None = nn.AvgPool3d,
    head_pool_kernel_size: Size = (1, 7, 7),
    head_output_size: Size = (1, 1, 1),
    head_activation: Maker | None = None,
    head_output_with_global_average: bool = True,
) -> Net:
    """Make a channel-separated network: a 3D ResNet whose convolutions b are grouped.

    Args:
        input_channel: as in `create_resnet`, and so are all arguments not listed here.
        model_depth: as in `create_resnet`.
        model_num_class: as in `create_resnet`.
        dropout_rate: as in `create_resnet`.
        norm: as in `create_resnet`.
        activation: as in `create_resnet`.
        stem_dim_out: as in `create_resnet`.
        stem_conv_kernel_size: as in `create_resnet`.
        stem_conv_stride: as in `create_resnet`.
        stem_pool: as in `create_resnet`.
        stem_pool_kernel_size: as in `create_resnet`.
        stem_pool_stride: as in `create_resnet`.
        stem: as in `create_resnet`.
        stage_conv_a_kernel_size: as in `create_resnet`.
        stage_conv_b_kernel_size: as in `create_resnet`.
        stage_conv_b_width_per_group: channels of each group of convolution b; 1 separates them all.
        stage_spatial_stride: of convolution b, one a stage, for height and width.
        stage_temporal_stride: of convolution b, one a stage.
        bottleneck: as in `create_resnet`.
        bottleneck_ratio: channels of a block's output per channel inside it.
        head: as in `create_resnet`.
        head_pool: as in `create_resnet`.
        head_pool_kernel_size: as in `create_res_basic_head`.
        head_output_size: as in `create_res_basic_head`.
        head_activation: as in `create_res_basic_head`.
        head_output_with_global_average: as in `create_res_basic_head`.

    Returns:
        A network (B, C, T, H, W) -> (B, classes).

    Raises:
        ValueError: as in `create_resnet`, or if the groups do not divide the channels.

    >>> import torch
    >>> model = create_csn(stem_dim_out=8, model_num_class=5, head_pool_kernel_size=(1, 2, 2))
    >>> model(torch.ones(1, 3, 8, 32, 32)).shape
    torch.Size([1, 5])
    """
    dims_inner = [4 * stem_dim_out * 2**i // bottleneck_ratio for i in range(4)]
    for dim in dims_inner:
        if dim % stage_conv_b_width_per_group:
            raise ValueError(
                f"stage_conv_b_width_per_group is {stage_conv_b_width_per_group}, which does not "
                f"divide the {dim} channels inside a block."
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
        depths_of(model_depth),
        dim_in=stem_dim_out,
        bottleneck=bottleneck,
        bottleneck_ratio=bottleneck_ratio,
        conv_a_kernel_size=stage_conv_a_kernel_size,
        conv_a_stride=(1, 1, 1),
        conv_b_kernel_size=stage_conv_b_kernel_size,
        conv_b_stride=[
            (time, space, space)
            for time, space in zip(stage_temporal_stride, stage_spatial_stride, strict=True)
        ],
        conv_b_num_groups=[dim // stage_conv_b_width_per_group for dim in dims_inner],
        norm=norm,
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
