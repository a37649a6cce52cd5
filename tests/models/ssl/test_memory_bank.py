from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytorchvideo_clone.models.ssl.memory_bank import MemoryBank
from tests.layers.ranks import on_ranks
from tests.models.ssl.training import all_clips, clips_of

# Two clips of one video, in different processes.
VIDEOS = torch.tensor([3, 0, 5, 7, 3, 1])


def make_model(**kwargs: object) -> MemoryBank:
    torch.manual_seed(0)
    options = {"neg_size": 4, "bank_size": 9, "dim": 4, "mmt": 0.5, **kwargs}
    return MemoryBank(nn.Linear(8, 4), **options)


def _memory_after_a_step(rank: int) -> torch.Tensor:
    model = make_model()
    model(clips_of(rank)[0], VIDEOS.chunk(2)[rank]).backward()
    return model.memory


def test_memories_of_two_processes_are_equal_to_that_of_one(tmp_path: Path) -> None:
    model = make_model()
    model(all_clips()[0], VIDEOS).backward()
    for memory in on_ranks(_memory_after_a_step, tmp_path):
        torch.testing.assert_close(memory, model.memory)


def test_rows_move_towards_the_features_and_stay_of_length_one() -> None:
    model = make_model()
    before = model.memory.clone()
    x = all_clips()[0][:2]
    model(x, torch.tensor([2, 4]))
    features = F.normalize(model.backbone(x), dim=1).detach()
    expected = F.normalize((before[[2, 4]] + features) / 2, dim=1)
    torch.testing.assert_close(model.memory[[2, 4]], expected)
    others = [0, 1, 3, 5, 6, 7, 8]
    assert torch.equal(model.memory[others], before[others])


@pytest.mark.parametrize("mlp", [None, nn.Linear(4, 4)])
def test_in_eval_mode_nothing_is_remembered(mlp: nn.Module | None) -> None:
    model = make_model(mlp=mlp).eval()
    before = model.memory.clone()
    model(all_clips()[0], VIDEOS)
    assert torch.equal(model.memory, before)


def test_the_loss_compares_the_own_row_with_random_ones() -> None:
    model = make_model(bank_size=2, neg_size=3).eval()
    model.memory[1] = -model.memory[0]
    features = model.memory[:1]  # the own row is as near as can be
    model.backbone = nn.Identity()
    near = model(features, torch.tensor([0]))
    far = model(features, torch.tensor([1]))
    assert near < far
