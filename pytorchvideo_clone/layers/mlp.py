"""Perceptrons: linear layers with activations between them."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

__all__ = ["Mlp", "make_multilayer_perceptron"]

Maker = Callable[..., nn.Module]


class Mlp(nn.Module):
    """Two linear layers with an activation between them, each followed by dropout.

    Args:
        in_features: width of the input.
        hidden_features: width between the layers; default `in_features`.
        out_features: width of the output; default `in_features`.
        act_layer: makes the activation.
        dropout_rate: after both layers.
        bias_on: the layers have biases.

    >>> import torch
    >>> Mlp(8, hidden_features=32)(torch.ones(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_layer: Maker = nn.GELU,
        dropout_rate: float = 0.0,
        bias_on: bool = True,
    ) -> None:
        super().__init__()
        hidden = hidden_features or in_features
        self.fc1 = nn.Linear(in_features, hidden, bias=bias_on)
        self.act = act_layer()
        self.fc2 = nn.Linear(hidden, out_features or in_features, bias=bias_on)
        self.dropout = nn.Dropout(dropout_rate) if dropout_rate > 0 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D')."""
        return self.dropout(self.fc2(self.dropout(self.act(self.fc1(x)))))


def make_multilayer_perceptron(
    fully_connected_dims: Sequence[int],
    norm: Maker | None = None,
    mid_activation: Maker = nn.ReLU,
    final_activation: Maker | None = nn.ReLU,
    dropout_rate: float = 0.0,
) -> tuple[nn.Sequential, int]:
    """Make linear layers with norms and activations between them.

    Args:
        fully_connected_dims: widths of input, layers between and output; at least two.
        norm: called with the width after every layer but the last, or None.
        mid_activation: called without arguments after every layer but the last.
        final_activation: the same after the last, or None.
        dropout_rate: of the last layer's output; 0 leaves the dropout out.

    Returns:
        The perceptron and the width of its output.

    Raises:
        AssertionError: for fewer than two widths, or one that is not positive, as in PyTorchVideo.

    >>> import torch
    >>> perceptron, width = make_multilayer_perceptron([6, 5, 3], norm=nn.LayerNorm)
    >>> perceptron(torch.ones(2, 6)).shape, width
    (torch.Size([2, 3]), 3)
    """
    dims = list(fully_connected_dims)
    if len(dims) < 2 or any(dim < 1 for dim in dims):
        raise AssertionError(
            f"fully_connected_dims is {dims}; expected at least two positive widths."
        )
    layers: list[nn.Module] = []
    for dim_in, dim_out in pairwise(dims[:-1]):
        layers.append(nn.Linear(dim_in, dim_out))
        if norm is not None:
            layers.append(norm(dim_out))
        layers.append(mid_activation())
    layers.append(nn.Linear(dims[-2], dims[-1]))
    if dropout_rate > 0:
        layers.append(nn.Dropout(dropout_rate))
    if final_activation is not None:
        layers.append(final_activation())
    return nn.Sequential(*layers), dims[-1]
