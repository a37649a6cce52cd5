import pickle

import pytest

from pytorchvideo_clone.data import EpicKitchenForecasting
from pytorchvideo_clone.data.lists.manifest import VideoDatasetType
from tests.data.coded_video import numbers


def make(kitchen, **options) -> EpicKitchenForecasting:
    settings = {"seconds_per_clip": 1.0, "clip_time_stride": 1.0, **options}
    return EpicKitchenForecasting(
        kitchen["info"], kitchen["actions"], kitchen["frames"], **settings
    )


def test_clips_end_with_an_action_that_others_follow(kitchen) -> None:
    dataset = make(kitchen, num_input_clips=2, frames_per_clip=5)
    # The first action leaves no two seconds before its end.
    assert [(s["video_id"], s["stop_time"]) for s in dataset] == [("P01_01", 2.25), ("P01_01", 4.5)]
    assert [[a.narration for a in s["actions"]] for s in dataset] == [["close door"], ["take cup"]]
    sample = dataset[1]
    assert sample["start_time"] == 2.5
    assert sample["video"].shape == (2, 3, 5, 12, 16)
    assert [numbers(part) for part in sample["video"]] == [
        [25, 27, 29, 31, 33],
        [35, 37, 39, 41, 43],
    ]


def test_all_frames_are_kept_unless_a_number_is_asked_for(kitchen) -> None:
    sample = make(kitchen, num_input_clips=2)[1]
    assert sample["video"].shape == (2, 3, 10, 12, 16)
    assert numbers(sample["video"][1]) == list(range(35, 45))


def test_more_frames_than_there_are_repeat_some(kitchen) -> None:
    sample = make(kitchen, frames_per_clip=16)[0]
    assert sample["video"].shape == (1, 3, 16, 12, 16)


def test_several_actions_come_in_order(kitchen) -> None:
    dataset = make(kitchen, num_forecast_actions=2)
    assert [[a.narration for a in s["actions"]] for s in dataset] == [
        ["turn on light", "close door"],
        ["close door", "take cup"],
    ]


def test_encoded_videos_and_transform(kitchen) -> None:
    dataset = EpicKitchenForecasting(
        kitchen["info"],
        kitchen["actions"],
        kitchen["encoded"],
        dataset_type=VideoDatasetType.EncodedVideo,
        seconds_per_clip=1.0,
        frames_per_clip=2,
    )
    assert numbers(pickle.loads(pickle.dumps(dataset))[0]["video"][0]) == [5, 10]
    dataset._transform.keywords["transform"] = sorted
    assert dataset[0][0] == "actions"


def test_an_unknown_sampling_is_refused(kitchen) -> None:
    with pytest.raises(ValueError, match="all"):
        make(kitchen, clip_sampling="all")
