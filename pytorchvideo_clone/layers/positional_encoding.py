"""Tell tokens where they come from: fixed and learned encodings."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

__all__ = [
    "PositionalEncoding",
    "SpatioTemporalClsPositionalEncoding",
    "get_1d_sincos_pos_embed_from_grid",
    "get_2d_sincos_pos_embed",
    "get_2d_sincos_pos_embed_from_grid",
    "get_3d_sincos_pos_embed",
]


class PositionalEncoding(nn.Module):
    """Add a fixed table of sines (even columns) and cosines (odd columns).

    Args:
        embed_dim: width of a token.
        seq_len: the longest sequence.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017,
    https://arxiv.org/abs/1706.03762, section 3.5.

    >>> PositionalEncoding(embed_dim=4)(torch.zeros(1, 2, 4))[0, 0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    pe: Tensor

    def __init__(self, embed_dim: int, seq_len: int = 1024) -> None:
        super().__init__()
        position = torch.arange(seq_len, dtype=torch.float).unsqueeze(1)
        rate = torch.exp(torch.arange(0, embed_dim, 2) * (-math.log(10000.0) / embed_dim))
        table = torch.zeros(seq_len, embed_dim)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate[: embed_dim // 2])
        self.register_buffer("pe", table.unsqueeze(0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D).

        Raises:
            AssertionError: if the sequence is longer than the table, as in PyTorchVideo.
        """
        if x.shape[1] > self.pe.shape[1]:
            raise AssertionError(
                f"the sequence has {x.shape[1]} tokens; expected at most {self.pe.shape[1]}: "
                "raise seq_len."
            )
        return x + self.pe[:, : x.shape[1]]


class SpatioTemporalClsPositionalEncoding(nn.Module):
    """Put a class token before the patches and add learned positions.

    All parameters begin at zero; `init_net_weights(style="vit")` draws them.

    Args:
        embed_dim: width of a token.
        patch_embed_shape: the grid of patches, (T, H, W).
        sep_pos_embed: learn one table over (H, W) and one over T, which are added, instead of one
            over all positions.
        has_cls: put a class token first.
        has_pos: False learns no positions: only the class token is added.

    Raises:
        AssertionError: unless `patch_embed_shape` has three sizes, as in PyTorchVideo.

    Source: Fan et al., "Multiscale Vision Transformers", ICCV 2021,
    https://arxiv.org/abs/2104.11227, section 4.

    >>> encode = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4), sep_pos_embed=True)
    >>> encode(torch.ones(1, 24, 8)).shape
    torch.Size([1, 25, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        patch_embed_shape: Sequence[int],
        sep_pos_embed: bool = False,
        has_cls: bool = True,
        has_pos: bool = True,
    ) -> None:
        super().__init__()
        if len(patch_embed_shape) != 3:
            raise AssertionError(
                f"patch_embed_shape is {tuple(patch_embed_shape)}; expected (T, H, W)."
            )
        time, height, width = patch_embed_shape
        self._patch_embed_shape = time, height, width
        self.num_temporal_patch = time
        self.num_spatial_patch = height * width
        self.cls_embed_on = has_cls
        self.sep_pos_embed = sep_pos_embed

        def table(rows: int, learned: bool) -> nn.Parameter | None:
            return nn.Parameter(torch.zeros(1, rows, embed_dim)) if learned else None

        # None where there is none, not a missing attribute: torch.jit.script asks for all.
        separate, joint = has_pos and sep_pos_embed, has_pos and not sep_pos_embed
        self.cls_token = table(1, has_cls)
        self.pos_embed_spatial = table(height * width, separate)
        self.pos_embed_temporal = table(time, separate)
        self.pos_embed_class = table(1, separate and has_cls)
        self.pos_embed = table(time * height * width + has_cls, joint)

    def patch_embed_shape(self) -> tuple[int, int, int]:
        """The grid of patches, (T, H, W)."""
        return self._patch_embed_shape

    def forward(self, x: Tensor) -> Tensor:
        """(B, T * H * W, D) -> (B, T * H * W, D), or one token more with the class token.

        Raises:
            ValueError: if there is another number of tokens.
        """
        time, height, width = self._patch_embed_shape
        if x.shape[1] != time * height * width:
            raise ValueError(
                f"there are {x.shape[1]} patches; expected {time * height * width}, from a grid "
                f"of {time} x {height} x {width} (T, H, W): give inputs of the size that the "
                "model was built for."
            )
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        if self.pos_embed_temporal is not None and self.pos_embed_spatial is not None:
            positions = self.pos_embed_temporal.unsqueeze(2) + self.pos_embed_spatial.unsqueeze(1)
            table = positions.flatten(1, 2)
            if self.pos_embed_class is not None:
                table = torch.cat([self.pos_embed_class, table], dim=1)
            x = x + table
        return x


def get_3d_sincos_pos_embed(
    embed_dim: int, grid_size: int, t_size: int, cls_token: bool = False
) -> np.ndarray:
    """Make a fixed table over time and space: the first quarter of the columns is for time.

    Args:
        embed_dim: number of columns, a multiple of 4.
        grid_size: patches along height and width.
        t_size: patches along time.
        cls_token: begin with a row of zeros for a class token.

    Returns:
        (T * H * W, D), one row more with `cls_token`, float64.

    Raises:
        AssertionError: if the columns cannot be divided so, as in PyTorchVideo.

    >>> get_3d_sincos_pos_embed(16, grid_size=3, t_size=2).shape
    (18, 16)
    """
    if embed_dim % 4:
        raise AssertionError(f"embed_dim is {embed_dim}; expected a multiple of 4.")
    space = get_2d_sincos_pos_embed(embed_dim // 4 * 3, grid_size)
    time = get_1d_sincos_pos_embed_from_grid(embed_dim // 4, np.arange(t_size, dtype=np.float64))
    table = np.concatenate(
        [np.repeat(time, grid_size**2, axis=0), np.tile(space, (t_size, 1))], axis=1
    )
    return _with_class_row(table, cls_token)


def get_2d_sincos_pos_embed(embed_dim: int, grid_size: int, cls_token: bool = False) -> np.ndarray:
    """Make a fixed table over space: half of the columns for each axis, the width's first.

    Args:
        embed_dim: number of columns, a multiple of 4.
        grid_size: patches along height and width.
        cls_token: as in `get_3d_sincos_pos_embed`.

    Returns:
        (H * W, D), one row more with `cls_token`, float64.

    >>> get_2d_sincos_pos_embed(8, grid_size=3, cls_token=True).shape
    (10, 8)
    """
    axis = np.arange(grid_size, dtype=np.float64)
    table = get_2d_sincos_pos_embed_from_grid(embed_dim, np.stack(np.meshgrid(axis, axis)))
    return _with_class_row(table, cls_token)


def get_2d_sincos_pos_embed_from_grid(embed_dim: int, grid: np.ndarray) -> np.ndarray:
    """Encode two coordinates, each in half of the columns.

    Args:
        embed_dim: number of columns, a multiple of 4.
        grid: (2, ...), the coordinates.

    Returns:
        (positions, D).
    """
    if embed_dim % 2:
        raise AssertionError(f"embed_dim is {embed_dim}; expected a multiple of 4.")
    return np.concatenate(
        [get_1d_sincos_pos_embed_from_grid(embed_dim // 2, axis) for axis in grid], axis=1
    )


def get_1d_sincos_pos_embed_from_grid(embed_dim: int, pos: np.ndarray) -> np.ndarray:
    """Encode one coordinate: sines of falling frequencies, then cosines.

    Args:
        embed_dim: number of columns, even.
        pos: coordinates, any shape.

    Returns:
        (positions, D).

    >>> get_1d_sincos_pos_embed_from_grid(4, np.zeros(1)).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    if embed_dim % 2:
        raise AssertionError(f"embed_dim is {embed_dim}; expected an even number.")
    rate = 10000.0 ** (-np.arange(embed_dim // 2, dtype=np.float64) / (embed_dim / 2))
    angle = np.outer(np.reshape(pos, -1), rate)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def _with_class_row(table: np.ndarray, cls_token: bool) -> np.ndarray:
    return np.concatenate([np.zeros((1, table.shape[1])), table]) if cls_token else table
