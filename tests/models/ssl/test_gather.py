from pathlib import Path

import torch

from pytorchvideo_clone.models.ssl.gather import gather_rows
from tests.layers.ranks import on_ranks


def _gather_uneven_rows(rank: int) -> dict:
    x = torch.full((rank + 1, 2), float(rank + 1), requires_grad=True)
    rows, first = gather_rows(x)
    # A loss that weighs every row of every process, differently in each process.
    (rows.sum() * (rank + 1)).backward()
    return {"rows": rows.detach(), "first": first, "gradient": x.grad}


def test_rows_of_all_processes_come_in_order_with_their_gradients(tmp_path: Path) -> None:
    results = on_ranks(_gather_uneven_rows, tmp_path)
    for rank, result in enumerate(results):
        assert result["rows"][:, 0].tolist() == [1, 2, 2]
        assert result["first"] == rank
        assert torch.equal(result["gradient"], torch.full((rank + 1, 2), 3.0))  # of both losses


def test_alone_the_rows_are_ones_own() -> None:
    x = torch.ones(2, 3)
    rows, first = gather_rows(x)
    assert rows is x
    assert first == 0
