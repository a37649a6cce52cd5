import pytest
import torch

from pytorchvideo_clone.transforms import (
    ApplyTransformToKey,
    BatchTransform,
    ClipTransform,
    RepeatedAugmentation,
    SeveralViews,
)


def test_views_of_a_clip_differ_and_collate_to_a_batch_each():
    view = ClipTransform(8, scale=(0.1, 0.5))
    transform = ApplyTransformToKey("video", SeveralViews([view, view]))
    samples = [transform({"video": torch.rand(3, 2, 20, 30) * 255, "label": 1}) for _ in range(3)]
    batch = torch.utils.data.default_collate(samples)
    assert [tuple(x.shape) for x in batch["video"]] == [(3, 3, 2, 8, 8)] * 2
    assert not batch["video"][0].equal(batch["video"][1])


def test_clips_are_repeated_with_all_that_belongs_to_them():
    batch = {
        "video": torch.arange(3.0).view(3, 1, 1, 1, 1).expand(3, 3, 2, 4, 4),
        "label": torch.tensor([5, 6, 7]),
        "video_name": ["a", "b", "c"],
        "boxes": torch.tensor([[0.0, 1, 1, 2, 2], [2.0, 0, 0, 3, 3], [2.0, 1, 0, 3, 2]]),
        "audio": None,
    }
    repeated = RepeatedAugmentation(2)(batch)
    assert repeated["video"][:, 0, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert repeated["label"].tolist() == [5, 5, 6, 6, 7, 7]
    assert repeated["video_name"] == ["a", "a", "b", "b", "c", "c"]
    assert repeated["boxes"][:, 0].tolist() == [0, 1, 4, 4, 5, 5]
    assert repeated["boxes"][2:4, 1:].equal(batch["boxes"][1:, 1:])
    assert repeated["audio"] is None
    assert len(batch["label"]) == 3


def test_repetitions_are_transformed_differently():
    transform = RepeatedAugmentation(2, BatchTransform(8, scale=(0.1, 0.5)))
    views = transform({"video": torch.rand(2, 3, 2, 20, 30) * 255, "boxes": None})["video"]
    assert views.shape == (4, 3, 2, 8, 8)
    assert not views[0].equal(views[1])


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="transforms is empty"):
        SeveralViews([])
    with pytest.raises(ValueError, match="num_repeats is 0"):
        RepeatedAugmentation(0)
