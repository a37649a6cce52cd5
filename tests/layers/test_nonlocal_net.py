import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.nonlocal_net import NonLocal, create_nonlocal


@pytest.mark.parametrize("instantiation", ["softmax", "dot_product"])
def test_each_position_gets_the_weighted_values_of_all(instantiation: str) -> None:
    torch.manual_seed(0)
    block = create_nonlocal(
        dim_in=6, dim_inner=4, pool_size=(1, 2, 2), instantiation=instantiation, norm=None
    ).double()
    x = torch.randn(2, 6, 2, 4, 4, dtype=torch.float64)
    pooled = nn.functional.max_pool3d(x, (1, 2, 2))
    weights = torch.einsum(
        "bcthw,bcuij->bthwuij", block.conv_theta(x), block.conv_phi(pooled)
    ).flatten(4)
    weights = (weights / 2).softmax(-1) if instantiation == "softmax" else weights / 8
    found = torch.einsum("bthwn,bcn->bcthw", weights, block.conv_g(pooled).flatten(2))
    torch.testing.assert_close(block(x), x + block.conv_out(found))


def test_the_norm_is_that_of_the_result() -> None:
    block = create_nonlocal(dim_in=8, dim_inner=4, norm_eps=0.5, norm_momentum=0.25).eval()
    assert (block.norm.num_features, block.norm.eps, block.norm.momentum) == (8, 0.5, 0.25)
    nn.init.zeros_(block.norm.weight)
    x = torch.randn(1, 8, 2, 3, 3)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("pool_size", [None, (1, 1, 1)])
def test_nothing_is_pooled_unless_asked_for(pool_size) -> None:
    assert create_nonlocal(dim_in=8, dim_inner=4, pool_size=pool_size).pool is None


def test_convolutions_that_do_not_fit_and_unknown_names_are_refused() -> None:
    def convolutions(dim_g: int) -> dict[str, nn.Module]:
        return {
            "conv_theta": nn.Conv3d(4, 2, 1),
            "conv_phi": nn.Conv3d(4, 2, 1),
            "conv_g": nn.Conv3d(4, dim_g, 1),
            "conv_out": nn.Conv3d(2, 4, 1),
        }

    with pytest.raises(AssertionError, match="expected three times the same"):
        NonLocal(**convolutions(3))
    with pytest.raises(AssertionError, match="instantiation is 'gauss'"):
        NonLocal(**convolutions(2), instantiation="gauss")
    assert NonLocal(**convolutions(2)).instantiation == "dot_product"


def test_the_graph_has_no_breaks() -> None:
    block = create_nonlocal(dim_in=8, dim_inner=4).eval()
    x = torch.randn(2, 8, 2, 3, 3)
    torch.testing.assert_close(torch.compile(block, fullgraph=True, backend="eager")(x), block(x))
