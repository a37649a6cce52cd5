"""Write the arithmetic of a batch norm into a linear layer beside it, for inference."""

import torch
from torch import Tensor, nn

__all__ = ["batch_norm_affine", "fold_after", "fold_before"]

BatchNorm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def batch_norm_affine(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Give scale and shift of a batch norm in evaluation: it computes x * scale + shift.

    Raises:
        ValueError: if it keeps no running statistics.

    >>> scale, shift = batch_norm_affine(nn.BatchNorm1d(2, eps=0.0))
    >>> scale.tolist(), shift.tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError(
            f"{norm} has no running statistics; make it with track_running_stats=True to fold it."
        )
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


@torch.no_grad()
def fold_before(scale: Tensor, shift: Tensor, linear: nn.Linear) -> nn.Linear:
    """Make the linear layer that computes `linear(x * scale + shift)`.

    Args:
        scale: (in_features,).
        shift: (in_features,).
        linear: stays as it is.

    >>> linear = nn.Linear(2, 3)
    >>> folded = fold_before(torch.full((2,), 2.0), torch.ones(2), linear)
    >>> x = torch.randn(5, 2)
    >>> torch.allclose(folded(x), linear(2 * x + 1), atol=1e-6)
    True
    """
    return _linear(linear.weight * scale, linear.weight @ shift + _bias(linear))


@torch.no_grad()
def fold_after(linear: nn.Linear, scale: Tensor, shift: Tensor) -> nn.Linear:
    """Make the linear layer that computes `linear(x) * scale + shift`.

    Args:
        linear: stays as it is.
        scale: (out_features,).
        shift: (out_features,).

    >>> linear = nn.Linear(2, 3)
    >>> folded = fold_after(linear, torch.full((3,), 2.0), torch.ones(3))
    >>> x = torch.randn(5, 2)
    >>> torch.allclose(folded(x), 2 * linear(x) + 1, atol=1e-6)
    True
    """
    return _linear(linear.weight * scale.unsqueeze(1), _bias(linear) * scale + shift)


def _bias(linear: nn.Linear) -> Tensor:
    if linear.bias is None:
        return linear.weight.new_zeros(linear.out_features)
    return linear.bias


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    made.weight.copy_(weight)
    made.bias.copy_(bias)
    return made
