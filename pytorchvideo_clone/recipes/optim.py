"""Optimisers and the learning-rate schedule of the recipes."""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["OPTIMIZERS", "create_optimizer", "parameter_groups", "warmup_cosine"]


def _sgd(groups: list[dict], lr: float) -> Optimizer:
    return SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def _adamw(groups: list[dict], lr: float) -> Optimizer:
    numbers = {parameter.dtype for group in groups for parameter in group["params"]}
    # torch's 1e-8 is 0 in float16, and so is the square of a gradient below 2e-4.
    return AdamW(groups, lr=lr, eps=1e-4 if torch.float16 in numbers else 1e-8)


OPTIMIZERS: dict[str, Callable[[list[dict], float], Optimizer]] = {"adamw": _adamw, "sgd": _sgd}


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Split trainable parameters: biases and norms (one-dimensional) do not decay.

    >>> [len(group["params"]) for group in parameter_groups(nn.Linear(2, 2), 0.1)]
    [1, 1]
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]


def create_optimizer(name: str, model: nn.Module, lr: float, weight_decay: float) -> Optimizer:
    """Make an optimiser over the parameters of a model.

    Args:
        name: "sgd" (Nesterov momentum 0.9) or "adamw".
        model: its trainable parameters are taken.
        lr: peak learning rate.
        weight_decay: of weights with two or more dimensions.

    Raises:
        ValueError: if the name is unknown, or no parameter is trainable.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer is {name!r}; choose one of {', '.join(OPTIMIZERS)}.")
    groups = parameter_groups(model, weight_decay)
    if not any(group["params"] for group in groups):
        raise ValueError("no parameter of the model is trainable; unfreeze at least the head.")
    return OPTIMIZERS[name](groups, lr)


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, start_factor: float = 0.01
) -> LambdaLR:
    """Half a cosine over all steps, entered by a straight line.

    The line goes from `start_factor` to the cosine's own value at the end of the warm-up.

    Args:
        optimizer: its `lr` is the height of the cosine.
        total_steps: optimiser steps until the rate is 0.
        warmup_steps: length of the line, less than `total_steps`.
        start_factor: rate of the first step, relative to `lr`.

    Raises:
        ValueError: if the warm-up is not shorter than the schedule.

    Source: Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019,
        https://arxiv.org/abs/1812.03982, section 4.1.

    >>> optimizer = SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> warmup_cosine(optimizer, total_steps=10, warmup_steps=2).get_last_lr()
    [0.01]
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            f"warmup_steps is {warmup_steps}, total_steps {total_steps}; the warm-up must be "
            "shorter than the schedule: train longer or warm up less."
        )

    def cosine(step: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * min(step / total_steps, 1.0)))

    def factor(step: int) -> float:
        if step >= warmup_steps:
            return cosine(step)
        return start_factor + (cosine(warmup_steps) - start_factor) * step / warmup_steps

    return LambdaLR(optimizer, factor)
