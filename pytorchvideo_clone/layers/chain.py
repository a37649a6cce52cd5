"""Layers that may be missing: how to make them, and how to run them in order."""

from collections.abc import Callable, Iterable

from torch import Tensor, nn

__all__ = ["Chain", "make_activation", "make_norm", "module_list"]


class Chain(nn.Sequential):
    """Run named layers in order; a layer that is None keeps its slot and is skipped.

    The names are the children's names, and so the prefixes of the state-dict keys.

    Args:
        layers: the layers by name, in the order in which they run.

    >>> import torch
    >>> chain = Chain(conv=nn.Conv3d(3, 4, 1), norm=None, activation=nn.ReLU())
    >>> chain(torch.ones(1, 3, 2, 5, 5)).shape
    torch.Size([1, 4, 2, 5, 5])
    >>> chain.norm is None
    True
    """

    def __init__(self, **layers: nn.Module | None) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers that are there."""
        for layer in self:
            if layer is not None:
                x = layer(x)
        return x


def make_norm(
    norm: Callable[..., nn.Module] | None, dim: int, eps: float = 1e-5, momentum: float = 0.1
) -> nn.Module | None:
    """Make a normalization of `dim` channels, or None.

    Args:
        norm: called as `norm(num_features=dim, eps=eps, momentum=momentum)`, or None.
        dim: number of channels.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.

    >>> make_norm(nn.BatchNorm3d, 8, eps=0.001).eps
    0.001
    """
    return None if norm is None else norm(num_features=dim, eps=eps, momentum=momentum)


def make_activation(activation: Callable[..., nn.Module] | None) -> nn.Module | None:
    """Make an activation by calling `activation()`, or None.

    `nn.Softmax` itself works on the channels: dim 1.

    >>> make_activation(nn.Softmax)
    Softmax(dim=1)
    """
    if activation is None:
        return None
    return activation(dim=1) if activation is nn.Softmax else activation()


def module_list(modules: Iterable[nn.Module | None]) -> nn.ModuleList:
    """Make an `nn.ModuleList` in which None keeps its place.

    >>> [module is None for module in module_list([nn.ReLU(), None])]
    [False, True]
    """
    filled = nn.ModuleList()
    for i, module in enumerate(modules):
        filled.add_module(str(i), module)
    return filled
