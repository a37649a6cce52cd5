import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from pytorchvideo_clone.recipes.optim import (
    OPTIMIZERS,
    create_optimizer,
    parameter_groups,
    warmup_cosine,
)


def rates(total: int, warmup: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = warmup_cosine(optimizer, total, warmup, start_factor=0.1)
    result = []
    for _ in range(total):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [*result, optimizer.param_groups[0]["lr"]]


def test_norms_and_biases_do_not_decay() -> None:
    model = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2), nn.Linear(2, 2))
    model[2].weight.requires_grad_(False)
    decaying, rest = parameter_groups(model, 0.1)
    assert [p.ndim for p in decaying["params"]] == [5]
    assert decaying["weight_decay"] == 0.1
    assert [p.ndim for p in rest["params"]] == [1, 1, 1, 1]
    assert rest["weight_decay"] == 0.0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_a_loss(name: str) -> None:
    model = nn.Linear(3, 1)
    optimizer = create_optimizer(name, model, lr=0.05, weight_decay=0.0)
    clips = torch.randn(16, 3)
    losses = []
    for _ in range(20):
        loss = (model(clips) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_unknown_optimizers_and_frozen_models_are_refused() -> None:
    with pytest.raises(ValueError, match="choose one of adamw, sgd"):
        create_optimizer("adagrad", nn.Linear(1, 1), 0.1, 0.0)
    with pytest.raises(ValueError, match="unfreeze"):
        create_optimizer("sgd", nn.Linear(1, 1).requires_grad_(False), 0.1, 0.0)


def test_schedule_warms_up_to_the_cosine_and_ends_at_zero() -> None:
    lr = rates(total=20, warmup=5)
    assert lr[0] == pytest.approx(0.2)
    assert lr[5] == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi * 5 / 20)))
    steps = [after - before for before, after in pairwise(lr[:6])]
    assert steps == pytest.approx([steps[0]] * 5)
    assert lr[10] == pytest.approx(1.0)
    assert lr[20] == pytest.approx(0.0, abs=1e-12)


def test_a_warm_up_as_long_as_the_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="warmup_steps is 5, total_steps 5"):
        rates(total=5, warmup=5)
