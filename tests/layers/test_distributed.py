from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.layers import distributed
from tests.layers.ranks import on_ranks


def test_alone_there_is_one_process() -> None:
    assert distributed.get_world_size() == 1
    assert distributed.get_local_size() == 1
    assert distributed.get_local_rank() == 0
    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    gathered = distributed.cat_all_gather(x, local=True)
    assert gathered.tolist() == [[1.0, 2.0]]
    assert not gathered.requires_grad
    assert distributed.GroupGather.apply(x, 1, 1).tolist() == [[1.0, 2.0]]


def test_alone_there_is_no_group_to_be_had() -> None:
    with pytest.raises(RuntimeError, match="no process group"):
        distributed.get_local_process_group()
    with pytest.raises(RuntimeError, match="no process group"):
        distributed.init_distributed_training(1, 0)


def test_a_group_that_does_not_fill_the_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="2 groups of 1 processes"):
        distributed.GroupGather.apply(torch.ones(1), 1, 2)


def _refusals(rank: int) -> list[str]:
    messages = []
    for call in (
        distributed.get_local_size,
        lambda: distributed.init_distributed_training(3, 0),
        lambda: distributed.init_distributed_training(2, 1),
    ):
        with pytest.raises((RuntimeError, ValueError)) as error:
            call()
        messages.append(str(error.value))
    return messages


def _sums(rank: int, devices: int, groups: int) -> dict[str, torch.Tensor]:
    x = torch.tensor([1.0, 10.0]) * (rank + 1)
    x.requires_grad_()
    total = distributed.GroupGather.apply(x, devices, groups)
    (total * (rank + 1)).sum().backward()
    assert x.grad is not None
    return {"total": total.detach(), "gradient": x.grad}


def _everything(rank: int) -> dict:
    messages = _refusals(rank)
    distributed.init_distributed_training(2, 0)
    one_machine = {
        "sizes": [distributed.get_world_size(), distributed.get_local_size()],
        "rank": distributed.get_local_rank(),
        "together": _sums(rank, 2, 1),
        "apart": _sums(rank, 1, 2),
        "ranks": distributed.cat_all_gather(torch.tensor([[rank]])),
        "local": distributed.cat_all_gather(torch.tensor([rank]), local=True),
    }
    distributed.init_distributed_training(1, rank)  # as if each process had a machine of its own
    two_machines = {
        "sizes": [distributed.get_world_size(), distributed.get_local_size()],
        "rank": distributed.get_local_rank(),
        "ranks": distributed.cat_all_gather(torch.tensor([rank])),
        "local": distributed.cat_all_gather(torch.tensor([rank]), local=True),
    }
    return {"messages": messages, "one": one_machine, "two": two_machines}


def test_two_processes_gather_and_sum(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    results = on_ranks(_everything, tmp_path)
    for rank, result in enumerate(results):
        unknown, no_divisor, wrong_machine = result["messages"]
        assert "start with torchrun" in unknown
        assert no_divisor == "num_gpus is 3; expected a divisor of the 2 processes."
        assert wrong_machine.startswith(f"shard_id is 1, but rank {rank} is on machine 0")

        one = result["one"]
        assert one["sizes"] == [2, 2]
        assert one["rank"] == rank
        assert one["ranks"].tolist() == [[0], [1]]
        assert one["local"].tolist() == [0, 1]
        # Losses 1 * total and 2 * total: each input counts in both.
        assert one["together"]["total"].tolist() == [3.0, 30.0]
        assert one["together"]["gradient"].tolist() == [3.0, 3.0]
        assert one["apart"]["total"].tolist() == [rank + 1.0, 10.0 * (rank + 1)]
        assert one["apart"]["gradient"].tolist() == [rank + 1.0, rank + 1.0]

        two = result["two"]
        assert two["sizes"] == [2, 1]
        assert two["rank"] == 0
        assert two["ranks"].tolist() == [0, 1]
        assert two["local"].tolist() == [rank]


def _local_size(rank: int) -> list[int]:
    return [distributed.get_local_size(), distributed.get_local_rank()]


def test_the_launcher_says_how_many_processes_are_on_a_machine(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert on_ranks(_local_size, tmp_path) == [[2, 0], [2, 1]]
