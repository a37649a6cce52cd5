"""How much a model computes."""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["count_flops"]


@torch.no_grad()
def count_flops(model: nn.Module, *inputs: Any) -> int:
    """Count the multiply-adds of one call, in evaluation mode, by fvcore's rules.

    A multiply-add of a convolution or a matrix product, those of fused attention too, is 1; a norm
    is 5 an element, as in most published numbers; what is elementwise or a pooling is nothing.

    Args:
        model: any that `torch.jit.trace` takes; its mode is as before afterwards.
        *inputs: of its forward, on the device of its weights.

    >>> count_flops(nn.Conv3d(3, 4, (1, 3, 3), bias=False), torch.zeros(1, 3, 2, 8, 8))
    7776
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore scripts when it is imported, and traces
        from fvcore.nn import FlopCountAnalysis

        training = {module: module.training for module in model.modules()}
        model.eval()
        try:
            counting = FlopCountAnalysis(model, inputs)
            counting.set_op_handle("aten::scaled_dot_product_attention", _count_attention)
            counting.set_op_handle("aten::batch_norm", _count_norm)
            counting.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            return int(counting.total())
        finally:
            for module, mode in training.items():
                module.training = mode


def _count_norm(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    # fvcore has 5 in training alone, and in evaluation 1, or 2 with weights.
    return Counter({"batch_norm": 5 * math.prod(inputs[0].type().sizes())})


def _count_attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """Of queries (..., Q, D), keys (..., K, D) and values (..., K, V): Q K (D + V) each."""
    query, key, value = (one.type().sizes() for one in inputs[:3])
    each = query[-2] * key[-2] * (query[-1] + value[-1])
    return Counter({"attention": math.prod(query[:-2]) * each})
