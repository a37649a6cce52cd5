import json
import logging
import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, Subset

from pytorchvideo_clone.data import ClipDataset, LabeledVideoPaths, RandomClipSampler
from pytorchvideo_clone.data.sharding import (
    EpochSampler,
    MultiProcessSampler,
    Padding,
    RankSampler,
)

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


def places(count: int, world_size: int, **options) -> list[list[int]]:
    """What each rank gets."""
    return [
        list(EpochSampler(range(count), rank=rank, world_size=world_size, **options))
        for rank in range(world_size)
    ]


@pytest.mark.parametrize(("count", "world_size"), [(10, 1), (10, 2), (11, 4), (2, 5), (0, 2)])
def test_ranks_have_every_sample_once_and_equal_numbers(count, world_size):
    shares = places(count, world_size)
    assert len({len(share) for share in shares}) == 1
    given = [index for share in shares for index in share]
    real = [index for index in given if index.valid]
    assert sorted(real) == list(range(count))
    assert len(given) - len(real) == -count % world_size
    assert all(isinstance(index, Padding) != index.valid for index in given)
    dropped = places(count, world_size, uneven="drop")
    assert {len(share) for share in dropped} == {count // world_size}
    assert len({index for share in dropped for index in share}) == count - count % world_size


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = EpochSampler(range(30))
    first = list(sampler)
    assert list(sampler) == first == list(EpochSampler(range(30)))
    ranks = places(30, 3)
    assert [ranks[i % 3][i // 3] for i in range(30)] == first
    sampler.set_epoch(1)
    assert sorted(sampler) == sorted(first)
    assert list(sampler) != first
    assert list(EpochSampler(range(30), seed=1)) != first
    assert list(EpochSampler(range(30), shuffle=False)) == list(range(30))


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (1, 2), (3, 2), (2, 5)])
@pytest.mark.parametrize("count", [23, 24])
def test_an_epoch_goes_on_with_another_number_of_ranks(count, before, after):
    whole = list(EpochSampler(range(count), seed=4))
    stopped = [EpochSampler(range(count), seed=4, rank=r, world_size=before) for r in range(before)]
    shares = [iter(sampler) for sampler in stopped]
    seen = []
    for _ in range(4):
        seen += [next(share) for share in shares]
        for sampler in stopped:
            sampler.advance(1)
    assert all(next(share) is not None for share in shares)  # read ahead, and never handed over
    states = [sampler.state_dict() for sampler in stopped]
    assert all(state == states[0] for state in states)
    resumed = [EpochSampler(range(count), seed=4, rank=r, world_size=after) for r in range(after)]
    for sampler in resumed:
        sampler.load_state_dict(states[-1])
    shares = [list(sampler) for sampler in resumed]
    assert len({len(share) for share in shares}) == 1
    rest = [share[step] for step in range(len(shares[0])) for share in shares if share[step].valid]
    assert seen + rest == whole
    assert list(resumed[0]) != shares[0]  # the next iteration is a whole epoch again
    assert len(resumed[0]) == -(-count // after)


def test_an_epoch_that_is_over_leaves_nothing_and_the_next_begins():
    sampler = EpochSampler(range(5))
    order = list(sampler)
    sampler.advance(5)
    resumed = EpochSampler(range(5))
    resumed.load_state_dict(sampler.state_dict())
    assert (len(resumed), list(resumed)) == (0, [])
    resumed.load_state_dict(sampler.state_dict())
    resumed.set_epoch(1)
    assert sorted(resumed) == sorted(order)


def test_a_state_of_other_data_or_settings_is_refused():
    state = EpochSampler(range(5)).state_dict()
    assert json.loads(json.dumps(state)) == state
    with pytest.raises(ValueError, match="length 5, this sampler 6"):
        EpochSampler(range(6)).load_state_dict(state)
    with pytest.raises(ValueError, match="seed 0, this sampler 1"):
        EpochSampler(range(5), seed=1).load_state_dict(state)


def test_wrong_settings_of_the_sampler_are_refused():
    with pytest.raises(ValueError, match="'pad' or 'drop'"):
        EpochSampler(range(5), uneven="skip")
    with pytest.raises(ValueError, match="give both"):
        EpochSampler(range(5), rank=0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        EpochSampler(range(5), rank=2, world_size=2)


def test_the_digest_tells_plans_apart():
    def digest(count=9, epoch=0, **options) -> str:
        sampler = EpochSampler(range(count), **options)
        sampler.set_epoch(epoch)
        return sampler.digest()

    assert digest() == digest(rank=1, world_size=3) == digest(rank=0, world_size=3)
    different = [digest(), digest(count=10), digest(epoch=1), digest(seed=1), digest(shuffle=False)]
    assert len(set(different)) == 5


class Listening:
    epoch = 0

    def __len__(self):
        return 3

    def set_epoch(self, epoch):
        self.epoch = epoch


def test_the_data_set_hears_of_the_epoch_inside_a_subset_too():
    inner = Listening()
    sampler = EpochSampler(Subset(inner, [0, 2]))
    sampler.set_epoch(4)
    assert inner.epoch == 4
    EpochSampler(inner).load_state_dict(EpochSampler(inner).state_dict())
    assert inner.epoch == 0


def test_ranks_divide_any_order_of_videos():
    assert list(RankSampler([3, 0, 2, 1])) == [3, 0, 2, 1]
    sampler = RankSampler([3, 0, 2, 1, 4])
    sampler._place = (1, 2)
    assert list(sampler) == [3, 1]
    assert len(sampler) == 2
    assert len(pickle.loads(pickle.dumps(sampler))) == 2


def test_a_state_of_other_videos_is_refused_and_one_of_the_same_elsewhere_taken() -> None:
    def sampler(folder: str, *names: str) -> EpochSampler:
        videos = LabeledVideoPaths([(f"{folder}/{name}", 0) for name in names])
        return EpochSampler(ClipDataset(videos, RandomClipSampler(1)))

    state = sampler("/data/v", "run/a.mp4", "walk/b.mp4").state_dict()
    sampler("/home/mine", "run/a.mp4", "walk/b.mp4").load_state_dict(state)
    with pytest.raises(ValueError, match="of another list of videos"):
        sampler("/data/v", "run/a.mp4", "walk/c.mp4").load_state_dict(state)
    del state["videos"]  # as earlier releases wrote it
    sampler("/data/v", "run/a.mp4", "walk/c.mp4").load_state_dict(state)
