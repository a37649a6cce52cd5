import gc
import os
import platform
import random
import resource
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler

from pytorchvideo_clone.data import (
    ClipDataset,
    LabeledVideoPaths,
    RandomClipSampler,
    RandomMultiClipSampler,
    ResumableLoader,
)
from pytorchvideo_clone.data import loader as loading
from pytorchvideo_clone.data.loader import available_cores, each_clip, make_loader, worker_options

SECONDS = 0.5


class Workplace:
    """Says what a worker process is like."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, int | float]:
        return {
            "index": index,
            "process": os.getpid(),
            "threads": torch.get_num_threads(),
            "frozen": gc.get_freeze_count(),
            "chance": random.random() + float(np.random.rand()) + float(torch.rand(())),
        }


class Counting(IterableDataset):
    def __iter__(self):
        return ({"number": number} for number in range(5))


class Faulting:
    """Says how many pages the system had to map for a large block."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> dict[str, int]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.empty(33 * 2**20, dtype=torch.uint8).fill_(index)
        return {"faults": resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before}


def half(sample):
    return {**sample, "video": sample["video"][:, :2, :16, :16]}


@pytest.fixture
def videos(motion_folder) -> LabeledVideoPaths:
    return LabeledVideoPaths.from_path(motion_folder / "test")


def test_workers_have_one_thread_and_leave_out_what_they_inherit(monkeypatch):
    monkeypatch.setattr(loading, "available_cores", lambda: 64)
    loader = make_loader(Workplace(), 2, num_workers=2)
    batches = [*loader, *loader]
    assert len({int(process) for batch in batches for process in batch["process"]}) == 2
    assert {int(threads) for batch in batches for threads in batch["threads"]} == {1}
    assert all(count > 1000 for batch in batches for count in batch["frozen"])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an option of glibc's allocator")
def test_workers_keep_freed_memory_for_the_next_clip():
    def faults(loader: DataLoader) -> list[int]:
        return [int(batch["faults"]) for batch in loader]

    plain = faults(DataLoader(Faulting(), num_workers=1))
    if min(plain) < 1000:
        pytest.skip("the system maps large pages")
    # What else is allocated may lie in the way of a block now and then.
    assert min(faults(make_loader(Faulting(), 1, num_workers=1))) < 100


def test_workers_draw_from_seeded_generators():
    def drawn(seed: int) -> list[float]:
        loader = make_loader(Workplace(), 4, num_workers=2, shuffle=False, seed=seed)
        return [chance for batch in loader for chance in batch["chance"].tolist()]

    first = drawn(0)
    assert first == drawn(0)
    assert len(set(first + drawn(1))) == 32


def test_each_core_gets_a_worker_unless_ranks_share_them(monkeypatch):
    assert worker_options()["num_workers"] == available_cores()
    cores = available_cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert available_cores() == max(1, cores // 2)
    with pytest.raises(ValueError, match="num_workers is -1"):
        worker_options(-1)


def test_clips_are_those_of_the_data_set_in_the_order_of_the_epoch(videos):
    dataset = ClipDataset(videos, RandomClipSampler(SECONDS), half, video_dtype=torch.uint8)
    loader = make_loader(dataset, 3, num_workers=2)
    assert isinstance(loader, ResumableLoader)
    orders = []
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        batches = list(loader)
        orders.append([index for batch in batches for index in batch["video_index"].tolist()])
        samples = [dataset[index] for index in orders[-1]]
        torch.testing.assert_close(
            torch.cat([batch["video"] for batch in batches]),
            torch.stack([sample["video"] for sample in samples]),
        )
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(8))
    assert orders[0] != orders[1]


def test_several_clips_of_a_visit_stand_side_by_side(videos):
    sampler = RandomMultiClipSampler(SECONDS, num_clips=2)
    dataset = ClipDataset(
        videos, sampler, partial(each_clip, transform=half), video_dtype=torch.uint8
    )
    for workers in (0, 1):
        batch = next(iter(make_loader(dataset, 4, num_workers=workers, shuffle=False)))
        assert batch["video"].shape == (8, 3, 2, 16, 16)
        assert batch["video_index"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        assert batch["label"].shape == batch["clip_index"].shape == (8,)
        assert batch["valid"].all()
        assert torch.equal(batch["video"][2], dataset[1][0]["video"])
    assert not torch.equal(dataset[1][0]["video"], dataset[1][1]["video"])


def test_the_order_may_be_ones_own():
    loader = make_loader(Workplace(), 4, num_workers=0, sampler=SequentialSampler(range(16)))
    assert type(loader) is DataLoader
    assert next(iter(loader))["index"].tolist() == [0, 1, 2, 3]
    batches = [[5, 2], [1]]
    loader = make_loader(Workplace(), num_workers=0, batch_sampler=batches)
    assert [batch["index"].tolist() for batch in loader] == batches


def test_an_iterable_data_set_keeps_its_order():
    loader = make_loader(Counting(), 2, num_workers=0)
    assert [batch["number"].tolist() for batch in loader] == [[0, 1], [2, 3], [4]]
    with pytest.raises(ValueError, match="order of its own"):
        make_loader(Counting(), sampler=SequentialSampler(range(5)))


def test_samples_may_come_as_they_are():
    sample = next(iter(make_loader(Counting(), None, num_workers=0)))
    assert sample == {"number": 0}
    assert next(iter(make_loader(Workplace(), None, num_workers=1, shuffle=False)))["index"] == 0


def test_ones_own_collate_function_is_taken():
    loader = make_loader(Workplace(), 4, num_workers=0, collate_fn=len)
    assert list(loader) == [4, 4, 4, 4]
