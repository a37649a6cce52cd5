import copy
import pickle
import random
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Subset

from pytorchvideo_clone.data import (
    ClipDataset,
    ClipInfo,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    EpochSampler,
    LabeledVideoPaths,
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
    VideoReadError,
)
from pytorchvideo_clone.data.clip_dataset import make_sample
from tests.data.coded_video import numbers, write_video

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

FPS = 10
LENGTHS = {"jump/a.mp4": 30, "jump/b.mp4": 12, "run/c.mp4": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    for name, frames in LENGTHS.items():
        (root / name).parent.mkdir(exist_ok=True)
        write_video(root / name, frames, FPS, audio_sec=1 if name == "run/c.mp4" else 0)
    return root


@pytest.fixture
def videos(folder) -> LabeledVideoPaths:
    return LabeledVideoPaths.from_path(folder)


def starts(samples) -> list[int]:
    """The number of the first frame of each sample."""
    return [numbers(sample["video"])[0] for sample in samples]


def add_noise(sample):
    return {**sample, "noise": torch.rand(())}


def first_two(indices):
    return indices[:2]


def test_a_sample_holds_pytorchvideos_keys_and_the_frames_of_its_clip(videos):
    dataset = ClipDataset(videos, ConstantClipsPerVideoSampler(Fraction(1, 2), 2))
    sample = dataset[5]
    assert list(sample) == [
        "video", "video_name", "video_index", "clip_index", "aug_index", "label",
    ]  # fmt: skip
    assert numbers(sample.pop("video")) == [15, 16, 17, 18, 19]
    assert sample == {
        "video_name": "c.mp4", "video_index": 2, "clip_index": 1, "aug_index": 0, "label": 1,
    }  # fmt: skip


def test_a_planned_sample_says_whether_it_counts(videos):
    dataset = ClipDataset(videos, RandomClipSampler(1))
    sampler = EpochSampler(dataset, shuffle=False, rank=1, world_size=2)
    assert [(s["video_index"], s["valid"]) for s in map(dataset.__getitem__, sampler)] == [
        (1, True),
        (0, False),
    ]
    assert "valid" not in dataset[0]


def test_audio_is_there_where_the_video_has_it(videos):
    dataset = ClipDataset(videos, RandomClipSampler(10), decode_audio=True)
    assert "audio" not in dataset[0]
    assert list(dataset[2])[-1] == "audio"
    assert dataset[2]["audio"].dim() == 1


def test_audio_alone_can_be_read(videos):
    dataset = ClipDataset(videos, RandomClipSampler(1), decode_video=False, decode_audio=True)
    sample = dataset[2]
    assert sample["video"] is None
    assert len(sample["audio"]) > 0


def test_bytes_and_only_the_wanted_frames_can_be_asked_for(videos):
    dataset = ClipDataset(
        videos, RandomClipSampler(10), video_dtype=torch.uint8, frame_filter=first_two
    )
    assert dataset[1]["video"].dtype == torch.uint8
    assert numbers(dataset[1]["video"]) == [0, 1]


def test_large_frames_can_be_asked_for_smaller(videos):
    dataset = ClipDataset(videos, RandomClipSampler(1), short_side=24)
    assert dataset[0]["video"].shape == (3, 10, 24, 32)


def test_a_random_sampler_gives_one_sample_a_video(videos):
    assert len(ClipDataset(videos, RandomClipSampler(1))) == 3
    assert len(ClipDataset(videos, RandomMultiClipSampler(1, 4))) == 3


def test_a_constant_sampler_needs_no_file_for_the_length():
    missing = LabeledVideoPaths([("nowhere.mp4", 0)] * 4)
    assert len(ClipDataset(missing, ConstantClipsPerVideoSampler(1, 5, 3))) == 60


def test_a_uniform_sampler_gives_every_clip_of_every_video(videos):
    dataset = ClipDataset(videos, UniformClipSampler(Fraction(1, 2)))
    assert len(dataset) == 6 + 2 + 4
    placed = [(s["video_index"], s["clip_index"]) for s in dataset]
    assert placed == [(v, c) for v, count in enumerate((6, 2, 4)) for c in range(count)]
    assert starts(dataset) == [0, 5, 10, 15, 20, 25, 0, 5, 0, 5, 10, 15]


def test_several_clips_of_one_sample_come_as_lists(videos):
    sample = ClipDataset(videos, RandomMultiClipSampler(Fraction(3, 10), 2))[0]
    assert [len(numbers(video)) for video in sample["video"]] == [3, 3]
    assert sample["clip_index"] == [0, 0]
    assert sample["label"] == 0


def test_negative_indices_count_from_the_end_and_others_are_refused(videos):
    dataset = ClipDataset(videos, ConstantClipsPerVideoSampler(1, 2), add_noise)
    assert dataset[-1]["noise"] == dataset[5]["noise"]
    assert dataset[-1]["video_index"] == 2
    for index in (6, -7):
        with pytest.raises(IndexError, match=f"index {index} is out of range: there are 6"):
            dataset[index]


def test_nothing_is_at_any_index_of_an_empty_list():
    dataset = ClipDataset([], RandomClipSampler(1))
    with pytest.raises(IndexError, match="there are 0 samples"):
        dataset[0]


def test_the_fingerprint_is_that_of_the_list(videos):
    def fingerprint(paths):
        return ClipDataset(paths, RandomClipSampler(1)).fingerprint()

    assert fingerprint(videos) == videos.fingerprint()
    rows = [("a.mp4", {}), ("b.mp4", {})]
    assert fingerprint(rows) == fingerprint(list(rows)) != fingerprint(rows[::-1])


def test_class_names_come_from_the_folder(videos):
    assert ClipDataset(videos, RandomClipSampler(1)).class_names == ["jump", "run"]
    assert ClipDataset([("a.mp4", {})], RandomClipSampler(1)).class_names is None


def test_a_sample_depends_on_seed_epoch_and_index_alone(videos):
    def draw(seed=0, epoch=0, order=(0, 1, 2)):
        dataset = ClipDataset(videos, RandomClipSampler(Fraction(1, 5)), add_noise, seed=seed)
        dataset.set_epoch(epoch)
        samples = {index: dataset[index] for index in order}
        return [(starts([samples[i]])[0], float(samples[i]["noise"])) for i in range(3)]

    first = draw()
    random.seed(5)
    torch.manual_seed(5)
    assert draw(order=(2, 0, 1, 0)) == first
    assert draw(epoch=1) != first
    assert draw(seed=1) != first
    assert [draw(epoch=e)[0][0] for e in range(6)].count(first[0][0]) < 6


def any_two(indices):
    return [indices[place] for place in torch.randint(len(indices), (2,)).tolist()]


def test_frames_drawn_by_a_filter_depend_on_seed_epoch_and_index_alone(videos):
    dataset = ClipDataset(videos, RandomClipSampler(10), frame_filter=any_two)
    first = numbers(dataset[0]["video"])
    torch.rand(7)
    assert numbers(dataset[0]["video"]) == first
    dataset.set_epoch(1)
    assert numbers(dataset[0]["video"]) != first


def test_what_a_video_tells_about_its_clip_comes_with_the_sample(videos):
    clip = {"video": 0, "audio": None, "frame_indices": [3], "label": [[1]], "mood": "good"}
    video = videos[0][0]
    with ClipDataset(videos, RandomClipSampler(1))._open(video) as opened:
        sample = make_sample(clip, opened, 0, ClipInfo(0, 1, 0, 0, True), {"mood": "bad"})
    assert (sample["label"], sample["mood"]) == ([[1]], "good")
    assert "frame_indices" not in sample


def test_reading_leaves_the_global_generators_alone(videos):
    dataset = ClipDataset(videos, RandomClipSampler(Fraction(1, 5)), add_noise)
    before, python_before = torch.get_rng_state(), random.getstate()
    dataset[0]
    assert torch.get_rng_state().equal(before)
    assert random.getstate() == python_before


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_workers_give_the_same_samples_and_see_the_epoch_change(videos, context):
    dataset = ClipDataset(videos, RandomClipSampler(Fraction(1, 5)), add_noise, seed=3)
    loader = DataLoader(
        Subset(dataset, [2, 0, 1]),
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    seen = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        samples = list(loader)
        alone = [dataset[index] for index in (2, 0, 1)]
        assert starts(samples) == starts(alone)
        assert [s["noise"] for s in samples] == [s["noise"] for s in alone]
        seen.append([float(s["noise"]) for s in samples])
    assert seen[0] != seen[1] != seen[2]


def test_clips_of_a_uniform_sampler_are_shared_among_workers(videos):
    dataset = ClipDataset(videos, UniformClipSampler(Fraction(1, 2)))
    loader = DataLoader(dataset, batch_size=5, num_workers=2, multiprocessing_context="fork")
    batches = list(loader)
    assert [len(batch["label"]) for batch in batches] == [5, 5, 2]
    assert batches[0]["video"].shape == (5, 3, 5, 48, 64)
    indices = torch.cat([batch["video_index"] for batch in batches])
    assert indices.tolist() == [0] * 6 + [1] * 2 + [2] * 4


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))]
)
def test_a_copy_keeps_the_epoch_and_has_one_of_its_own(videos, duplicate):
    dataset = ClipDataset(videos, RandomClipSampler(Fraction(1, 5)), seed=1)
    dataset.set_epoch(4)
    other = duplicate(dataset)
    assert starts(other) == starts(dataset)
    other.set_epoch(5)
    assert (dataset.epoch, other.epoch) == (4, 5)
    assert other._epoch.is_shared()


def test_a_missing_file_is_an_error_with_its_path(tmp_path):
    path = str(tmp_path / "nowhere.mp4")
    with pytest.raises(VideoReadError, match="no such file") as caught:
        ClipDataset([(path, {})], RandomClipSampler(1))[0]
    assert caught.value.path == path


def test_a_damaged_file_is_an_error_with_its_path(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("this is no video")
    with pytest.raises(VideoReadError) as caught:
        ClipDataset([(str(path), {})], RandomClipSampler(1))[0]
    assert caught.value.path == str(path)


def test_a_damaged_file_does_not_hide_the_others(folder, tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("this is no video")
    good = str(folder / "jump/b.mp4")
    dataset = ClipDataset([(str(path), {}), (good, {})], UniformClipSampler(Fraction(1, 2)))
    assert len(dataset) == 3
    assert starts([dataset[1], dataset[2]]) == [0, 5]
    with pytest.raises(VideoReadError, match="text"):
        dataset[0]


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_an_error_crosses_from_a_worker_with_all_it_says(tmp_path, context):
    text = tmp_path / "with py: text.mp4"
    text.write_text("this is no video")
    dataset = ClipDataset([(str(text), {})], RandomClipSampler(1))
    loader = DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context=context)
    samples = iter(loader)
    with pytest.raises(VideoReadError) as caught:
        next(samples)
    assert next(samples, None) is None  # so that the worker ends, without waiting five seconds
    error = caught.value
    assert (error.path, error.backend, error.time) == (str(text), "pyav", None)
    assert "no video file" in error.cause
    assert str(error) == f"cannot read {text} with pyav: {error.cause}"
    assert "in _worker_loop" in error.__notes__[0]
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, again.cause) == (error.path, error.cause)


class ByChance(ClipSampler):
    """Fewer clips each time it is asked."""

    asked = 0

    def __call__(self, last_clip_end_time, video_duration, annotation):
        if last_clip_end_time is None:
            type(self).asked += 1
        start = last_clip_end_time or 0
        return ClipInfo(start, start + 1, 0, 0, start + self.asked >= 2)


def test_a_number_of_clips_that_changes_is_refused(folder):
    dataset = ClipDataset([(str(folder / "jump/a.mp4"), {})], ByChance(1))
    assert len(dataset) == 2
    with pytest.raises(RuntimeError, match=r"ByChance gave clip 1 .* must not depend on chance"):
        dataset[1]


def test_nothing_to_decode_is_refused(videos):
    with pytest.raises(ValueError, match="nothing would be read"):
        ClipDataset(videos, RandomClipSampler(1), decode_video=False)


def test_a_transform_gets_the_sample_and_its_result_is_given(videos):
    dataset = ClipDataset(videos, RandomClipSampler(1), transform=lambda sample: sample["label"])
    assert list(dataset) == [0, 0, 1]


def test_large_frames_come_in_the_size_that_the_transform_asks_for(tmp_path: Path) -> None:
    path = write_video(tmp_path / "large.mp4", 8, size=(192, 256))
    sizes = []

    def look(sample: dict) -> dict:
        sizes.append(tuple(sample["video"].shape[2:]))
        return sample

    for wanted, options in ((None, {}), (64, {}), (64, {"short_side": 10**6}), (160, {})):
        look.source_short_side = wanted
        ClipDataset([(path, {})], RandomClipSampler(0.2), look, **options)[0]
    assert sizes == [(192, 256), (64, 86), (192, 256), (192, 256)]
