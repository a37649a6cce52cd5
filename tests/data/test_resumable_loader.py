import pytest
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from pytorchvideo_clone.data import EpochSampler, ResumableLoader

COUNT = 23


def loader_of(workers=0, batch_size=2, uneven="pad", rank=0, world_size=1, **options):
    sampler = EpochSampler(range(COUNT), uneven=uneven, rank=rank, world_size=world_size)
    return ResumableLoader(
        range(COUNT),
        sampler,
        batch_size=batch_size,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        **options,
    )


def numbers(batches) -> list[int]:
    return [number for batch in batches for number in batch.tolist()]


@pytest.mark.parametrize(("before", "after"), [(2, 0), (0, 1)])
def test_what_workers_read_ahead_is_not_lost(before, after):
    whole = numbers(loader_of())
    stopped = loader_of(before)
    batches = iter(stopped)
    seen = numbers(next(batches) for _ in range(3))
    state = stopped.state_dict()
    assert (state["position"], state["batches"]) == (6, 3)
    resumed = loader_of(after, batch_size=3)
    resumed.load_state_dict(state)
    assert len(resumed) == 3 + 6
    assert seen + numbers(resumed) == whole
    assert numbers(resumed) == whole
    assert len(resumed) == 8
    list(batches)  # lets the workers end


@pytest.mark.parametrize("uneven", ["pad", "drop"])
@pytest.mark.parametrize("drop_last", [True, False])
def test_the_state_at_the_end_of_an_epoch_says_that_it_is_over(uneven, drop_last):
    loader = loader_of(uneven=uneven, drop_last=drop_last, world_size=2, rank=1)
    assert len(list(loader)) == len(loader)
    loader.load_state_dict(loader.state_dict())
    assert list(loader) == []
    loader.load_state_dict(loader.state_dict())
    loader.set_epoch(1)
    assert len(list(loader)) == len(loader) > 0


def test_the_epoch_may_be_set_after_the_iterator_is_made():
    loader, other = loader_of(), loader_of()
    other.set_epoch(3)
    batches = iter(loader)
    loader.set_epoch(3)
    assert numbers(batches) == numbers(other)


def test_leaving_an_epoch_early_begins_the_next_at_its_begin():
    loader = loader_of(batch_size=None)
    whole = [int(number) for number in loader]
    next(iter(loader))
    assert [int(number) for number in loader] == whole


def test_another_sampler_is_refused():
    with pytest.raises(TypeError, match="EpochSampler"):
        ResumableLoader(range(3), range(3))


# What torchdata 0.11 says to torch 2.14.
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [2, None])
def test_torchdatas_loader_resumes_with_the_sampler(workers, batch_size):
    def stateful():
        return StatefulDataLoader(
            range(COUNT),
            sampler=EpochSampler(range(COUNT), seed=2),
            batch_size=batch_size,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
        )

    def flat(batches):
        return [int(n) for batch in batches for n in (batch if batch_size else [batch])]

    loader = stateful()
    loader.sampler.set_epoch(1)
    whole = flat(loader)
    batches = iter(loader)
    seen = flat(next(batches) for _ in range(3))
    state = loader.state_dict()
    list(batches)
    resumed = stateful()
    resumed.load_state_dict(state)
    assert seen + flat(resumed) == whole
    assert flat(resumed) == whole


def test_a_plain_loader_works_with_the_sampler():
    sampler = EpochSampler(range(COUNT), rank=0, world_size=3)
    loader = DataLoader(range(COUNT), sampler=sampler, batch_size=4)
    assert [len(batch) for batch in loader] == [4, 4]
