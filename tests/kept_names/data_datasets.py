"""Data sets as PyTorchVideo's tutorials, PySlowFast, Flash and others make and load them."""

import itertools
import json
import os
import warnings
from unittest import mock

import pytest
import torch
from pytorchvideo_clone.data.hmdb51 import Hmdb51LabeledVideoPaths
from pytorchvideo_clone.data.labeled_video_paths import LabeledVideoPaths
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
)

import pytorchvideo_clone.data
from pytorchvideo_clone.data import (
    LabeledVideoDataset,
    RandomClipSampler,
    UniformClipSampler,
    labeled_video_dataset,
    make_clip_sampler,
)
from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler
from pytorchvideo_clone.data.utils import MultiProcessSampler
from pytorchvideo_clone.transforms import (
    ApplyTransformToKey,
    Normalize,
    ShortSideScale,
    UniformTemporalSubsample,
)
from tests.data.coded_video import numbers, write_video

KEYS = ["video", "video_name", "video_index", "clip_index", "aug_index", "label"]


def kinetics_of_the_tutorial(class_folder) -> None:
    """A `DataLoader` with workers over a folder of classes."""

    class KineticsDataModule:
        _DATA_PATH = str(class_folder)
        _CLIP_DURATION = 1

        def train_dataloader(self):
            train_dataset = pytorchvideo_clone.data.Kinetics(
                data_path=os.path.join(self._DATA_PATH, ""),  # noqa: PTH118
                clip_sampler=pytorchvideo_clone.data.make_clip_sampler(
                    "random", self._CLIP_DURATION
                ),
                decode_audio=False,
            )
            return DataLoader(train_dataset, batch_size=3, num_workers=1)

    (batch,) = KineticsDataModule().train_dataloader()
    assert batch["video"].shape == (3, 3, 10, 48, 64)
    assert sorted(batch["label"].tolist()) == [0, 0, 1]
    assert sorted(batch["video_name"]) == ["0.mp4", "0.mp4", "1.mp4"]


def transform_of_the_tutorial(class_folder) -> None:
    from torchvision.transforms import Compose, Lambda

    transform = ApplyTransformToKey(
        key="video",
        transform=Compose(
            [
                UniformTemporalSubsample(4),
                Lambda(lambda x: x / 255.0),
                Normalize((0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
                ShortSideScale(size=24),
            ]
        ),
    )
    dataset = labeled_video_dataset(
        str(class_folder),
        make_clip_sampler("constant_clips_per_video", 1, 2),
        video_sampler=SequentialSampler,
        transform=transform,
        decode_audio=False,
        decoder="pyav",
    )
    samples = list(dataset)
    assert [sample["video"].shape for sample in samples] == [(3, 4, 24, 32)] * 6
    assert max(sample["video"].max() for sample in samples) < 2.5


def keys_and_audio(labeled_videos: list) -> None:
    dataset = LabeledVideoDataset(labeled_videos, UniformClipSampler(1), SequentialSampler)
    sample = next(iter(dataset))
    assert list(sample) == [*KEYS, "audio"]
    assert sample["video_name"] == "0.mp4"
    assert sample["audio"].ndim == 1


def sampler_of_the_data_set(labeled_videos: list) -> None:
    """The epoch is told to the sampler that the data set made of the class it got."""

    def make(videos):
        return DistributedSampler(videos, num_replicas=1, rank=0, shuffle=True)

    dataset = LabeledVideoDataset(labeled_videos, RandomClipSampler(1), make, decode_audio=False)
    assert isinstance(dataset.video_sampler, DistributedSampler)
    assert dataset.num_videos == 3
    orders = set()
    for epoch in range(6):
        dataset.video_sampler.set_epoch(epoch)
        orders.add(tuple(sample["video_index"] for sample in dataset))
    assert len(orders) > 1
    assert all(sorted(order) == [0, 1, 2] for order in orders)


def limited_by_islice(labeled_videos: list) -> None:
    dataset = LabeledVideoDataset(
        labeled_videos, UniformClipSampler(1), video_sampler=RandomSampler, decode_audio=False
    )
    assert [sample["clip_index"] for sample in itertools.islice(dataset, 3)] == [0, 1, 0]


def list_with_prefix(class_folder, tmp_path) -> None:
    (tmp_path / "train.csv").write_text("jump/0.mp4 4\nrun/0.mp4 7\n")
    dataset = pytorchvideo_clone.data.Ucf101(
        data_path=str(tmp_path / "train.csv"),
        clip_sampler=make_clip_sampler("uniform", 2),
        video_sampler=SequentialSampler,
        video_path_prefix=str(class_folder),
        decode_audio=False,
        decoder="decord",
    )
    assert [sample["label"] for sample in dataset] == [4, 7]


def paths_and_labels(class_folder) -> None:
    paths = LabeledVideoPaths.from_path(str(class_folder))
    names = ("jump/0.mp4", "jump/1.mp4", "run/0.mp4")
    listed = [(str(class_folder / name), int("run" in name)) for name in names]
    assert paths._paths_and_labels == listed
    paths._paths_and_labels = [row for row in paths._paths_and_labels if row[1] == 1]
    assert len(paths) == 1
    assert paths[0] == (str(class_folder / "run" / "0.mp4"), {"label": 1})
    paths._paths_and_labels.append(("b.mp4", 5))
    paths.path_prefix = "/videos"
    assert paths[1] == ("/videos/b.mp4", {"label": 5})
    assert len(paths) == 2


def paths_of_ones_own(video_path: str) -> None:
    class Described(LabeledVideoPaths):
        def __getitem__(self, index):
            path, info = super().__getitem__(index)
            return path, {**info, "text": f"label {info['label']}"}

    videos = Described([(video_path, 3)])
    (sample,) = LabeledVideoDataset(videos, UniformClipSampler(2), decode_audio=False)
    assert sample["text"] == "label 3"


def several_clips_at_once(labeled_videos: list) -> None:
    dataset = LabeledVideoDataset(
        labeled_videos, make_clip_sampler("random_multi", 1, 2), decode_audio=False
    )
    sample = next(iter(dataset))
    assert [clip.shape for clip in sample["video"]] == [(3, 10, 48, 64)] * 2
    assert sample["clip_index"] == sample["aug_index"] == [0, 0]


def list_sampler_of_ones_own(labeled_videos: list) -> None:
    class Ends(ClipSampler):
        def __call__(self, last_clip_end_time, video_duration, annotation):
            starts = [0, video_duration - self._clip_duration]
            ends = [start + self._clip_duration for start in starts]
            return ClipInfoList(starts, ends, [0, 0], [0, 0], [True, True])

    dataset = LabeledVideoDataset(labeled_videos, Ends(0.5), SequentialSampler, decode_audio=False)
    samples = list(dataset)
    assert len(samples) == 3
    assert [numbers(clip) for clip in samples[0]["video"]] == [
        [0, 1, 2, 3, 4],
        [15, 16, 17, 18, 19],
    ]


def patched_worker_info() -> None:
    """Workers that a test pretends to be."""
    shares = []
    for worker_id in range(3):
        info = mock.NonCallableMock(id=worker_id, num_workers=3)
        with mock.patch("torch.utils.data.get_worker_info", return_value=info):
            shares.append(list(MultiProcessSampler(SequentialSampler(range(10)))))
    assert shares == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]


def skipped_and_dropped(labeled_videos: list, tmp_path) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    videos = [(str(tmp_path / "bad.mp4"), {"label": 9}), *labeled_videos]
    dataset = LabeledVideoDataset(
        videos,
        UniformClipSampler(2),
        SequentialSampler,
        transform=lambda sample: None if sample["label"] == 1 else sample["label"],
    )
    assert list(dataset) == [0, 2]
    only_bad = LabeledVideoDataset(videos[:1] * 10, UniformClipSampler(2))
    with pytest.raises(RuntimeError):
        next(iter(only_bad))


def hmdb51_avi_with_decord(tmp_path) -> None:
    """The files of its splits name AVI files, which decord does not time."""
    name = "a_wave_f_cm_np1_ba_med_0.avi"
    (tmp_path / "wave").mkdir()
    write_video(tmp_path / "wave" / name, frames=20, rate=10, codec="mpeg4")
    (tmp_path / "wave_test_split1.txt").write_text(f"{name} 1\n")
    dataset = pytorchvideo_clone.data.Hmdb51(
        data_path=str(tmp_path),
        clip_sampler=make_clip_sampler("uniform", 1),
        video_path_prefix=str(tmp_path),
        split_id=1,
        split_type="train",
        decode_audio=False,
        decoder="decord",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(dataset)
    assert [numbers(sample["video"]) for sample in samples] == [[*range(10)], [*range(10, 20)]]
    assert samples[0]["label"] == "wave"
    assert samples[0]["meta_tags"] == ["f", "cm", "np1", "ba", "med"]
    paths = Hmdb51LabeledVideoPaths.from_dir(str(tmp_path), split_id=1, split_type="train")
    assert len(paths) == 1


def clip_info_fields() -> None:
    info = ClipInfo(clip_start_sec=0, clip_end_sec=2, clip_index=1, aug_index=0, is_last_clip=False)
    start, end, clip_index, aug_index, is_last_clip = info
    assert (start, end, clip_index, aug_index, is_last_clip) == (0, 2, 1, 0, False)
    assert pytorchvideo_clone.data.clip_sampling.ClipInfo is ClipInfo


def video_only_of_json(class_folder, tmp_path) -> None:
    from pytorchvideo_clone.data.json_dataset import video_only_dataset

    (tmp_path / "videos.json").write_text(json.dumps({"jump/0.mp4": {}, "run/0.mp4": {}}))
    dataset = video_only_dataset(
        data_path=str(tmp_path / "videos.json"),
        clip_sampler=make_clip_sampler("uniform", 1),
        video_path_prefix=str(class_folder),
        decode_audio=False,
    )
    assert sum(1 for _ in dataset) == 4


def order_by_chance(labeled_videos: list) -> None:
    torch.manual_seed(3)
    dataset = LabeledVideoDataset(labeled_videos, RandomClipSampler(2), decode_audio=False)
    assert sorted(sample["video_index"] for sample in dataset) == [0, 1, 2]
