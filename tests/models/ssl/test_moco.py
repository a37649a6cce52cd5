import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytorchvideo_clone.models.ssl.moco import MoCo
from tests.layers.ranks import on_ranks
from tests.models.ssl.training import all_clips, clips_of, mean_gradients


def make_model(version: int = 2, **kwargs: object) -> MoCo:
    torch.manual_seed(0)
    options: dict = {"dim": 4, "queue_size": 20, "temperature": 0.3, "mmt": 0.5}
    if version == 3:
        options |= {"queue_size": 0, "predictor": nn.Linear(4, 4)}
    model = MoCo(nn.Linear(8, 4), **{**options, **kwargs})
    nn.init.normal_(model.backbone_mmt.weight)  # as after many steps
    if len(model.queue):
        model.queue[:5] = F.normalize(torch.randn(5, 4), dim=1)
        model.queued += 5
    return model


class Witness(nn.Module):
    """Stands where a batch norm would, and says which clips it saw together."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x.sum(dim=1)
        return x


def _clips_seen_together(rank: int) -> torch.Tensor:
    torch.manual_seed(3)
    model = MoCo(nn.Sequential(Witness(), nn.Linear(8, 4)), dim=4, queue_size=20)
    model(*clips_of(rank))
    return model.backbone_mmt[0].seen


def _refusal_of_uneven_batches(rank: int) -> str:
    x1, x2 = all_clips()
    with pytest.raises(ValueError, match="drop_last=True") as error:
        make_model()(x1[: rank + 1], x2[: rank + 1])
    return str(error.value)


def _gradients_of_ddp(rank: int) -> dict:
    model = nn.parallel.DistributedDataParallel(make_model())
    model(*clips_of(rank)).backward()
    return {name: weight.grad for name, weight in model.module.backbone.named_parameters()}


def _everything(rank: int) -> dict:
    return {
        "ddp": _gradients_of_ddp(rank),
        "v2": mean_gradients(make_model(shuffle_batch=False), *clips_of(rank)),
        "v2 shuffled": mean_gradients(make_model(), *clips_of(rank)),
        "v3": mean_gradients(make_model(3, shuffle_batch=False), *clips_of(rank)),
        "v3 shuffled": mean_gradients(make_model(3), *clips_of(rank)),
        "seen": _clips_seen_together(rank),
        "refusal": _refusal_of_uneven_batches(rank),
    }


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return on_ranks(_everything, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("name", ["v2", "v2 shuffled", "v3", "v3 shuffled"])
def test_two_processes_give_the_loss_gradients_and_queue_of_one(
    name: str, two_processes: list[dict]
) -> None:
    expected = mean_gradients(make_model(int(name[1])), *all_clips())
    for result in two_processes:
        torch.testing.assert_close(result[name]["step"], expected["step"])
        # One process's queue holds all first views, then all second ones, as two processes' does.
        torch.testing.assert_close(result[name]["state"], expected["state"])


def test_ddp_gives_the_gradients_of_one_process(two_processes: list[dict]) -> None:
    model = make_model()
    model(*all_clips()).backward()
    expected = {name: weight.grad for name, weight in model.backbone.named_parameters()}
    for result in two_processes:
        torch.testing.assert_close(result["ddp"], expected)


def test_shuffling_deals_every_clip_to_one_process_and_mixes_them(
    two_processes: list[dict],
) -> None:
    seen = [result["seen"] for result in two_processes]
    views = all_clips()[1].sum(dim=1)
    torch.testing.assert_close(torch.cat(seen).sort().values, views.sort().values)
    own = clips_of(0)[1].sum(dim=1)
    assert not torch.equal(seen[0].sort().values, own.sort().values)


def test_batches_of_different_size_are_refused_when_shuffled(two_processes: list[dict]) -> None:
    assert all("batches of [1, 2]" in result["refusal"] for result in two_processes)


def test_the_copy_moves_before_the_keys_are_made_and_only_in_training() -> None:
    model = make_model()
    before = model.backbone_mmt.weight.clone()
    moved = (before + model.backbone.weight.detach()) / 2
    x1, x2 = all_clips()
    model.eval()(x1, x2)
    assert torch.equal(model.backbone_mmt.weight, before)
    assert model.queued == 5
    model.train()(x1, x2)
    torch.testing.assert_close(model.backbone_mmt.weight, moved)
    keys = F.normalize(F.linear(x1, moved, model.backbone_mmt.bias), dim=1)
    torch.testing.assert_close(model.queue[5:11], keys)


def test_the_queue_replaces_its_oldest_keys() -> None:
    model = make_model(queue_size=16)
    for _ in range(3):
        model(*all_clips())
    assert model.queued == 41
    newest = model.queue[[(29 + i) % 16 for i in range(12)]]
    copy = model.backbone_mmt
    keys = F.normalize(copy(torch.cat(all_clips())), dim=1)
    torch.testing.assert_close(newest, keys)


def test_an_empty_queue_gives_no_negatives() -> None:
    model = MoCo(nn.Linear(8, 4), dim=4, queue_size=12)
    assert model(*all_clips()) == 0
    assert model(*all_clips()) > 0


def test_version_3_tells_each_clip_from_the_keys_of_the_others() -> None:
    model = make_model(3).eval()
    x1, x2 = all_clips()
    losses = []
    for query, key in ((x1, x2), (x2, x1)):
        q = F.normalize(model.predictor(model.backbone(query)), dim=1)
        k = F.normalize(model.backbone_mmt(key), dim=1)
        losses.append(F.cross_entropy(q @ k.T / 0.3, torch.arange(6)))
    torch.testing.assert_close(model(x1, x2), sum(losses) / 2)


def test_only_the_network_and_its_predictor_are_trained() -> None:
    model = make_model(3)
    model(*all_clips()).backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is None) == name.startswith("backbone_mmt")


def test_keys_that_do_not_fit_the_queue_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(6, 4\); expected \(B, 5\)"):
        MoCo(nn.Linear(8, 4), dim=5)(*all_clips())
    with pytest.raises(ValueError, match="queue_size is 8; expected at least the 12"):
        make_model(queue_size=8)(*all_clips())
