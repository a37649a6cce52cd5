import gc
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from pytorchvideo_clone.data.shared_batches import SharedCollate

SHAPE = (3, 4, 32, 32)


class Numbered(Dataset):
    """Clips full of their number, as a decoder lays them out."""

    def __init__(self, count: int, dtype: torch.dtype = torch.uint8) -> None:
        self.count, self.dtype = count, dtype

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        index %= 200
        channels, *rest = SHAPE
        clip = torch.full((*rest, channels), index, dtype=self.dtype).permute(3, 0, 1, 2)
        return {"video": clip, "label": index, "name": f"v{index}", "score": index / 2}


class Counting(SharedCollate):
    """Also says how many buffers the worker has."""

    def __call__(self, samples: Any) -> Any:
        batch = super().__call__(samples)
        return {**batch, "buffers": len(self._buffers)}


def loader(count: int, workers: int = 1, dtype: torch.dtype = torch.uint8, **options) -> DataLoader:
    return DataLoader(
        Numbered(count, dtype),
        batch_size=8,
        num_workers=workers,
        collate_fn=Counting(),
        multiprocessing_context="fork" if workers else None,
        **options,
    )


def shows(batch: dict[str, Any]) -> bool:
    """Whether each clip of a batch is full of its label."""
    return bool((batch["video"] == batch["label"].view(-1, 1, 1, 1, 1)).all())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_what_the_samples_hold(dtype, workers):
    labels = []
    for batch in loader(44, workers, dtype):
        assert batch["video"].shape == (len(batch["label"]), *SHAPE)
        assert batch["video"].dtype == dtype and shows(batch)
        assert batch["name"] == [f"v{label}" for label in batch["label"].tolist()]
        assert batch["score"].tolist() == [label / 2 for label in batch["label"].tolist()]
        labels += batch["label"].tolist()
    assert labels == list(range(44))


@pytest.mark.parametrize("workers", [0, 1])
def test_channels_stay_side_by_side_in_memory(workers):
    video = next(iter(loader(8, workers)))["video"]
    assert video.is_contiguous(memory_format=torch.channels_last_3d)


def test_few_buffers_serve_many_batches():
    most = 0
    for batch in loader(400, prefetch_factor=2):
        most = max(most, batch["buffers"])
    assert most <= 4  # two wait, one is used, one is written


@pytest.mark.parametrize("keep", [lambda v: v, lambda v: v[3, 0], lambda v: v[1].numpy()])
def test_a_kept_batch_or_view_of_it_is_not_written_over(keep):
    kept, copies = [], []
    for batch in loader(200, workers=2):
        kept.append(keep(batch["video"]))
        copies.append(torch.as_tensor(kept[-1]).clone())
    del batch
    gc.collect()
    assert len(kept) == 25  # more than there are buffers
    for one, copy in zip(kept, copies, strict=True):
        torch.testing.assert_close(torch.as_tensor(one), copy)


def test_two_iterations_at_a_time_do_not_disturb_each_other():
    both = loader(80)
    for first, second in zip(both, both, strict=True):
        assert shows(first) and shows(second)


def test_a_loader_that_was_left_in_the_middle_begins_again():
    persistent = loader(80, workers=2, persistent_workers=True)
    for _ in range(3):
        for number, batch in enumerate(persistent):
            assert shows(batch)
            if number == 2:
                break
    assert sum(shows(batch) for batch in persistent) == 10


def test_a_batch_may_be_changed_in_place():
    for batch in loader(80, workers=1):
        assert shows(batch)
        batch["video"].fill_(255)


def views(samples: Any) -> Any:
    return SharedCollate()([[sample, sample] for sample in samples])


def test_samples_that_are_lists_stand_one_after_the_other():
    batches = DataLoader(
        Numbered(16), batch_size=8, num_workers=1, collate_fn=views, multiprocessing_context="fork"
    )
    batch = next(iter(batches))
    assert batch["label"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    assert shows(batch)


def test_clips_of_different_sizes_are_refused_as_by_collate_clips():
    samples = [{"video": torch.zeros(3, 2, size, 640)} for size in (480, 360)]
    with pytest.raises(ValueError, match="has sizes"):
        SharedCollate()(samples)


def test_samples_that_are_no_dicts_are_collated_too():
    assert SharedCollate()([1, 2]).tolist() == [1, 2]
