import pytest
import torch

from pytorchvideo_clone.layers.drop_path import DropPath, drop_path


def test_whole_samples_are_dropped_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    x = drop_path(torch.ones(4000, 3, 2), drop_prob=0.25, training=True)
    per_sample = x.flatten(1)
    assert (per_sample == per_sample[:, :1]).all()
    torch.testing.assert_close(per_sample.unique(), torch.tensor([0.0, 4 / 3]))
    # Four standard errors of the mean of 4000 draws.
    assert abs(x.mean() - 1) < 4 * (1 / 3 / 4000) ** 0.5


def test_evaluation_changes_nothing() -> None:
    x = torch.randn(4, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0).train()(x) is x


def test_everything_can_be_dropped() -> None:
    assert not drop_path(torch.ones(5, 2), 1.0, training=True).any()


@pytest.mark.parametrize("probability", [-0.1, 1.5])
def test_a_probability_out_of_range_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=f"drop_prob is {probability}"):
        DropPath(probability)
