import math

import pytest
import torch
import torch.nn.functional as F

from pytorchvideo_clone.losses import contrastive


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(F.cosine_similarity(a, b, dim=0))


def test_info_nce_is_its_formula() -> None:
    query, positive, negatives = draw(3, 5), draw(3, 5, seed=1), draw(4, 5, seed=2)
    losses = []
    for q, k in zip(query, positive, strict=True):
        own = math.exp(cosine(q, k) / 0.2)
        others = sum(math.exp(cosine(q, n) / 0.2) for n in negatives)
        losses.append(-math.log(own / (own + others)))
    loss = contrastive.info_nce(query, positive, negatives, 0.2)
    assert loss.item() == pytest.approx(sum(losses) / 3)


def test_negatives_of_each_query_give_the_loss_of_shared_ones() -> None:
    query, positive, negatives = draw(3, 5), draw(3, 5, seed=1), draw(4, 5, seed=2)
    shared = contrastive.info_nce(query, positive, negatives, 0.2)
    each = contrastive.info_nce(query, positive, negatives.expand(3, 4, 5), 0.2)
    torch.testing.assert_close(each, shared)


def test_negatives_that_are_not_valid_do_not_count() -> None:
    query, positive, negatives = draw(3, 5), draw(3, 5, seed=1), draw(4, 5, seed=2)
    valid = torch.tensor([True, False, True, False])
    loss = contrastive.info_nce(query, positive, negatives, 0.2, valid)
    torch.testing.assert_close(loss, contrastive.info_nce(query, positive, negatives[valid], 0.2))
    assert contrastive.info_nce(query, positive, negatives, 0.2, valid & False) == 0


def test_info_nce_in_batch_takes_the_other_keys_as_negatives() -> None:
    query, keys = draw(3, 5), draw(7, 5, seed=1)
    losses = [
        contrastive.info_nce(
            query[i : i + 1], keys[i + 2 : i + 3], keys[torch.arange(7) != i + 2], 0.2
        )
        for i in range(3)
    ]
    loss = contrastive.info_nce_in_batch(query, keys, 0.2, first=2)
    torch.testing.assert_close(loss, torch.stack(losses).mean())


def test_nt_xent_takes_both_views_of_the_others_as_negatives() -> None:
    x1, x2 = draw(3, 5), draw(3, 5, seed=1)
    losses = []
    for i in range(3):
        others = [j for j in range(3) if j != i]
        negatives = torch.cat([x1[others], x2[others]])
        losses += [
            contrastive.info_nce(x1[i : i + 1], x2[i : i + 1], negatives, 0.2),
            contrastive.info_nce(x2[i : i + 1], x1[i : i + 1], negatives, 0.2),
        ]
    loss = contrastive.nt_xent(x1, x2, 0.2)
    torch.testing.assert_close(loss, torch.stack(losses).mean())


@pytest.mark.parametrize("name", ["nt_xent", "info_nce_in_batch"])
def test_only_directions_matter_and_gradients_are_right(name: str) -> None:
    loss = getattr(contrastive, name)
    x1, x2 = draw(3, 5).requires_grad_(), draw(3, 5, seed=1).requires_grad_()
    torch.testing.assert_close(loss(3 * x1, 0.1 * x2, 0.5), loss(x1, x2, 0.5))
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, 0.5), (x1, x2))


def test_similarity_loss_is_half_the_squared_distance_less_one() -> None:
    x1, x2 = draw(3, 5), draw(3, 5, seed=1)
    distance = (F.normalize(x1, dim=1) - F.normalize(x2, dim=1)).square().sum(1).mean()
    torch.testing.assert_close(contrastive.similarity_loss(x1, x2), distance / 2 - 1)


def test_a_temperature_that_is_not_above_zero_is_refused() -> None:
    x = draw(2, 3)
    with pytest.raises(ValueError, match="temperature is 0; expected"):
        contrastive.info_nce_in_batch(x, x, 0)
    with pytest.raises(ValueError, match="temperature is -1; expected"):
        contrastive.nt_xent(x, x, -1)
    with pytest.raises(ValueError, match="temperature is 0; expected"):
        contrastive.info_nce(x, x, x, 0)
