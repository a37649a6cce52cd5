import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.fold import batch_norm_affine, fold_after, fold_before
from tests.reference import fill


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_folded_layers_give_the_same_numbers(affine: bool, bias: bool) -> None:
    linear = nn.Linear(6, 4, bias=bias)
    for fold, width in ((fold_before, 6), (fold_after, 4)):
        norm = nn.BatchNorm1d(width, affine=affine)
        model = nn.Sequential(*((norm, linear) if fold is fold_before else (linear, norm)))
        fill.fill_module(model)
        model.double().eval()
        before = [parameter.clone() for parameter in linear.parameters()]
        scale, shift = batch_norm_affine(norm)
        parts = (scale, shift, linear) if fold is fold_before else (linear, scale, shift)
        folded = fold(*parts)
        x = torch.randn(5, 6, dtype=torch.double)
        torch.testing.assert_close(folded(x), model(x))
        assert all(map(torch.equal, before, linear.parameters()))


def test_a_norm_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="no running statistics"):
        batch_norm_affine(nn.BatchNorm1d(4, track_running_stats=False))
