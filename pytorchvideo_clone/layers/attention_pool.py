"""Pool tokens over the grid of time and space that they stand for."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TokenPool", "apply_norm", "make_token_pool"]


def make_token_pool(
    mode: str,
    dim: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    depthwise: bool = True,
) -> nn.Module | None:
    """Make the pool of a `TokenPool`, or None where it would change nothing.

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


class TokenPool(nn.Module):
    """Pool tokens over their grid; a class token, the first, is left out.

    Args:
        pool: takes (B * heads, D, T, H, W), or None: tokens and grid stay as they are.
        norm: of the pooled tokens (B, heads, N', D), class token included, or None.
        has_cls_embed: the first token is a class token.
        norm_first: `norm` takes (B * heads, D, T, H, W) instead, before the pool, and a GELU
            follows it.

    >>> x, thw = TokenPool(nn.MaxPool3d((1, 2, 2)))(torch.ones(1, 2, 17, 8), [1, 4, 4])
    >>> x.shape, thw
    (torch.Size([1, 2, 5, 8]), [1, 2, 2])
    """

    def __init__(
        self,
        pool: nn.Module | None,
        norm: nn.Module | None = None,
        has_cls_embed: bool = True,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.norm = norm
        self.has_cls_embed = has_cls_embed
        self.norm_first = norm_first

    def forward(self, x: Tensor, thw_shape: list[int]) -> tuple[Tensor, list[int]]:
        """(B, heads, N, D) and their grid -> (B, heads, N', D) and the grid [T', H', W'].

        Raises:
            ValueError: if the tokens do not fill the grid.
        """
        if self.pool is None:
            return x, thw_shape
        batch, heads, count, dim = x.shape
        time, height, width = thw_shape[0], thw_shape[1], thw_shape[2]
        expected = time * height * width + int(self.has_cls_embed)
        if expected != count:
            raise ValueError(
                f"there are {count} tokens; expected {expected} from the grid "
                f"{[time, height, width]} (T, H, W) "
                f"{'with' if self.has_cls_embed else 'without'} a class token."
            )
        patches = x[:, :, 1:] if self.has_cls_embed else x
        grid = patches.reshape(batch * heads, time, height, width, dim).permute(0, 4, 1, 2, 3)
        if self.norm is not None and self.norm_first:
            grid = F.gelu(self.norm(grid))
        grid = self.pool(grid)
        tokens = grid.flatten(2).transpose(1, 2).reshape(batch, heads, -1, dim)
        if self.has_cls_embed:
            tokens = torch.cat([x[:, :, :1], tokens], dim=2)
        if self.norm is not None and not self.norm_first:
            tokens = self.norm(tokens)
        return tokens, [grid.shape[2], grid.shape[3], grid.shape[4]]


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
