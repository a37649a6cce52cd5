import random
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import DomsevFrameDataset, DomsevVideoDataset, VideoReadError
from pytorchvideo_clone.data.datasets.domsev import LABEL_TYPE_2_MAP, LabelData, LabelType
from pytorchvideo_clone.data.lists.csv_rows import save_dataclass_objs_to_headered_csv
from pytorchvideo_clone.data.lists.manifest import VideoClipInfo, VideoDatasetType
from tests.data.coded_video import numbers
from tests.data.datasets.epic_kitchen.kitchen import make_kitchen
from tests.goldens import check_case, golden_cases

CASES = [case for case in golden_cases("data.json") if case.id.startswith("domsev/")]


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    assert check_case(case) == ""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two videos of 8 s at 10 frames a second: info, frames, encoded, labels."""
    folder = tmp_path_factory.mktemp("domsev")
    labels = [
        LabelData("P01_01", 0, 2.5, 1, 25, 1, "walking"),
        LabelData("P01_01", 2.5, 6, 26, 60, 3, "standing"),
        LabelData("elsewhere", 0, 8, 1, 80, 2, "running"),
    ]
    save_dataclass_objs_to_headered_csv(labels, str(folder / "labels.csv"))
    return {**make_kitchen(folder), "labels": str(folder / "labels.csv")}


def two_clips(videos, labels):
    assert {video_id: len(found) for video_id, found in labels.items()} == {
        "P01_01": 2,
        "P02_02": 0,
    }
    return [VideoClipInfo("P01_01", 1.5, 4.5), VideoClipInfo("P02_02", 0, 1)]


def make(paths, kind: str = "frames", **options) -> DomsevVideoDataset:
    type_of = {"frames": VideoDatasetType.Frame, "encoded": VideoDatasetType.EncodedVideo}
    settings = {"dataset_type": type_of[kind], "frames_per_second": 2, **options}
    return DomsevVideoDataset(paths[kind], paths["info"], paths["labels"], two_clips, **settings)


@pytest.mark.parametrize("kind", ["frames", "encoded"])
def test_a_sample_has_the_clip_and_the_labels_of_its_time(paths, kind: str) -> None:
    dataset = make(paths, kind)
    sample = dataset[0]
    assert numbers(sample["video"]) == list(range(15, 45))
    assert sample["labels"].tolist() == [1, 1, 3, 3, 3, 3]  # two a second
    assert sample["labels"].dtype == torch.int
    assert (sample["start_time"], sample["stop_time"]) == (1.5, 4.5)
    assert ("frame_indices" in sample) == (kind == "frames")
    assert (sample["audio"] is None) == (kind == "frames")
    assert len(dataset) == 2 and dataset[1]["labels"].tolist() == []


def test_filter_and_transform_are_applied(paths) -> None:
    dataset = make(
        paths,
        frame_filter=lambda indices: indices[::10],
        transform=lambda sample: numbers(sample["video"]),
    )
    assert dataset[0] == [15, 25, 35]


def test_encoded_videos_are_read_in_workers(paths) -> None:
    loader = DataLoader(make(paths, "encoded"), batch_size=None, num_workers=2)
    assert [len(numbers(sample["video"])) for sample in loader] == [30, 10]


def test_every_frame_is_given_once_in_a_fixed_random_order(paths) -> None:
    random.seed(0)
    dataset = DomsevFrameDataset(paths["frames"], paths["info"], paths["labels"])
    assert len(dataset) == 160
    ids = [dataset[k]["frame_id"] for k in range(160)]
    assert len(set(ids)) == 160 and ids != sorted(ids)
    assert [dataset[k]["frame_id"] for k in range(160)] == ids
    random.seed(0)
    again = DomsevFrameDataset(paths["frames"], paths["info"], paths["labels"])
    assert [again[k]["frame_id"] for k in range(8)] == ids[:8]


def test_frames_have_their_picture_and_label(paths) -> None:
    dataset = DomsevFrameDataset(
        paths["frames"], paths["info"], paths["labels"], transform=lambda sample: sample
    )
    for k in range(0, 160, 7):
        sample = dataset[k]
        video_id, _, number = sample["frame_id"].rpartition("_")
        number = int(number)
        assert sample["image"].mode == "RGB" and sample["image"].size == (16, 12)
        labelled = [0, 1, 3][(number <= 60) + (25 < number <= 60)]
        assert sample["label"] == (labelled if video_id == "P01_01" else 0)


def test_a_missing_image_is_named(paths, tmp_path: Path) -> None:
    kitchen = make_kitchen(tmp_path)
    dataset = DomsevFrameDataset(kitchen["frames"], kitchen["info"], paths["labels"])
    next((tmp_path / "frames").rglob("*_0000000080.png")).unlink()
    with pytest.raises(VideoReadError, match=r"frame_0000000080\.png"):
        list(dataset)


def test_label_types_have_their_names() -> None:
    assert LABEL_TYPE_2_MAP[LabelType.Environment][3] == "crowded_environment"
    assert LABEL_TYPE_2_MAP[LabelType.Activity][12] == "shopping"
    assert LABEL_TYPE_2_MAP[LabelType.UserAttention][2] == "interacting"
