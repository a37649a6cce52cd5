import pytest
import torch

from pytorchvideo_clone.transforms import functional


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: functional.happens(0.5, g),
        lambda g: functional.random_beta(0.4, g),
        lambda g: functional.random_number(2.0, 3.0, g),
        lambda g: functional.random_shares(1.0, 3, g).tolist(),
        lambda g: functional.random_size(2, 50, g),
    ],
)
def test_a_generator_decides_every_draw_and_torchs_stays_where_it_was(draw):
    state = torch.get_rng_state()

    def draws(generator):
        return [draw(generator) for _ in range(20)]

    assert draws(seeded(1)) == draws(seeded(1)) != draws(seeded(2))
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(1)
    assert draws(None) == draws(seeded(1))


def test_shares_have_the_mean_and_spread_of_their_distribution():
    generator = seeded()
    drawn = torch.stack([functional.random_shares(2.0, 4, generator) for _ in range(2000)])
    torch.testing.assert_close(drawn.sum(1), torch.ones(2000, dtype=torch.float64))
    # Dirichlet(2, 2, 2, 2): mean 1 / 4, variance (1 / 4) (3 / 4) / (8 + 1).
    torch.testing.assert_close(drawn.mean().item(), 0.25)
    assert drawn[:, 0].mean().item() == pytest.approx(0.25, abs=0.015)
    assert drawn[:, 0].var().item() == pytest.approx(3 / 16 / 9, rel=0.15)


def test_a_beta_of_small_alpha_gives_mostly_one_of_the_ends():
    drawn = torch.tensor([functional.random_beta(0.02, seeded(seed)) for seed in range(100)])
    assert ((drawn < 0.01) | (drawn > 0.99)).sum() > 80
    assert 25 < int((drawn > 0.5).sum()) < 75
