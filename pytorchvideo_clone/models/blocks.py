"""Residual blocks and their bottlenecks."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm, module_list
from pytorchvideo_clone.layers.residual import ResBlock, add
from pytorchvideo_clone.models._defaults import with_defaults

__all__ = [
    "BottleneckBlock",
    "ResBlock",
    "SeparableBottleneckBlock",
    "create_acoustic_bottleneck_block",
    "create_bottleneck_block",
    "create_res_block",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


class BottleneckBlock(Chain):
    """Three convolutions, each with a norm, the first two with an activation; any may be None.

    >>> block = BottleneckBlock(conv_a=nn.Conv3d(3, 4, 1), conv_c=nn.Conv3d(4, 8, 1))
    >>> block(torch.ones(1, 3, 2, 5, 5)).shape
    torch.Size([1, 8, 2, 5, 5])
    """

    def __init__(
        self,
        *,
        conv_a: nn.Module | None = None,
        norm_a: nn.Module | None = None,
        act_a: nn.Module | None = None,
        conv_b: nn.Module | None = None,
        norm_b: nn.Module | None = None,
        act_b: nn.Module | None = None,
        conv_c: nn.Module | None = None,
        norm_c: nn.Module | None = None,
    ) -> None:
        if norm_c is not None:
            norm_c.block_final_bn = True  # type: ignore[assignment]  # for init_net_weights
        super().__init__(
            conv_a=conv_a,
            norm_a=norm_a,
            act_a=act_a,
            conv_b=conv_b,
            norm_b=norm_b,
            act_b=act_b,
            conv_c=conv_c,
            norm_c=norm_c,
        )


class SeparableBottleneckBlock(nn.Module):
    """A bottleneck whose middle convolution is several parallel ones.

    Args:
        conv_a: first convolution.
        norm_a: its norm.
        act_a: its activation.
        conv_b: parallel convolutions.
        norm_b: one norm for each of them; a norm may be None.
        act_b: one activation for each of them; an activation may be None.
        conv_c: last convolution.
        norm_c: its norm.
        reduce_method: "sum" of the parallel outputs, or "cat" along the channels.

    Raises:
        ValueError: if `reduce_method` is neither.
    """

    def __init__(
        self,
        *,
        conv_a: nn.Module | None,
        norm_a: nn.Module | None,
        act_a: nn.Module | None,
        conv_b: nn.ModuleList,
        norm_b: Iterable[nn.Module | None],
        act_b: Iterable[nn.Module | None],
        conv_c: nn.Module | None,
        norm_c: nn.Module | None,
        reduce_method: str = "sum",
    ) -> None:
        super().__init__()
        if reduce_method not in ("sum", "cat"):
            raise ValueError(f"reduce_method is {reduce_method!r}; expected 'sum' or 'cat'.")
        if norm_c is not None:
            norm_c.block_final_bn = True  # type: ignore[assignment]  # for init_net_weights
        self.conv_a = conv_a
        self.norm_a = norm_a
        self.act_a = act_a
        self.conv_b = conv_b
        self.norm_b = module_list(norm_b)
        self.act_b = module_list(act_b)
        self.conv_c = conv_c
        self.norm_c = norm_c
        self.reduce_method = reduce_method

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        x = _apply((self.conv_a, self.norm_a, self.act_a), x)
        branches = [
            _apply(layers, x) for layers in zip(self.conv_b, self.norm_b, self.act_b, strict=True)
        ]
        if self.reduce_method == "cat":
            x = torch.cat(branches, dim=1)
        else:
            x = torch.stack(branches, dim=0).sum(dim=0)
        return _apply((self.conv_c, self.norm_c), x)


def create_bottleneck_block(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    conv_a_kernel_size: Size = (3, 1, 1),
    conv_a_stride: Size = (2, 1, 1),
    conv_a_padding: Size = (1, 0, 0),
    conv_a: Maker = nn.Conv3d,
    conv_b_kernel_size: Size = (1, 3, 3),
    conv_b_stride: Size = (1, 2, 2),
    conv_b_padding: Size = (0, 1, 1),
    conv_b_num_groups: int = 1,
    conv_b_dilation: Size = (1, 1, 1),
    conv_b: Maker = nn.Conv3d,
    conv_c: Maker = nn.Conv3d,
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Maker | None = nn.ReLU,
) -> BottleneckBlock:
    """Make a bottleneck: convolutions a (over time), b (over space) and c (1 x 1 x 1).

    Args:
        dim_in: channels of the input.
        dim_inner: channels between the convolutions.
        dim_out: channels of the output.
        conv_a_kernel_size: of convolution a, (T, H, W).
        conv_a_stride: of convolution a, (T, H, W).
        conv_a_padding: of convolution a, (T, H, W).
        conv_a: makes convolution a.
        conv_b_kernel_size: of convolution b, (T, H, W).
        conv_b_stride: of convolution b, (T, H, W).
        conv_b_padding: of convolution b, (T, H, W).
        conv_b_num_groups: of convolution b.
        conv_b_dilation: of convolution b, (T, H, W).
        conv_b: makes convolution b.
        conv_c: makes convolution c.
        norm: makes the norms, as in `layers.make_norm`, or None.
        norm_eps: as in `layers.make_norm`.
        norm_momentum: as in `layers.make_norm`.
        activation: makes the activations, or None.

    >>> block = create_bottleneck_block(dim_in=8, dim_inner=4, dim_out=16)
    >>> block(torch.ones(1, 8, 4, 6, 6)).shape
    torch.Size([1, 16, 2, 3, 3])
    """
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
            out_channels=dim_inner,
            kernel_size=conv_b_kernel_size,
            stride=conv_b_stride,
            padding=conv_b_padding,
            bias=False,
            groups=conv_b_num_groups,
            dilation=conv_b_dilation,
        ),
        norm_b=make_norm(norm, dim_inner, norm_eps, norm_momentum),
        act_b=make_activation(activation),
        conv_c=conv_c(in_channels=dim_inner, out_channels=dim_out, kernel_size=1, bias=False),
        norm_c=make_norm(norm, dim_out, norm_eps, norm_momentum),
    )


@with_defaults(
    create_bottleneck_block,
    conv_b_kernel_size=(1, 1, 1),
    conv_b_stride=(1, 1, 1),
    conv_b_padding=(0, 0, 0),
)
def create_acoustic_bottleneck_block(**kwargs: Any) -> SeparableBottleneckBlock:
    """Make a bottleneck whose convolution b is one over frequency plus one over time.

    The arguments are those of `create_bottleneck_block`; both parts of b have its full stride.

    Source: Xiao et al., "Audiovisual SlowFast Networks for Video Recognition", 2020,
    https://arxiv.org/abs/2001.08740.
    """
    time, height, width = kwargs["conv_b_kernel_size"]
    pad_time, pad_height, pad_width = kwargs["conv_b_padding"]
    parts = [
        create_bottleneck_block(**{**kwargs, "conv_b_kernel_size": size, "conv_b_padding": padding})
        for size, padding in (
            ((1, height, width), (0, pad_height, pad_width)),
            ((time, 1, 1), (pad_time, 0, 0)),
        )
    ]
    layers: dict[str, Any] = dict(parts[0]._modules)
    for name in ("conv_b", "norm_b", "act_b"):
        layers[name] = module_list(part._modules[name] for part in parts)
    return SeparableBottleneckBlock(**layers)


def create_res_block(
    *,
    dim_in: int,
    dim_inner: int,
    dim_out: int,
    bottleneck: Maker,
    use_shortcut: bool = False,
    branch_fusion: Callable[[Tensor, Tensor], Tensor] = add,
    conv_a_kernel_size: Size = (3, 1, 1),
    conv_a_stride: Size = (2, 1, 1),
    conv_a_padding: Size = (1, 0, 0),
    conv_a: Maker = nn.Conv3d,
    conv_b_kernel_size: Size = (1, 3, 3),
    conv_b_stride: Size = (1, 2, 2),
    conv_b_padding: Size = (0, 1, 1),
    conv_b_num_groups: int = 1,
    conv_b_dilation: Size = (1, 1, 1),
    conv_b: Maker = nn.Conv3d,
    conv_c: Maker = nn.Conv3d,
    conv_skip: Maker = nn.Conv3d,
    norm: Maker | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation_bottleneck: Maker | None = nn.ReLU,
    activation_block: Maker | None = nn.ReLU,
) -> ResBlock:
    """Make a residual block around a bottleneck.

    The shortcut is a convolution with a norm if widths or strides differ, else the input itself.

    Args:
        dim_in: as in `create_bottleneck_block`, and so are all arguments not listed here.
        dim_inner: as in `create_bottleneck_block`.
        dim_out: as in `create_bottleneck_block`.
        bottleneck: makes the branch, called as `create_bottleneck_block` is.
        use_shortcut: a convolution in the shortcut in any case.
        branch_fusion: function of (shortcut, branch).
        conv_a_kernel_size: as in `create_bottleneck_block`.
        conv_a_stride: as in `create_bottleneck_block`.
        conv_a_padding: as in `create_bottleneck_block`.
        conv_a: as in `create_bottleneck_block`.
        conv_b_kernel_size: as in `create_bottleneck_block`.
        conv_b_stride: as in `create_bottleneck_block`.
        conv_b_padding: as in `create_bottleneck_block`.
        conv_b_num_groups: as in `create_bottleneck_block`.
        conv_b_dilation: as in `create_bottleneck_block`.
        conv_b: as in `create_bottleneck_block`.
        conv_c: as in `create_bottleneck_block`.
        conv_skip: makes the shortcut's convolution.
        norm: as in `create_bottleneck_block`, in the shortcut too.
        norm_eps: as in `create_bottleneck_block`, in the shortcut too.
        norm_momentum: as in `create_bottleneck_block`, in the shortcut too.
        activation_bottleneck: makes the activations of the branch, or None.
        activation_block: makes the activation of the sum, or None.
    """
    stride = tuple(a * b for a, b in zip(conv_a_stride, conv_b_stride, strict=True))
    shortcut = use_shortcut or dim_in != dim_out or stride != (1, 1, 1)
    return ResBlock(
        branch1_conv=conv_skip(dim_in, dim_out, kernel_size=1, stride=stride, bias=False)
        if shortcut
        else None,
        branch1_norm=make_norm(norm, dim_out, norm_eps, norm_momentum) if shortcut else None,
        branch2=bottleneck(
            dim_in=dim_in,
            dim_inner=dim_inner,
            dim_out=dim_out,
            conv_a_kernel_size=conv_a_kernel_size,
            conv_a_stride=conv_a_stride,
            conv_a_padding=conv_a_padding,
            conv_a=conv_a,
            conv_b_kernel_size=conv_b_kernel_size,
            conv_b_stride=conv_b_stride,
            conv_b_padding=conv_b_padding,
            conv_b_num_groups=conv_b_num_groups,
            conv_b_dilation=conv_b_dilation,
            conv_b=conv_b,
            conv_c=conv_c,
            norm=norm,
            norm_eps=norm_eps,
            norm_momentum=norm_momentum,
            activation=activation_bottleneck,
        ),
        activation=make_activation(activation_block),
        branch_fusion=branch_fusion,
    )


def _apply(layers: Iterable[nn.Module | None], x: Tensor) -> Tensor:
    for layer in layers:
        if layer is not None:
            x = layer(x)
    return x
