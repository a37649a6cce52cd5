import itertools

import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.relative_position import RelativePositions


def make(*args, **settings) -> RelativePositions:
    torch.manual_seed(0)
    positions = RelativePositions(*args, **settings).double()
    for table in positions.parameters():
        nn.init.normal_(table)
    return positions


def scores(positions, q, k, q_grid, k_grid) -> torch.Tensor:
    wide_q, wide_k = positions(q, k, q_grid, k_grid)
    return (wide_q @ wide_k.transpose(-2, -1) - q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5


@pytest.mark.parametrize("has_cls", [False, True])
@pytest.mark.parametrize(
    ("grid", "stride_q", "stride_kv", "q_grid", "k_grid"),
    [
        ((2, 4, 6), (), (), (2, 4, 6), (2, 4, 6)),
        ((2, 4, 6), (1, 1, 1), (2, 4, 2), (2, 4, 6), (1, 1, 3)),
        ((2, 4, 6), (1, 2, 2), (1, 1, 1), (2, 2, 3), (2, 4, 6)),
    ],
)
def test_scores_are_the_products_with_the_rows_of_the_distances(
    grid, stride_q, stride_kv, q_grid, k_grid, has_cls: bool
) -> None:
    positions = make(8, grid, stride_q, stride_kv, has_cls)
    q, k = (
        torch.randn(2, 3, torch.tensor(size).prod() + has_cls, 8, dtype=torch.double)
        for size in (q_grid, k_grid)
    )
    result = scores(positions, q, k, q_grid, k_grid)
    if has_cls:
        assert result[:, :, 0].abs().max() < 1e-12
        assert result[:, :, :, 0].abs().max() < 1e-12
        result, q = result[:, :, 1:, 1:], q[:, :, 1:]
    places_q, places_k = (list(itertools.product(*map(range, size))) for size in (q_grid, k_grid))
    for i, j in itertools.product(range(len(places_q)), range(len(places_k))):
        row = torch.zeros(8, dtype=torch.double)
        for axis, name in enumerate("thw"):
            # Distance in steps of the finer grid, and the middle of the table is distance 0.
            finer = max(q_grid[axis], k_grid[axis])
            step_q, step_k = finer // q_grid[axis], finer // k_grid[axis]
            distance = places_q[i][axis] * step_q - places_k[j][axis] * step_k
            farthest = (k_grid[axis] - 1) * step_k
            row += getattr(positions, name)[distance + farthest]
        torch.testing.assert_close(result[:, :, i, j], q[:, :, i] @ row)


def test_a_table_of_another_length_is_stretched() -> None:
    positions = make(4, (1, 3, 3), has_cls=False)
    with torch.no_grad():
        positions.t.zero_()
        positions.w.zero_()
        positions.h.copy_(torch.arange(5.0).unsqueeze(1).expand(5, 4))
    q, k = torch.ones(1, 1, 4, 4).double(), torch.zeros(1, 1, 4, 4).double()
    result = scores(positions, q, k, (1, 2, 2), (1, 2, 2))[0, 0]
    # The rows 0 to 4 become 1/3, 2 and 11/3; a query of ones sums four columns.
    assert result[0, 2].item() == pytest.approx(4 / 3)
    assert result[0, 0].item() == pytest.approx(8)
    assert result[2, 0].item() == pytest.approx(44 / 3)


def test_tables_have_a_row_for_each_distance_and_get_gradients() -> None:
    positions = make(8, (4, 7, 6), (1, 2, 2), (1, 1, 3))
    assert [len(table) for table in (positions.t, positions.h, positions.w)] == [7, 13, 5]
    q, k = (
        torch.randn(1, 1, 4 * 4 * 3 + 1, 8).double(),
        torch.randn(1, 1, 4 * 7 * 2 + 1, 8).double(),
    )
    scores(positions, q, k, (4, 4, 3), (4, 7, 2)).square().sum().backward()
    assert all(
        table.grad is not None and table.grad.abs().sum() > 0 for table in positions.parameters()
    )
