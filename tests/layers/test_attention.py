import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytorchvideo_clone.layers.attention import MultiScaleAttention, MultiScaleBlock, _attend
from tests.reference import fill

POOLED = {
    "kernel_q": (3, 3, 3),
    "kernel_kv": (3, 3, 3),
    "stride_q": (1, 2, 2),
    "stride_kv": (1, 2, 3),
}
TOKENS, GRID = (2, 49, 16), [2, 4, 6]


def make(**settings) -> MultiScaleAttention:
    attention = MultiScaleAttention(16, num_heads=4, **settings)
    fill.fill_module(attention)
    return attention.eval()


def test_attention_follows_the_formula() -> None:
    attention, x = make(residual_pool=False), torch.randn(TOKENS)
    q, k, v = (
        layer(x).view(2, 49, 4, 4).transpose(1, 2)
        for layer in (attention.q, attention.k, attention.v)
    )
    weights = F.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
    expected = attention.proj((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, GRID)[0], expected)


@pytest.mark.parametrize("few_keys", [0, 1024])
def test_bfloat16_is_near_float32(few_keys: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_attend, "__defaults__", (few_keys,))
    attention, x = make(**POOLED), torch.randn(TOKENS)
    expected = attention(x, GRID)[0]
    result = attention.bfloat16()(x.bfloat16(), GRID)[0]
    # Eight bits of mantissa, through some layers.
    torch.testing.assert_close(result.float(), expected, atol=0.05, rtol=0.05)


def test_fused_and_separate_layers_agree() -> None:
    separate, fused = (
        make(qkv_bias=True, **POOLED),
        make(qkv_bias=True, separate_qkv=False, **POOLED),
    )
    state = separate.state_dict()
    for part in ("weight", "bias"):
        state[f"qkv.{part}"] = torch.cat([state.pop(f"{name}.{part}") for name in "qkv"])
    fused.load_state_dict(state)
    x = torch.randn(TOKENS)
    torch.testing.assert_close(fused(x, GRID), separate(x, GRID))


def test_one_vector_added_to_all_keys_changes_nothing() -> None:
    attention = make(**POOLED).double()
    attention(torch.randn(TOKENS, dtype=torch.double), GRID)[0].square().sum().backward()
    assert attention.norm_k.bias.grad.abs().max() < 1e-12
    assert attention.norm_v.bias.grad.abs().max() > 1e-3


def test_every_pool_has_two_names_and_one_weight() -> None:
    attention = make(**POOLED)
    state = attention.state_dict(keep_vars=True)
    for name in "qkv":
        assert state[f"_attention_pool_{name}.pool.weight"] is state[f"pool_{name}.weight"]
        assert state[f"_attention_pool_{name}.norm.bias"] is state[f"norm_{name}.bias"]
    assert len(list(attention.parameters())) == len(state) - 9
    for twin in (copy.deepcopy(attention), pickle.loads(pickle.dumps(attention))):
        assert twin._attention_pool_q.pool is twin.pool_q


@pytest.mark.parametrize("left_out", ["_attention_pool_", None])
def test_state_dicts_with_one_name_or_both_load(left_out: str | None) -> None:
    attention, fresh = make(**POOLED), MultiScaleAttention(16, num_heads=4, **POOLED).eval()
    state = {
        key: value
        for key, value in attention.state_dict().items()
        if left_out is None or left_out not in key
    }
    keys = list(state)
    fresh.load_state_dict(state)
    assert list(state) == keys
    x = torch.randn(TOKENS)
    torch.testing.assert_close(fresh(x, GRID), attention(x, GRID))


def test_missing_entries_are_still_reported() -> None:
    attention = make(**POOLED)
    state = attention.state_dict()
    for key in ("pool_q.weight", "_attention_pool_q.pool.weight"):
        del state[key]
    with pytest.raises(RuntimeError, match="pool_q"):
        attention.load_state_dict(state)


@pytest.mark.parametrize("settings", [{}, {"dim_out": 20}, {"dim_out": 18, "pool_first": True}])
def test_heads_must_divide_the_width(settings: dict) -> None:
    with pytest.raises(ValueError, match="heads do not divide a width of"):
        MultiScaleAttention(16, num_heads=3, **settings)


def test_dropout_works_on_the_output() -> None:
    assert not make(dropout_rate=1.0).train()(torch.randn(TOKENS), GRID)[0].any()


@pytest.mark.parametrize("settings", [{}, POOLED, {"dim_mul_in_att": True}])
@pytest.mark.parametrize("has_cls", [True, False])
@pytest.mark.parametrize("pool_first", [True, False])
@pytest.mark.parametrize("separate", [True, False])
def test_fusing_batch_norms_keeps_the_numbers(settings, has_cls, pool_first, separate) -> None:
    block = MultiScaleBlock(
        16,
        32,
        num_heads=4,
        norm_layer=nn.BatchNorm1d,
        attn_norm_layer=nn.BatchNorm3d,
        has_cls_embed=has_cls,
        pool_first=pool_first,
        separate_qkv=separate,
        **settings,
    )
    fill.fill_module(block)
    block.double().eval()
    x = torch.randn(2, 48 + has_cls, 16, dtype=torch.double)
    expected = block(x, GRID)
    block.fuse_bn()
    torch.testing.assert_close(block(x, GRID), expected)
    norms = {name for name, module in block.named_modules() if "BatchNorm" in str(type(module))}
    stay = {"attn.norm_q", "attn.norm_k", "attn.norm_v"} if settings is POOLED else set()
    if not pool_first:
        stay = stay if has_cls else set()
    elif stay:
        stay.add("norm1")
    assert norms == stay
    block.load_state_dict(block.state_dict())


def test_a_dropped_path_leaves_the_shortcut() -> None:
    block = MultiScaleBlock(16, 16, num_heads=4, droppath_rate=1.0).train()
    x = torch.randn(TOKENS)
    torch.testing.assert_close(block(x, GRID)[0], x)


def test_the_shortcut_is_pooled_as_the_queries_are() -> None:
    block = MultiScaleBlock(16, 16, num_heads=4, droppath_rate=1.0, **POOLED).train()
    x, thw = block(torch.randn(TOKENS), GRID)
    assert (x.shape, thw) == ((2, 13, 16), [2, 2, 3])
    assert block.pool_skip.kernel_size == (1, 3, 3)


@pytest.mark.parametrize("has_cls_embed", [True, False])
def test_relative_positions_are_added_to_the_scores(has_cls_embed: bool) -> None:
    attention = make(residual_pool=False, has_cls_embed=has_cls_embed, rel_pos_grid=GRID, **POOLED)
    x = torch.randn(TOKENS)[:, not has_cls_embed :]
    q, q_grid = attention._attention_pool_q(attention._split(attention.q(x)), GRID)
    k, k_grid = attention._attention_pool_k(attention._split(attention.k(x)), GRID)
    v, _ = attention._attention_pool_v(attention._split(attention.v(x)), GRID)
    wide_q, wide_k = attention.rel_pos(q, k, q_grid, k_grid)
    weights = F.softmax(wide_q @ wide_k.transpose(-2, -1) / 2, dim=-1)
    expected = attention.proj((weights @ v).transpose(1, 2).flatten(2))
    result, _ = attention(x, GRID)
    torch.testing.assert_close(result, expected)
    for table in attention.rel_pos.parameters():
        nn.init.zeros_(table)
    assert not torch.allclose(attention(x, GRID)[0], result)


def test_the_residual_of_the_class_token_can_be_left_out() -> None:
    without, with_all, with_patches = (
        make(residual_pool=residual, residual_pool_cls=cls, **POOLED)
        for residual, cls in ((False, True), (True, True), (True, False))
    )
    x = torch.randn(TOKENS)
    expected = with_all(x, GRID)[0].clone()
    expected[:, 0] = without(x, GRID)[0][:, 0]
    torch.testing.assert_close(with_patches(x, GRID)[0], expected)
