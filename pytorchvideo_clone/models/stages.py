"""Stages: rows of residual blocks, and the one generator of them for all ResNet-like networks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn

from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import create_bottleneck_block, create_res_block

__all__ = ["ResStage", "create_res_stage", "depths_of", "make_stages", "same_padding"]

Size = tuple[int, int, int]
Sizes: TypeAlias = Size | Sequence[Size]  # one, or several that the blocks take in turns
Maker = Callable[..., nn.Module]

# Depth of a ResNet -> blocks a stage.
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ResStage(nn.Module):
    """Run residual blocks in order.

    Args:
        res_blocks: the blocks.
    """

    def __init__(self, res_blocks: nn.ModuleList) -> None:
        super().__init__()
        self.res_blocks = res_blocks

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        for block in self.res_blocks:
            x = block(x)
        return x


@with_defaults(create_bottleneck_block)
def create_res_stage(
    *,
    depth: int,
    dim_in: int,
    dim_out: int,
    bottleneck: Maker,
    conv_a_kernel_size: Sizes,
    conv_a_stride: Size,
    conv_a_padding: Sizes,
    conv_b_stride: Size,
    activation: Maker | None,
    **kwargs: Any,
) -> ResStage:
    """Make a stage: `depth` residual blocks, of which the first changes width and size.

    Args:
        depth: number of blocks.
        dim_in: channels of the input.
        dim_out: channels of every block's output.
        bottleneck: makes a block's branch.
        conv_a_kernel_size: one size, or a sequence of sizes that the blocks take in turns.
        conv_a_stride: of the first block's convolution a.
        conv_a_padding: one padding, or a sequence like `conv_a_kernel_size`.
        conv_b_stride: of the first block's convolution b.
        activation: makes all activations, or None.
        kwargs: as in `create_bottleneck_block`.

    >>> import torch
    >>> stage = create_res_stage(
    ...     depth=2, dim_in=8, dim_inner=4, dim_out=16, bottleneck=create_bottleneck_block
    ... )
    >>> stage(torch.ones(1, 8, 4, 6, 6)).shape
    torch.Size([1, 16, 2, 3, 3])
    """
    sizes, paddings = _several(conv_a_kernel_size), _several(conv_a_padding)
    if len(sizes) != len(paddings):
        raise ValueError(
            f"conv_a has {len(sizes)} kernel sizes and {len(paddings)} paddings; "
            "give a padding for each kernel size."
        )
    return ResStage(
        nn.ModuleList(
            create_res_block(
                dim_in=dim_in if i == 0 else dim_out,
                dim_out=dim_out,
                bottleneck=bottleneck,
                conv_a_kernel_size=sizes[i % len(sizes)],
                conv_a_stride=conv_a_stride if i == 0 else (1, 1, 1),
                conv_a_padding=paddings[i % len(sizes)],
                conv_b_stride=conv_b_stride if i == 0 else (1, 1, 1),
                activation_bottleneck=activation,
                activation_block=activation,
                **kwargs,
            )
            for i in range(depth)
        )
    )


def make_stages(
    depths: Sequence[int],
    *,
    dim_in: int,
    bottleneck: Maker | Sequence[Maker],
    conv_a_kernel_size: Any,
    conv_a_stride: Any,
    conv_b_kernel_size: Any,
    conv_b_stride: Any,
    conv_b_num_groups: Any = 1,
    conv_b_dilation: Any = (1, 1, 1),
    dims_fused: int | Sequence[int] = 0,
    dim_out: int | None = None,
    bottleneck_ratio: int = 4,
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
) -> Iterator[ResStage]:
    """Make the stages of a ResNet-like network one after the other.

    Each stage gives twice as many channels as the one before; every convolution keeps the size but
    for its stride. `bottleneck`, the sizes and the strides are one for all stages or a sequence
    with one a stage.

    Args:
        depths: number of blocks of each stage.
        dim_in: channels of the first stage's input.
        bottleneck: makes the bottlenecks.
        conv_a_kernel_size: (T, H, W); a stage's may be a sequence that its blocks take in turns.
        conv_a_stride: (T, H, W) of the first block.
        conv_b_kernel_size: (T, H, W).
        conv_b_stride: (T, H, W) of the first block.
        conv_b_num_groups: number of groups.
        conv_b_dilation: (T, H, W).
        dims_fused: channels that another pathway adds to the input of each stage.
        dim_out: channels of the first stage's output; default `4 * dim_in`.
        bottleneck_ratio: channels of a block's output per channel inside it.
        norm: as in `create_bottleneck_block`.
        norm_eps: as in `create_bottleneck_block`.
        norm_momentum: as in `create_bottleneck_block`.
        activation: as in `create_bottleneck_block`.

    Raises:
        ValueError: if a sequence has not one entry a stage.
    """
    sizes = {
        "conv_a_kernel_size": conv_a_kernel_size,
        "conv_a_stride": conv_a_stride,
        "conv_b_kernel_size": conv_b_kernel_size,
        "conv_b_stride": conv_b_stride,
        "conv_b_dilation": conv_b_dilation,
    }
    others = {
        "bottleneck": bottleneck,
        "conv_b_num_groups": conv_b_num_groups,
        "dim_fused": dims_fused,
    }
    settings = {
        name: _one_a_stage(name, value, len(depths), isinstance(value[0], int))
        for name, value in sizes.items()
    } | {
        name: _one_a_stage(name, value, len(depths), not isinstance(value, Sequence))
        for name, value in others.items()
    }
    dim_out = 4 * dim_in if dim_out is None else dim_out
    for i, depth in enumerate(depths):
        stage = {name: values[i] for name, values in settings.items()}
        size_a, size_b = stage["conv_a_kernel_size"], stage["conv_b_kernel_size"]
        yield create_res_stage(
            depth=depth,
            dim_in=dim_in + stage.pop("dim_fused"),
            dim_inner=dim_out // bottleneck_ratio,
            dim_out=dim_out,
            conv_a_padding=[same_padding(size) for size in _several(size_a)],
            conv_b_padding=same_padding(size_b, stage["conv_b_dilation"]),
            norm=norm,
            norm_eps=norm_eps,
            norm_momentum=norm_momentum,
            activation=activation,
            **stage,
        )
        dim_in, dim_out = dim_out, 2 * dim_out


def depths_of(model_depth: int, known: Mapping[int, tuple[int, ...]] = DEPTHS) -> tuple[int, ...]:
    """Blocks a stage of a ResNet.

    Args:
        model_depth: number of layers, the network's name.
        known: the depths that the builder offers, with the blocks of each stage.

    Raises:
        ValueError: if `model_depth` is not among `known`.

    >>> depths_of(50)
    (3, 4, 6, 3)
    """
    if model_depth not in known:
        raise ValueError(f"model_depth is {model_depth}; expected one of {tuple(known)}.")
    return known[model_depth]


def same_padding(kernel_size: Size, dilation: Size = (1, 1, 1)) -> Size:
    """Padding with which a convolution of stride 1 and odd kernel keeps the size."""
    time, height, width = (
        size // 2 * step for size, step in zip(kernel_size, dilation, strict=True)
    )
    return time, height, width


def _several(sizes: Sizes) -> Sequence[Any]:
    """One size as a list of one; several as they are."""
    return [sizes] if isinstance(sizes[0], int) else sizes


def _one_a_stage(name: str, value: Any, stages: int, is_one: bool) -> Sequence[Any]:
    """One value for all stages, or a sequence with one a stage, as the latter."""
    if is_one:
        return [value] * stages
    if len(value) != stages:
        raise ValueError(
            f"{name} has {len(value)} entries; expected one for each of {stages} stages."
        )
    return value
