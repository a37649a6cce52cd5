import logging

import numpy as np
import pytest
from torch.utils.data import DataLoader, IterableDataset, RandomSampler

from pytorchvideo_clone.data.sharding import MultiProcessSampler

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Share(IterableDataset):
    """What a worker reads."""

    def __init__(self, order) -> None:
        self.share = MultiProcessSampler(order)

    def __iter__(self):
        yield list(self.share)


def loader_of(order, workers: int, **options) -> DataLoader:
    return DataLoader(
        Share(order),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork",
        **options,
    )


@pytest.mark.parametrize(("count", "workers"), [(10, 3), (2, 3)])
def test_workers_get_contiguous_shares_as_numpy_splits_them(count, workers):
    order = list(range(100, 100 + count))
    expected = [part.tolist() for part in np.array_split(order, workers)]
    assert list(loader_of(order, workers)) == expected


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_share_one_random_order_that_changes_with_the_epoch(persistent):
    loader = loader_of(RandomSampler(range(20)), 2, persistent_workers=persistent)
    epochs = [[number for share in loader for number in share] for _ in range(3)]
    assert all(sorted(order) == list(range(20)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_outside_a_worker_the_share_is_all(caplog):
    with caplog.at_level(logging.WARNING):
        assert list(MultiProcessSampler([3, 1, 2])) == [3, 1, 2]
        assert list(MultiProcessSampler([])) == []
    assert caplog.text == ""
