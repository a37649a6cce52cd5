from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers import batch_norm, distributed
from tests.layers.ranks import on_ranks

KINDS = {
    1: (batch_norm.NaiveSyncBatchNorm1d, nn.BatchNorm1d, (4, 3)),
    2: (batch_norm.NaiveSyncBatchNorm2d, nn.BatchNorm2d, (4, 3, 2, 2)),
    3: (batch_norm.NaiveSyncBatchNorm3d, nn.BatchNorm3d, (4, 3, 2, 2, 2)),
}


def halves(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The two processes' inputs, very different ones."""
    torch.manual_seed(0)
    first, last = torch.randn(2, *shape, dtype=torch.float64)
    return first, 3 * last + 1


def result_of(norm: nn.Module, x: torch.Tensor) -> dict:
    """Output, gradients and state after a training step."""
    norm = norm.double()
    x = x.clone().requires_grad_()
    y = norm(x)
    (y.square() * torch.arange(1.0, 4.0).view(1, 3, *[1] * (x.dim() - 2))).sum().backward()
    assert x.grad is not None
    return {"y": y.detach(), "gradient": x.grad, **norm.state_dict()}


@pytest.mark.parametrize("dims", KINDS)
def test_alone_it_is_the_plain_norm(dims: int) -> None:
    synchronized, plain, shape = KINDS[dims]
    norm, expected = synchronized(num_features=3, eps=0.1), plain(3, eps=0.1)
    x = torch.randn(shape)
    torch.testing.assert_close(norm(x), expected(x))
    assert repr(list(norm.state_dict())) == repr(list(expected.state_dict()))
    torch.testing.assert_close(norm.eval()(x), expected.eval()(x))


@pytest.mark.parametrize("arguments", [{"num_sync_devices": 2}, {"global_sync": False}])
def test_exactly_one_way_of_sharing_is_to_be_chosen(arguments: dict) -> None:
    with pytest.raises(ValueError, match="give either a number of devices"):
        batch_norm.NaiveSyncBatchNorm3d(num_features=3, **arguments)


def _steps(rank: int) -> dict:
    distributed.init_distributed_training(2, 0)
    results = {}
    for dims, (kind, _, shape) in KINDS.items():
        x = halves(shape)[rank]
        results[f"all {dims}"] = result_of(kind(num_features=3), x)
        group = {"global_sync": False, "num_features": 3}
        results[f"two {dims}"] = result_of(kind(num_sync_devices=2, **group), x)
        results[f"one {dims}"] = result_of(kind(num_sync_devices=1, **group), x)
        bare = kind(num_features=3, affine=False, track_running_stats=False)
        results[f"bare {dims}"] = result_of(bare, x)
        mean = kind(num_features=3, momentum=None)
        mean(x)
        results[f"mean {dims}"] = result_of(mean, x)
    half = batch_norm.NaiveSyncBatchNorm1d(num_features=3)(halves((4, 3))[rank].bfloat16())
    norm = batch_norm.NaiveSyncBatchNorm1d(num_sync_devices=3, global_sync=False, num_features=3)
    with pytest.raises(ValueError, match="num_sync_devices is 3; expected a divisor of the 2"):
        norm(torch.ones(4, 3))
    return {**results, "half": {"y": half.detach()}}


def test_two_processes_normalize_as_one_with_both_batches(tmp_path: Path) -> None:
    ranks = on_ranks(_steps, tmp_path)
    for dims, (_, plain, shape) in KINDS.items():
        inputs = halves(shape)
        both = torch.cat(inputs)
        expected = result_of(plain(3), both)
        others = [0, *range(2, both.dim())]
        for rank, results in enumerate(ranks):
            part = slice(4 * rank, 4 * rank + 4)
            for kind in ("all", "two", "bare"):
                result = results[f"{kind} {dims}"]
                torch.testing.assert_close(result["y"], expected["y"][part])
                torch.testing.assert_close(result["gradient"], expected["gradient"][part])
            for kind in ("all", "two"):
                result = results[f"{kind} {dims}"]
                torch.testing.assert_close(result["running_mean"], expected["running_mean"])
                torch.testing.assert_close(
                    result["running_var"], 0.9 + 0.1 * both.var(others, correction=0)
                )
            torch.testing.assert_close(results[f"mean {dims}"]["running_mean"], both.mean(others))
            alone = result_of(plain(3), inputs[rank])
            torch.testing.assert_close(results[f"one {dims}"]["y"], alone["y"])
            torch.testing.assert_close(results[f"one {dims}"]["gradient"], alone["gradient"])
    assert ranks[0]["half"]["y"].dtype == torch.bfloat16
