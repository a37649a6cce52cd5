"""Swish, which torch calls SiLU, under PyTorchVideo's names."""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Swish", "SwishFunction"]


class Swish(nn.SiLU):
    """x * sigmoid(x), element by element.

    Source: Ramachandran et al., "Searching for Activation Functions", 2017,
    https://arxiv.org/abs/1710.05941.

    >>> import torch
    >>> Swish()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return functional.silu(x, self.inplace)


class SwishFunction:
    """The function of `Swish`, to be called as `SwishFunction.apply(x)`.

    >>> import torch
    >>> SwishFunction.apply(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    @staticmethod
    def apply(x: Tensor) -> Tensor:
        """X * sigmoid(x), any shape."""
        return functional.silu(x)
