"""The non-local block: self-attention over all positions of a clip."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from pytorchvideo_clone.layers.chain import make_norm
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes

__all__ = ["NonLocal", "create_nonlocal"]


class NonLocal(nn.Module):
    """Add to each position what it finds at all the others.

    With theta, phi and g as matrices of positions x channels, the block gives
    x + norm(conv_out(softmax(theta phi^T / sqrt(channels)) g)), or theta phi^T divided by the
    number of positions in place of the softmax.

    Args:
        conv_theta: makes the queries, an `nn.Conv3d`.
        conv_phi: makes the keys, an `nn.Conv3d`.
        conv_g: makes the values, an `nn.Conv3d`.
        conv_out: brings the result back to the input's channels, an `nn.Conv3d`.
        pool: of the input of `conv_phi` and `conv_g`, or None.
        norm: of the result, or None.
        instantiation: "softmax" or "dot_product".

    Raises:
        AssertionError: if the channels of the convolutions do not fit together, or there is no such
            `instantiation`, as in PyTorchVideo.

    Source: Wang et al., "Non-local Neural Networks", CVPR 2018, https://arxiv.org/abs/1711.07971.

    >>> import torch
    >>> convolutions = {f"conv_{name}": nn.Conv3d(8, 4, 1) for name in ("theta", "phi", "g")}
    >>> block = NonLocal(**convolutions, conv_out=nn.Conv3d(4, 8, 1))
    >>> block(torch.ones(1, 8, 2, 5, 5)).shape
    torch.Size([1, 8, 2, 5, 5])
    """

    def __init__(
        self,
        *,
        conv_theta: nn.Module,
        conv_phi: nn.Module,
        conv_g: nn.Module,
        conv_out: nn.Module,
        pool: nn.Module | None = None,
        norm: nn.Module | None = None,
        instantiation: str = "dot_product",
    ) -> None:
        super().__init__()
        if instantiation not in ("softmax", "dot_product"):
            raise AssertionError(
                f"instantiation is {instantiation!r}; expected 'softmax' or 'dot_product'."
            )
        inside = [(conv.in_channels, conv.out_channels) for conv in (conv_theta, conv_phi, conv_g)]
        back = (conv_out.out_channels, conv_out.in_channels)
        if {*inside, back} != {back}:
            raise AssertionError(
                f"theta, phi and g have (in, out) channels {inside} and conv_out {back[::-1]}; "
                "expected three times the same, and conv_out the other way round."
            )
        self.conv_theta = conv_theta
        self.conv_phi = conv_phi
        self.conv_g = conv_g
        self.conv_out = conv_out
        self.pool = pool
        self.norm = norm
        self.instantiation = instantiation

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C, T, H, W)."""
        pooled = x if self.pool is None else self.pool(x)
        theta = self.conv_theta(x)
        # (B, positions, channels)
        queries, keys, values = (
            y.flatten(2).transpose(1, 2)
            for y in (theta, self.conv_phi(pooled), self.conv_g(pooled))
        )
        if self.instantiation == "softmax":
            found = functional.scaled_dot_product_attention(queries, keys, values)
        else:
            # No softmax between them: the smaller product first gives the same.
            found = queries @ (keys.transpose(1, 2) @ values / keys.shape[1])
        found = self.conv_out(found.transpose(1, 2).unflatten(2, theta.shape[2:]))
        return x + (found if self.norm is None else self.norm(found))


def create_nonlocal(
    *,
    dim_in: int,
    dim_inner: int,
    pool_size: tuple[int, int, int] | None = (1, 1, 1),
    instantiation: str = "softmax",
    norm: Callable[..., nn.Module] | None = nn.BatchNorm3d,
    norm_eps: float = 1e-5,
    norm_momentum: float = 0.1,
) -> NonLocal:
    """Make a non-local block of 1 x 1 x 1 convolutions.

    Args:
        dim_in: channels of the input and the output.
        dim_inner: channels inside.
        pool_size: (T, H, W) of the max pool before keys and values; 1 everywhere or None for none.
        instantiation: as in `NonLocal`.
        norm: as in `make_norm`.
        norm_eps: as in `make_norm`.
        norm_momentum: as in `make_norm`.

    >>> import torch
    >>> create_nonlocal(dim_in=8, dim_inner=4)(torch.ones(1, 8, 2, 5, 5)).shape
    torch.Size([1, 8, 2, 5, 5])
    """
    return NonLocal(
        conv_theta=nn.Conv3d(dim_in, dim_inner, kernel_size=1),
        conv_phi=nn.Conv3d(dim_in, dim_inner, kernel_size=1),
        conv_g=nn.Conv3d(dim_in, dim_inner, kernel_size=1),
        conv_out=nn.Conv3d(dim_inner, dim_in, kernel_size=1),
        pool=None
        if pool_size is None or tuple(pool_size) == (1, 1, 1)
        else nn.MaxPool3d(pool_size),
        norm=make_norm(norm, dim_in, norm_eps, norm_momentum),
        instantiation=instantiation,
    )
