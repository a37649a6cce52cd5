from pathlib import Path

import torch
from torch import nn

from pytorchvideo_clone.models.ssl.simclr import SimCLR
from tests.models.ssl.training import all_clips, clips_of, mean_gradients, step_on_ranks


def make_model() -> SimCLR:
    torch.manual_seed(0)
    return SimCLR(mlp=nn.Linear(4, 3), backbone=nn.Linear(8, 4), temperature=0.3)


def _step(rank: int) -> dict:
    return mean_gradients(make_model(), *clips_of(rank))


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path: Path) -> None:
    step_on_ranks(_step, mean_gradients(make_model(), *all_clips()), tmp_path)


def test_gradients_reach_both_views() -> None:
    x1, x2 = (x.requires_grad_() for x in all_clips())
    make_model()(x1, x2).backward()
    assert x1.grad is not None
    assert x2.grad is not None
    assert x1.grad.abs().sum() > 0
    assert x2.grad.abs().sum() > 0


def test_training_lowers_the_loss() -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x1, _ = all_clips()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = model(x1, x1 + 0.01)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
