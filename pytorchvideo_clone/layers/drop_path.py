"""Stochastic depth: leave out whole residual branches."""

import torch
from torch import Tensor, nn

__all__ = ["DropPath", "drop_path"]


def drop_path(x: Tensor, drop_prob: float = 0.0, training: bool = False) -> Tensor:
    """Set whole samples of a batch to zero, and scale the others so that the mean stays.

    Args:
        x: (B, ...), float.
        drop_prob: probability that a sample is zeroed, in [0, 1].
        training: outside of training `x` is returned.

    Source: Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016,
    https://arxiv.org/abs/1603.09382.

    >>> drop_path(torch.ones(2, 3), drop_prob=0.5).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if drop_prob == 0.0 or not training:
        return x
    keep = 1 - drop_prob
    mask = torch.bernoulli(x.new_full((x.shape[0],) + (1,) * (x.dim() - 1), keep))
    return x * mask / keep if keep else x * mask


class DropPath(nn.Module):
    """Apply `drop_path` in training.

    Args:
        drop_prob: as in `drop_path`.

    >>> DropPath(0.5).eval()(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        if not 0 <= drop_prob <= 1:
            raise ValueError(f"drop_prob is {drop_prob}; it must lie within [0, 1].")
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        return drop_path(x, self.drop_prob, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"drop_prob={self.drop_prob}"
