from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from pytorchvideo_clone.models.ssl.byol import BYOL
from tests.models.ssl.training import all_clips, clips_of, mean_gradients, step_on_ranks


def make_model(**kwargs: object) -> BYOL:
    torch.manual_seed(0)
    options = {
        "backbone": nn.Linear(8, 4),
        "predictor": nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)),
        **kwargs,
    }
    model = BYOL(**options)
    nn.init.normal_(model.backbone_mmt.weight)  # as after many steps
    return model


def _step(rank: int) -> dict:
    return mean_gradients(make_model(), *clips_of(rank))


def test_two_processes_give_the_loss_gradients_and_copy_of_one(tmp_path: Path) -> None:
    step_on_ranks(_step, mean_gradients(make_model(), *all_clips()), tmp_path)


def test_the_copy_moves_before_the_targets_are_made() -> None:
    model = make_model(mmt=0.5)
    x1, x2 = all_clips()
    weight = (model.backbone_mmt.weight + model.backbone.weight).detach() / 2
    loss = model(x1, x2)
    torch.testing.assert_close(model.backbone_mmt.weight.detach(), weight)
    targets = [F.linear(x, weight, model.backbone_mmt.bias) for x in (x2, x1)]
    predictions = [model.predictor(model.backbone(x)) for x in (x1, x2)]
    similarity = [F.cosine_similarity(*p).mean() for p in zip(predictions, targets, strict=True)]
    torch.testing.assert_close(loss, -sum(similarity) / 2)


def test_a_momentum_of_one_leaves_the_copy_alone() -> None:
    model = make_model(mmt=1.0)
    before = model.backbone_mmt.weight.clone()
    model(*all_clips())
    assert torch.equal(model.backbone_mmt.weight, before)


def test_only_the_network_and_its_predictor_are_trained() -> None:
    model = make_model()
    model(*all_clips()).backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is None) == name.startswith("backbone_mmt")


def test_a_projector_follows_the_backbone_in_both() -> None:
    model = BYOL(
        nn.Linear(8, 4),
        projector=nn.Linear(4, 2),
        feature_dim=2,
        predictor_inner=5,
        norm=nn.BatchNorm1d,
    )
    assert model.backbone(torch.ones(1, 8)).shape == (1, 2)
    assert list(model.backbone_mmt.state_dict()) == list(model.backbone.state_dict())
    assert model.predictor[0].bias is None
