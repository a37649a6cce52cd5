"""Factorized and parallel 3D convolutions."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import make_activation, make_norm
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes

__all__ = ["Conv2plus1d", "ConvReduce3D", "create_conv_2plus1d"]

Size = int | tuple[int, int, int]


class ConvReduce3D(nn.Module):
    """Run several 3D convolutions on the same input and sum or concatenate their outputs.

    The arguments that may differ from branch to branch are sequences with one entry a branch, or
    None; an entry that is None stands for the default of `nn.Conv3d`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of each branch's output.
        kernel_size: one (T, H, W) size a branch; their number is the number of branches.
        stride: as in `nn.Conv3d`, one entry a branch.
        padding: as in `nn.Conv3d`, one entry a branch.
        padding_mode: as in `nn.Conv3d`, one entry a branch.
        dilation: as in `nn.Conv3d`, one entry a branch.
        groups: as in `nn.Conv3d`, one entry a branch.
        bias: as in `nn.Conv3d`, one entry a branch.
        reduction_method: "sum", or "cat" along the channels.

    Raises:
        ValueError: if `reduction_method` is neither, or a sequence has the wrong length.

    >>> conv = ConvReduce3D(
    ...     in_channels=3, out_channels=4, kernel_size=((3, 1, 1), (1, 3, 3)),
    ...     padding=((1, 0, 0), (0, 1, 1)),
    ... )
    >>> conv(torch.ones(1, 3, 4, 6, 6)).shape
    torch.Size([1, 4, 4, 6, 6])
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        kernel_size: Sequence[Size],
        stride: Sequence[Size | None] | None = None,
        padding: Sequence[Size | str | None] | None = None,
        padding_mode: Sequence[str | None] | None = None,
        dilation: Sequence[Size | None] | None = None,
        groups: Sequence[int | None] | None = None,
        bias: Sequence[bool | None] | None = None,
        reduction_method: str = "sum",
    ) -> None:
        super().__init__()
        if reduction_method not in ("sum", "cat"):
            raise ValueError(f"reduction_method is {reduction_method!r}; expected 'sum' or 'cat'.")
        self.reduction_method = reduction_method
        options: dict[str, Sequence[Any] | None] = {
            "stride": stride,
            "padding": padding,
            "padding_mode": padding_mode,
            "dilation": dilation,
            "groups": groups,
            "bias": bias,
        }
        given = {name: value for name, value in options.items() if value is not None}
        for name, value in given.items():
            if len(value) != len(kernel_size):
                raise ValueError(
                    f"{name} has {len(value)} entries for {len(kernel_size)} branches; "
                    "give one for each kernel size."
                )
        self.convs = nn.ModuleList(
            nn.Conv3d(
                in_channels,
                out_channels,
                kernel,
                **{name: value[i] for name, value in given.items() if value[i] is not None},
            )
            for i, kernel in enumerate(kernel_size)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        outputs = [conv(x) for conv in self.convs]
        if self.reduction_method == "cat":
            return torch.cat(outputs, dim=1)
        return torch.stack(outputs, dim=0).sum(dim=0)


class Conv2plus1d(nn.Module):
    """A convolution over time and one over space, with a norm and an activation between them.

    Any of the four may be None.

    Args:
        conv_t: the temporal convolution.
        norm: applied after the first convolution.
        activation: applied after `norm`.
        conv_xy: the spatial convolution.
        conv_xy_first: run the spatial convolution first.

    Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
    CVPR 2018, https://arxiv.org/abs/1711.11248.

    >>> conv = Conv2plus1d(conv_t=nn.Conv3d(3, 4, (3, 1, 1)), conv_xy=nn.Conv3d(4, 5, (1, 3, 3)))
    >>> conv(torch.ones(1, 3, 4, 6, 6)).shape
    torch.Size([1, 5, 2, 4, 4])
    """

    def __init__(
        self,
        *,
        conv_t: nn.Module | None = None,
        norm: nn.Module | None = None,
        activation: nn.Module | None = None,
        conv_xy: nn.Module | None = None,
        conv_xy_first: bool = False,
    ) -> None:
        super().__init__()
        self.conv_t = conv_t
        self.norm = norm
        self.activation = activation
        self.conv_xy = conv_xy
        self.conv_xy_first = conv_xy_first

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        first, last = self.conv_t, self.conv_xy
        if self.conv_xy_first:
            first, last = last, first
        for layer in (first, self.norm, self.activation, last):
            if layer is not None:
                x = layer(x)
        return x


def create_conv_2plus1d(
    *,
    in_channels: int,
    out_channels: int,
    inner_channels: int | None = None,
    conv_xy_first: bool = False,
    kernel_size: tuple[int, int, int] = (3, 3, 3),
    stride: tuple[int, int, int] = (2, 2, 2),
    padding: tuple[int, int, int] = (1, 1, 1),
    bias: bool = False,
    dilation: tuple[int, int, int] = (1, 1, 1),
    groups: int = 1,
    norm: Callable[..., nn.Module] | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
    activation: Callable[..., nn.Module] | None = nn.ReLU,
) -> Conv2plus1d:
    """Factorize a 3D convolution into one over time, norm, activation and one over space.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        inner_channels: channels between the convolutions; default `out_channels`.
        conv_xy_first: run the spatial convolution first.
        kernel_size: (T, H, W).
        stride: (T, H, W).
        padding: (T, H, W).
        bias: of both convolutions.
        dilation: must be (1, 1, 1).
        groups: must be 1.
        norm: as in `make_norm`.
        norm_eps: as in `make_norm`.
        norm_momentum: as in `make_norm`.
        activation: as in `make_activation`.

    Raises:
        AssertionError: if `groups` or `dilation` is not 1, as in PyTorchVideo.

    >>> create_conv_2plus1d(in_channels=3, out_channels=4)(torch.ones(1, 3, 4, 8, 8)).shape
    torch.Size([1, 4, 2, 4, 4])
    """
    if groups != 1 or tuple(dilation) != (1, 1, 1):
        raise AssertionError(
            f"groups is {groups} and dilation {dilation}; "
            "a factorized convolution takes groups 1 and dilation (1, 1, 1)."
        )
    inner = out_channels if inner_channels is None else inner_channels
    dims_t, dims_xy = (in_channels, inner), (inner, out_channels)
    if conv_xy_first:
        dims_t, dims_xy = (inner, out_channels), (in_channels, inner)
    return Conv2plus1d(
        conv_t=nn.Conv3d(
            *dims_t,
            kernel_size=(kernel_size[0], 1, 1),
            stride=(stride[0], 1, 1),
            padding=(padding[0], 0, 0),
            bias=bias,
        ),
        norm=make_norm(norm, inner, norm_eps, norm_momentum),
        activation=make_activation(activation),
        conv_xy=nn.Conv3d(
            *dims_xy,
            kernel_size=(1, *kernel_size[1:]),
            stride=(1, *stride[1:]),
            padding=(0, *padding[1:]),
            bias=bias,
        ),
        conv_xy_first=conv_xy_first,
    )
