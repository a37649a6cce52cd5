"""Cross entropy against soft targets, such as those of MixUp."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SoftTargetCrossEntropyLoss", "soft_target_cross_entropy"]


def soft_target_cross_entropy(
    input: Tensor,
    target: Tensor,
    ignore_index: int = -100,
    reduction: Literal["mean", "none"] = "mean",
    normalize_targets: bool = True,
) -> Tensor:
    """Compare scores with soft targets.

    Args:
        input: (N, K), scores before the softmax.
        target: (N, K), weights of the classes, none negative; or (N,), int, one class each.
        ignore_index: rows with any weight on this class do not count; outside of [0, K) no row is
            left out, save rows of integer targets that are `ignore_index` themselves.
        reduction: "mean" over the rows that count (0 if there is none), or "none".
        normalize_targets: scale each row of the targets to a sum of 1.

    Returns:
        A scalar, or (N,) for "none".

    Raises:
        AssertionError: if input and target differ in shape.
        NotImplementedError: for another reduction.

    >>> scores = torch.zeros(1, 4)
    >>> soft_target_cross_entropy(scores, torch.tensor([[0.5, 0.5, 0.0, 0.0]]))  # log 4
    tensor(1.3863)
    """
    _check_reduction(reduction)
    valid = None
    if target.dim() == 1:
        if input.shape[:1] != target.shape:
            raise _shape_error(input, target)
        valid = target != ignore_index
        target = F.one_hot(target.where(valid, 0), input.shape[-1])
    elif input.shape != target.shape:
        raise _shape_error(input, target)
    if valid is None:
        valid = torch.ones(len(target), dtype=torch.bool, device=target.device)
        if 0 <= ignore_index < input.shape[-1]:
            valid = target[:, ignore_index] <= 0
    # float32 whatever the scores are: PyTorchVideo's numbers, and exact enough for bfloat16 scores.
    target = target.float()
    if normalize_targets:
        eps = torch.finfo(torch.float32).eps
        target = target / (target.sum(dim=-1, keepdim=True) + eps)
    losses = -(target * F.log_softmax(input, dim=-1)).sum(dim=-1)
    losses = losses.where(valid, 0.0)
    return losses if reduction == "none" else losses.sum() / valid.sum().clamp(min=1)


class SoftTargetCrossEntropyLoss(nn.Module):
    """Cross entropy against soft targets; the arguments are those of `soft_target_cross_entropy`.

    Raises:
        NotImplementedError: for a reduction other than "mean" and "none".

    >>> loss = SoftTargetCrossEntropyLoss()
    >>> loss(torch.zeros(2, 4), torch.tensor([1, 3]))  # log 4
    tensor(1.3863)
    """

    def __init__(
        self,
        ignore_index: int = -100,
        reduction: Literal["mean", "none"] = "mean",
        normalize_targets: bool = True,
    ) -> None:
        super().__init__()
        _check_reduction(reduction)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.normalize_targets = normalize_targets

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """(N, K) and (N, K) or (N,) -> a scalar, or (N,)."""
        return soft_target_cross_entropy(
            input, target, self.ignore_index, self.reduction, self.normalize_targets
        )


def _check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "none"):
        raise NotImplementedError(f"reduction is {reduction!r}; expected 'mean' or 'none'.")


def _shape_error(input: Tensor, target: Tensor) -> AssertionError:
    # PyTorchVideo's type: callers may catch it.
    return AssertionError(
        f"the target has shape {tuple(target.shape)}; expected the input's {tuple(input.shape)}, "
        f"or ({input.shape[0]},) of whole numbers."
    )
