"""Networks of several pathways: cutting a clip into them, fusing them, joining them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import module_list
from pytorchvideo_clone.models.net import MultiPathWayWithFuse

__all__ = [
    "FusionBuilder",
    "PackPathways",
    "PoolConcatPathway",
    "check_widths",
    "make_pathway_block",
]


class PackPathways(nn.Module):
    """Cut one clip into the slow and the fast pathway; a list of pathways stays as it is.

    The slow pathway has every `alpha`-th frame: those at linspace(0, T - 1, T // alpha), truncated.

    Args:
        alpha: frames of the fast pathway per frame of the slow one.

    >>> slow, fast = PackPathways(4)(torch.ones(1, 3, 32, 8, 8))
    >>> slow.shape, fast.shape
    (torch.Size([1, 3, 8, 8, 8]), torch.Size([1, 3, 32, 8, 8]))
    """

    def __init__(self, alpha: int) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor | Sequence[Tensor]) -> list[Tensor]:
        """(B, C, T, H, W) -> [(B, C, T // alpha, H, W), (B, C, T, H, W)].

        Raises:
            ValueError: if the clip has fewer than `alpha` frames.
        """
        if not isinstance(x, Tensor):
            return list(x)
        frames = x.shape[2]
        if frames < self.alpha:
            raise ValueError(
                f"the clip has {frames} frames; the slow pathway takes one of {self.alpha}: "
                f"give at least {self.alpha}."
            )
        # On the CPU, so that every device gets the same frames.
        kept = torch.linspace(0, frames - 1, frames // self.alpha).long()
        return [x.index_select(2, kept.to(x.device)), x]


class PoolConcatPathway(nn.Module):
    """Pool each pathway and concatenate them.

    Args:
        retain_list: give a list that holds the result.
        pool: one pool a pathway, of which any may be None; None pools nothing.
        dim: the dimension along which the pathways are concatenated.
    """

    def __init__(
        self, retain_list: bool = False, pool: nn.ModuleList | None = None, dim: int = 1
    ) -> None:
        super().__init__()
        self.retain_list = retain_list
        self.pool = pool
        self.dim = dim

    def forward(self, x: list[Tensor]) -> Tensor | list[Tensor]:
        """List of (B, C, T, H, W) -> (B, sum of C, T', H', W')."""
        if self.pool is not None:
            x = [
                pathway if pool is None else pool(pathway)
                for pool, pathway in zip(self.pool, x, strict=True)
            ]
        joined = torch.cat(x, dim=self.dim)
        return [joined] if self.retain_list else joined


class FusionBuilder(Protocol):
    """What makes the fusions between the pathways."""

    def create_module(self, fusion_dim_in: int, stage_idx: int) -> nn.Module:
        """Make the fusion after a stage.

        Args:
            fusion_dim_in: channels of the slow pathway there.
            stage_idx: 0 for the stems, then 1 to 4.
        """


def make_pathway_block(blocks: Iterable[nn.Module | None], fusion: nn.Module | None) -> nn.Module:
    """Put one block a pathway and their fusion together; the input list stays as it is."""
    return MultiPathWayWithFuse(
        multipathway_blocks=module_list(blocks), multipathway_fusion=fusion, inplace=False
    )


def check_widths(ratios: Sequence[int], stem_dim_outs: Sequence[int]) -> None:
    """Check that the pathways' widths have the ratios that their fusions count on.

    Args:
        ratios: channels of the slow pathway per channel of each other one.
        stem_dim_outs: channels of each pathway after its stem, the slow one first.

    Raises:
        ValueError: if they do not.
    """
    slow, *others = stem_dim_outs
    if [slow] * len(others) != [ratio * dim for ratio, dim in zip(ratios, others, strict=False)]:
        raise ValueError(
            f"slowfast_channel_reduction_ratio is {tuple(ratios)}, but stem_dim_outs are "
            f"{tuple(stem_dim_outs)}: give the ratios of the first of them to the others."
        )
