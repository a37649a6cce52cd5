"""Learned positions of keys relative to queries, one table along each axis of a clip."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["RelativePositions"]


class RelativePositions(nn.Module):
    """Add to the score of query and key what their distance along T, H and W says.

    The score gains q . (R_t + R_h + R_w), with a row of a table for each distance. Queries and keys
    of different resolution are as far apart as on the finer of their grids, and a table of another
    length is stretched. The tables `t`, `h` and `w` begin at zero; `init_net_weights(style="vit")`
    draws them. A class token has no position.

    Args:
        dim: width of a query.
        grid: of the tokens before they are pooled, (T, H, W).
        stride_q: of the queries' pool, (T, H, W); empty for no pool.
        stride_kv: of the keys' pool, likewise.
        has_cls: the first query and the first key are a class token.

    Source: Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and
    Detection", CVPR 2022, https://arxiv.org/abs/2112.01526, eq. 4 and 5.

    >>> positions = RelativePositions(8, grid=(2, 4, 4), stride_kv=(1, 2, 2), has_cls=False)
    >>> q, k = positions(torch.ones(1, 3, 32, 8), torch.ones(1, 3, 8, 8), (2, 4, 4), (2, 2, 2))
    >>> q.shape, k.shape  # 6 columns more, of which each key picks its own t, h and w
    (torch.Size([1, 3, 32, 14]), torch.Size([1, 3, 8, 14]))
    """

    t: Tensor
    h: Tensor
    w: Tensor

    def __init__(
        self,
        dim: int,
        grid: Sequence[int],
        stride_q: Sequence[int] = (),
        stride_kv: Sequence[int] = (),
        has_cls: bool = True,
    ) -> None:
        super().__init__()
        self.has_cls = has_cls
        axes = zip("thw", grid, stride_q or (1, 1, 1), stride_kv or (1, 1, 1), strict=True)
        for name, size, step_q, step_kv in axes:
            # Rounded down, as in published weights; a pool of an odd size gives one more.
            longest = max(size // step_q, size // step_kv, 1)
            self.register_parameter(name, nn.Parameter(torch.zeros(2 * longest - 1, dim)))

    def forward(
        self, q: Tensor, k: Tensor, q_grid: Sequence[int], k_grid: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Widen queries and keys by columns whose product is the score of their distance.

        So attention needs no matrix of scores, which is what an added mask would be.

        Args:
            q: (B, heads, N, D), on the grid `q_grid` (T, H, W), after the class token.
            k: (B, heads, M, D), on the grid `k_grid`.
            q_grid: grid of the queries.
            k_grid: grid of the keys.

        Returns:
            (B, heads, N, D + E) and (B, heads, M, D + E) with E = sum(k_grid), to be scaled by the
            square root of D as `q` and `k` would be.
        """
        patches = q[:, :, self.has_cls :].unflatten(2, tuple(q_grid))
        scores, picks = [], []
        for axis, table in enumerate((self.t, self.h, self.w)):
            rows = _rows(table, q_grid[axis], k_grid[axis])
            scores.append(torch.einsum(f"bnthwc,{'thw'[axis]}kc->bnthwk", patches, rows))
            shape = [1, 1, 1, k_grid[axis]]
            shape[axis] = k_grid[axis]
            own = torch.eye(k_grid[axis], dtype=k.dtype, device=k.device).view(shape)
            picks.append(own.expand(*k_grid, -1))
        first = (0, 0, int(self.has_cls), 0)
        more_q = F.pad(torch.cat(scores, dim=-1).flatten(2, 4) * q.shape[-1] ** 0.5, first)
        more_k = F.pad(torch.cat(picks, dim=-1).flatten(0, 2), first)
        return (
            torch.cat([q, more_q], dim=-1),
            torch.cat([k, more_k.expand(*k.shape[:2], -1, -1)], dim=-1),
        )


def _rows(table: Tensor, count_q: int, count_k: int) -> Tensor:
    """The table's row for each pair of places along an axis: (count_q, count_k, D)."""
    length = 2 * max(count_q, count_k) - 1
    if len(table) != length:
        table = F.interpolate(table.T.unsqueeze(0), size=length, mode="linear")[0].T
    places_q = torch.arange(count_q, device=table.device).unsqueeze(1) * max(count_k / count_q, 1.0)
    places_k = torch.arange(1 - count_k, 1, device=table.device) * max(count_q / count_k, 1.0)
    return table[(places_q - places_k).long()]
