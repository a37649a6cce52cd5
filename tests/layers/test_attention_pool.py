import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.attention_pool import TokenPool, apply_norm, make_token_pool


@pytest.mark.parametrize("sizes", [((1, 1, 1), (1, 1, 1)), ((), ()), ((), (1, 1, 1))])
def test_a_pool_that_changes_nothing_is_left_out(sizes: tuple) -> None:
    assert make_token_pool("conv", 4, *sizes) is None


def test_convolutions_work_by_channel_unless_asked_otherwise() -> None:
    pool = make_token_pool("conv", 4, (3, 3, 3), (1, 2, 2))
    assert (pool.groups, pool.bias, pool.padding) == (4, None, (1, 1, 1))
    assert make_token_pool("conv", 4, (3, 3, 3), (1, 2, 2), depthwise=False).groups == 1


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'median'; expected 'conv', 'avg' or 'max'"):
        make_token_pool("median", 4, (3, 3, 3), (1, 2, 2))


@pytest.mark.parametrize("has_cls", [True, False])
def test_tokens_are_pooled_over_their_grid(has_cls: bool) -> None:
    pool = nn.MaxPool3d((1, 2, 2))
    grid = torch.randn(2, 3, 8, 2, 4, 6)
    tokens = grid.flatten(3).transpose(2, 3)
    first = torch.randn(2, 3, 1, 8)
    x = torch.cat([first, tokens], dim=2) if has_cls else tokens
    pooled, thw = TokenPool(pool, has_cls_embed=has_cls)(x, [2, 4, 6])
    assert thw == [2, 2, 3]
    if has_cls:
        torch.testing.assert_close(pooled[:, :, :1], first)
        pooled = pooled[:, :, 1:]
    expected = pool(grid.flatten(0, 1)).unflatten(0, (2, 3)).flatten(3).transpose(2, 3)
    torch.testing.assert_close(pooled, expected)


def test_a_norm_comes_after_the_pool_and_meets_the_class_token() -> None:
    x = 5 + torch.randn(1, 1, 17, 8)
    pooled, _ = TokenPool(nn.AvgPool3d((1, 2, 2)), nn.LayerNorm(8))(x, [1, 4, 4])
    torch.testing.assert_close(pooled.mean(-1), torch.zeros(1, 1, 5), atol=1e-5, rtol=0)


def test_a_norm_before_the_pool_is_followed_by_gelu() -> None:
    x = torch.randn(1, 1, 5, 8)
    pooled, _ = TokenPool(nn.Identity(), nn.Identity(), norm_first=True)(x, [1, 2, 2])
    torch.testing.assert_close(pooled[:, :, 1:], nn.functional.gelu(x[:, :, 1:]))
    torch.testing.assert_close(pooled[:, :, :1], x[:, :, :1])


def test_tokens_that_do_not_fill_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"16 tokens; expected 17 from the grid \[1, 4, 4\]"):
        TokenPool(nn.MaxPool3d(1))(torch.zeros(1, 1, 16, 8), [1, 4, 4])


def test_batch_norms_work_on_the_width() -> None:
    norm, x = nn.BatchNorm1d(8), 3 + torch.randn(4, 5, 8)
    torch.testing.assert_close(apply_norm(norm, x).mean((0, 1)), torch.zeros(8), atol=1e-5, rtol=0)
