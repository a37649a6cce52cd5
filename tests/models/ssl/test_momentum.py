import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.ssl.momentum import (
    cosine_momentum,
    momentum_copy,
    update_momentum_,
)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_a_copy_shares_nothing_and_takes_no_gradient() -> None:
    online = network()
    follower = momentum_copy(online)
    nn.init.zeros_(online[0].weight)
    assert (follower[0].weight != 0).any()
    assert not any(weight.requires_grad for weight in follower.parameters())
    assert all(weight.requires_grad for weight in online.parameters())


def test_parameters_move_and_running_statistics_stay() -> None:
    online, other = network(), network()
    follower = momentum_copy(other)
    online[1].running_mean.fill_(5)
    update_momentum_(follower, online, 0.9)
    for slow, old, fast in zip(
        follower.parameters(), other.parameters(), online.parameters(), strict=True
    ):
        torch.testing.assert_close(slow, 0.9 * old.detach() + 0.1 * fast.detach())
    assert (follower[1].running_mean == 0).all()


def test_a_momentum_of_one_changes_nothing() -> None:
    follower = momentum_copy(network())
    before = [weight.clone() for weight in follower.parameters()]
    update_momentum_(follower, network(), 1.0)
    assert all(map(torch.equal, follower.parameters(), before))


def test_accumulating_over_n_batches_takes_the_nth_root() -> None:
    online, start = network(), network()
    once, thrice = momentum_copy(start), momentum_copy(start)
    update_momentum_(once, online, 0.9)
    for _ in range(3):
        update_momentum_(thrice, online, 0.9 ** (1 / 3))
    torch.testing.assert_close(once.state_dict(), thrice.state_dict())


def test_cosine_momentum_rises_to_one_and_stays_there() -> None:
    values = [cosine_momentum(step, 10, 0.99) for step in range(13)]
    assert values[0] == pytest.approx(0.99)
    assert values == sorted(values)
    assert values[10:] == [1.0, 1.0, 1.0]


def test_a_momentum_outside_of_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mmt is 1\.5; expected"):
        update_momentum_(network(), network(), 1.5)
