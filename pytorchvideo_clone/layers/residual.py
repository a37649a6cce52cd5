"""The residual block: a shortcut and a branch, put together."""

from collections.abc import Callable

from torch import Tensor, nn

__all__ = ["ResBlock", "add"]


def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum of shortcut and branch."""
    return x + y


class ResBlock(nn.Module):
    """Compute activation(fusion(shortcut(x), branch2(x))); the shortcut is a convolution or x.

    Args:
        branch1_conv: convolution of the shortcut, or None for x itself.
        branch1_norm: norm after `branch1_conv`, or None.
        branch2: the other branch.
        activation: applied to the result, or None.
        branch_fusion: function of (shortcut, branch); default their sum.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
    https://arxiv.org/abs/1512.03385.

    >>> import torch
    >>> ResBlock(branch2=nn.Conv3d(3, 3, 1))(torch.ones(1, 3, 2, 5, 5)).shape
    torch.Size([1, 3, 2, 5, 5])
    """

    def __init__(
        self,
        branch1_conv: nn.Module | None = None,
        branch1_norm: nn.Module | None = None,
        branch2: nn.Module | None = None,
        activation: nn.Module | None = None,
        branch_fusion: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if branch2 is None:
            raise ValueError("branch2 is None; a residual block needs its branch.")
        self.branch1_conv = branch1_conv
        self.branch1_norm = branch1_norm
        self.branch2 = branch2
        self.activation = activation
        self.branch_fusion = add if branch_fusion is None else branch_fusion

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C', ...)."""
        shortcut = x
        for layer in (self.branch1_conv, self.branch1_norm):
            if layer is not None:
                shortcut = layer(shortcut)
        x = self.branch_fusion(shortcut, self.branch2(x))
        return x if self.activation is None else self.activation(x)
