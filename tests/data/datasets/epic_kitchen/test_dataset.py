import pickle

import pytest
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.data.datasets.epic_kitchen import ActionData, EpicKitchenDataset
from pytorchvideo_clone.data.lists.manifest import VideoClipInfo, VideoDatasetType
from tests.data.coded_video import numbers


def one_clip_each(videos, actions):
    assert all(float(video.duration) == 8 for video in videos.values())
    assert [len(actions[video_id]) for video_id in videos] == [4, 1]
    return [VideoClipInfo(video_id, 1, 1.5) for video_id in videos]


def last_in_the_dark(videos, actions):
    return [VideoClipInfo("P01_01", 8.5, 9)]


def make(kitchen, kind="frames", sampler=one_clip_each, **options) -> EpicKitchenDataset:
    type_of = {"frames": VideoDatasetType.Frame, "encoded": VideoDatasetType.EncodedVideo}
    return EpicKitchenDataset(
        kitchen["info"], kitchen["actions"], sampler, kitchen[kind], type_of[kind], **options
    )


@pytest.mark.parametrize("kind", ["frames", "encoded"])
def test_a_sample_has_the_clip_and_all_actions_of_its_video(kitchen, kind: str) -> None:
    dataset = make(kitchen, kind)
    assert len(dataset) == 2
    sample = dataset[0]
    keys = ["video_id", "video", "frame_indices", "audio", "actions", "start_time", "stop_time"]
    assert set(sample) == set(keys) - ({"frame_indices"} if kind == "encoded" else set())
    assert numbers(sample["video"]) == [10, 11, 12, 13, 14]
    assert [action.narration for action in sample["actions"]][:2] == ["open door", "turn on light"]
    assert all(isinstance(action, ActionData) for action in sample["actions"])
    assert (sample["video_id"], sample["start_time"], sample["stop_time"]) == ("P01_01", 1, 1.5)
    assert (sample["audio"] is None) == (kind == "frames")
    assert dataset[-1]["video_id"] == "P02_02"
    assert sample["actions"][1].all_nouns == ["light"]
    assert sample["actions"][1].stop_time == 2.25


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_it_travels_to_workers(kitchen, context: str) -> None:
    if context == "spawn":  # what spawn does, without the time to import torch again
        dataset = pickle.loads(pickle.dumps(make(kitchen, "encoded")))
        assert numbers(dataset[1]["video"]) == [10, 11, 12, 13, 14]
        return
    loader = DataLoader(
        make(kitchen, "encoded"), batch_size=None, num_workers=2, multiprocessing_context=context
    )
    assert [numbers(sample["video"]) for sample in loader] == [[10, 11, 12, 13, 14]] * 2


def test_filter_and_transform_are_applied(kitchen) -> None:
    dataset = make(
        kitchen,
        frame_filter=lambda indices: indices[::2],
        transform=lambda sample: numbers(sample["video"]),
        multithreaded_io=False,
    )
    assert dataset[0] == [10, 12, 14]


def test_a_clip_without_a_frame_says_so(kitchen) -> None:
    for kind in ("frames", "encoded"):
        with pytest.raises(VideoReadError, match=r"P01_01.*8\.5"):
            make(kitchen, kind, last_in_the_dark)[0]


def test_lists_of_another_form_are_refused(kitchen) -> None:
    with pytest.raises(ValueError, match="no column"):
        EpicKitchenDataset(kitchen["actions"], kitchen["actions"], one_clip_each, kitchen["frames"])
