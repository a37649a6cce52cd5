import math

import numpy as np
import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.positional_encoding import (
    PositionalEncoding,
    SpatioTemporalClsPositionalEncoding,
    get_1d_sincos_pos_embed_from_grid,
    get_2d_sincos_pos_embed,
    get_2d_sincos_pos_embed_from_grid,
    get_3d_sincos_pos_embed,
)


@pytest.mark.parametrize("width", [6, 7])
def test_fixed_table_follows_the_formula(width: int) -> None:
    table = PositionalEncoding(width, seq_len=5)(torch.zeros(1, 5, width))[0]
    for p in range(5):
        for column in range(width):
            angle = p * 10000 ** (-2 * (column // 2) / width)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert table[p, column].item() == pytest.approx(expected, abs=1e-6)


def test_sequences_longer_than_the_table_are_refused() -> None:
    with pytest.raises(AssertionError, match="11 tokens; expected at most 10"):
        PositionalEncoding(4, seq_len=10)(torch.zeros(1, 11, 4))


@pytest.mark.parametrize("has_cls", [True, False])
def test_separate_tables_add_up_to_a_joint_one(has_cls: bool) -> None:
    settings = {"embed_dim": 8, "patch_embed_shape": (2, 3, 4), "has_cls": has_cls}
    separate = SpatioTemporalClsPositionalEncoding(**settings, sep_pos_embed=True)
    for parameter in separate.parameters():
        nn.init.normal_(parameter)
    joint = SpatioTemporalClsPositionalEncoding(**settings)
    rows = [
        separate.pos_embed_temporal[0, t] + separate.pos_embed_spatial[0, hw]
        for t in range(2)
        for hw in range(12)
    ]
    if has_cls:
        rows = [separate.pos_embed_class[0, 0], *rows]
        joint.cls_token = separate.cls_token
    joint.pos_embed = nn.Parameter(torch.stack(rows).unsqueeze(0))
    x = torch.randn(2, 24, 8)
    torch.testing.assert_close(joint(x), separate(x))


def test_another_number_of_patches_is_refused() -> None:
    encode = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4))
    assert encode.patch_embed_shape() == (2, 3, 4)
    with pytest.raises(ValueError, match="12 patches; expected 24, from a grid of 2 x 3 x 4"):
        encode(torch.zeros(1, 12, 8))


def test_a_grid_without_time_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"\(3, 4\); expected \(T, H, W\)"):
        SpatioTemporalClsPositionalEncoding(8, (3, 4))


def test_tables_of_time_and_space_stand_side_by_side() -> None:
    table = get_3d_sincos_pos_embed(16, grid_size=3, t_size=2, cls_token=True)
    time = get_1d_sincos_pos_embed_from_grid(4, np.arange(2))
    space = get_2d_sincos_pos_embed(12, grid_size=3)
    assert not table[0].any()
    np.testing.assert_allclose(table[1:].reshape(2, 9, 16)[:, 4, :4], time)
    np.testing.assert_allclose(table[1:].reshape(2, 9, 16)[1, :, 4:], space)


def test_the_width_comes_before_the_height() -> None:
    table = get_2d_sincos_pos_embed(8, grid_size=3).reshape(3, 3, 8)
    axis = get_1d_sincos_pos_embed_from_grid(4, np.arange(3))
    np.testing.assert_allclose(table[2, :, :4], axis)
    np.testing.assert_allclose(table[:, 1, 4:], axis)


@pytest.mark.parametrize(
    ("make", "width"),
    [
        (lambda width: get_3d_sincos_pos_embed(width, 3, 2), 10),
        (lambda width: get_2d_sincos_pos_embed(width, 3), 6),
        (lambda width: get_2d_sincos_pos_embed_from_grid(width, np.zeros((2, 3))), 5),
        (lambda width: get_1d_sincos_pos_embed_from_grid(width, np.zeros(3)), 3),
    ],
)
def test_widths_that_cannot_be_divided_are_refused(make, width: int) -> None:
    with pytest.raises(AssertionError, match="embed_dim is"):
        make(width)


def test_without_positions_only_the_class_token_is_added() -> None:
    encode = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4), has_pos=False)
    x = torch.randn(2, 24, 8)
    assert [name for name, _ in encode.named_parameters()] == ["cls_token"]
    torch.testing.assert_close(encode(x), torch.cat([torch.zeros(2, 1, 8), x], dim=1))
    plain = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4), has_cls=False, has_pos=False)
    torch.testing.assert_close(plain(x), x)
