"""Pool tokens over the grid of time and space that they stand for."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["apply_norm", "make_token_pool", "pool_tokens"]


def make_token_pool(
    mode: str,
    dim: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    depthwise: bool = True,
) -> nn.Module | None:
    """Make the pool of `pool_tokens`, or None where it would change nothing.

    Args:
        mode: "conv" for a convolution without bias, "avg" or "max".
        dim: channels.
        kernel_size: (T, H, W); all 1, or empty, with the stride all 1 or empty gives None.
        stride: (T, H, W).
        depthwise: convolve each channel by itself.

    Raises:
        ValueError: if there is no such mode.

    >>> make_token_pool("max", 8, (1, 3, 3), (1, 2, 2))(torch.ones(1, 8, 2, 4, 4)).shape
    torch.Size([1, 8, 2, 2, 2])
    """
    if mode not in ("conv", "avg", "max"):
        raise ValueError(f"pool_mode is {mode!r}; expected 'conv', 'avg' or 'max'.")
    if math.prod(kernel_size) == 1 and math.prod(stride) == 1:
        return None
    kernel, steps = _size(kernel_size), _size(stride)
    padding = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
    if mode == "avg":
        return nn.AvgPool3d(kernel, steps, padding)
    if mode == "max":
        return nn.MaxPool3d(kernel, steps, padding)
    groups = dim if depthwise else 1
    return nn.Conv3d(dim, dim, kernel, steps, padding, groups=groups, bias=False)


def pool_tokens(
    x: Tensor,
    thw_shape: Sequence[int],
    pool: Callable[[Tensor], Tensor] | None,
    norm: Callable[[Tensor], Tensor] | None = None,
    *,
    has_cls_embed: bool = True,
    norm_first: bool = False,
) -> tuple[Tensor, list[int]]:
    """Pool tokens over their grid; a class token, the first, is left out.

    Args:
        x: (B, heads, N, D).
        thw_shape: the grid, with T * H * W = N, or N - 1 with a class token.
        pool: takes (B * heads, D, T, H, W), or None: `x` stays as it is.
        norm: of the pooled tokens (B, heads, N', D), class token included, or None.
        has_cls_embed: the first token is a class token.
        norm_first: `norm` takes (B * heads, D, T, H, W) instead, before the pool, and a GELU
            follows it.

    Returns:
        Tokens (B, heads, N', D) and their grid.

    >>> x, thw = pool_tokens(torch.ones(1, 2, 17, 8), (1, 4, 4), nn.MaxPool3d((1, 2, 2)))
    >>> x.shape, thw
    (torch.Size([1, 2, 5, 8]), [1, 2, 2])
    """
    if pool is None:
        return x, list(thw_shape)
    batch, heads, count, dim = x.shape
    if math.prod(thw_shape) + has_cls_embed != count:
        raise ValueError(
            f"there are {count} tokens; expected {math.prod(thw_shape) + has_cls_embed} from the "
            f"grid {list(thw_shape)} (T, H, W) {'with' if has_cls_embed else 'without'} a class "
            "token."
        )
    patches = x[:, :, 1:] if has_cls_embed else x
    grid = patches.reshape(batch * heads, *thw_shape, dim).permute(0, 4, 1, 2, 3)
    if norm is not None and norm_first:
        grid = F.gelu(norm(grid))
    grid = pool(grid)
    tokens = grid.flatten(2).transpose(1, 2).reshape(batch, heads, -1, dim)
    if has_cls_embed:
        tokens = torch.cat([x[:, :, :1], tokens], dim=2)
    if norm is not None and not norm_first:
        tokens = norm(tokens)
    return tokens, list(grid.shape[2:])


def apply_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalize tokens (B, N, D) over D; a batch norm takes D as its channels.

    >>> apply_norm(nn.BatchNorm1d(8).eval(), torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """
    if isinstance(norm, nn.BatchNorm1d):
        return norm(x.transpose(1, 2)).transpose(1, 2)
    return norm(x)


def _size(sizes: Sequence[int]) -> tuple[int, int, int]:
    time, height, width = sizes or (1, 1, 1)
    return time, height, width
