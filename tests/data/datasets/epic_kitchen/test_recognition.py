import pickle
import random

import pytest
import torch

from pytorchvideo_clone.data import EpicKitchenRecognition
from pytorchvideo_clone.data.lists.manifest import VideoDatasetType
from tests.data.coded_video import numbers


def make(kitchen, **options) -> EpicKitchenRecognition:
    return EpicKitchenRecognition(kitchen["info"], kitchen["actions"], kitchen["frames"], **options)


def test_clips_lie_side_by_side_from_a_random_offset(kitchen) -> None:
    random.seed(3)
    dataset = make(kitchen, seconds_per_clip=1.5)
    random.seed(3)
    offsets = [random.random() * 1.5 for _ in range(2)]
    expected = [
        (video_id, offset + 1.5 * k)
        for video_id, offset in zip(["P01_01", "P02_02"], offsets, strict=True)
        for k in range(int((8 - offset) // 1.5))
    ]
    assert len(dataset) == len(expected)
    for sample, (video_id, start) in zip(dataset, expected, strict=True):
        assert sample["video_id"] == video_id
        assert sample["start_time"] == pytest.approx(start)
        assert sample["stop_time"] == pytest.approx(start + 1.5)
        assert sample["video"].shape[1] == 15


def test_actions_are_those_that_overlap_the_clip(kitchen) -> None:
    for sample in make(kitchen, seconds_per_clip=1.0):
        start, stop = sample["start_time"], sample["stop_time"]
        found = {action.narration for action in sample["actions"]}
        if sample["video_id"] == "P01_01":
            assert ("close door" in found) == (start <= 4.5 and stop >= 3.0)
            assert "cut onion" not in found
        else:
            assert found <= {"cut onion"}
        assert torch.equal(sample["audio"], torch.tensor([]))


def test_frames_and_transform(kitchen) -> None:
    dataset = make(kitchen, frames_per_clip=5, transform=lambda sample: numbers(sample["video"]))
    assert len(dataset[0]) == 5
    assert {b - a for a, b in zip(dataset[0], dataset[0][1:])} == {4}  # noqa: B905 (pairs)


def test_encoded_videos_travel_to_workers(kitchen) -> None:
    dataset = EpicKitchenRecognition(
        kitchen["info"],
        kitchen["actions"],
        kitchen["encoded"],
        dataset_type=VideoDatasetType.EncodedVideo,
        frames_per_clip=4,
    )
    sample = pickle.loads(pickle.dumps(dataset))[1]
    assert sample["video"].shape[1] == 4 and len(sample["audio"]) > 0


def test_an_unknown_sampling_is_refused(kitchen) -> None:
    with pytest.raises(ValueError, match="uniform"):
        make(kitchen, clip_sampling="uniform")
