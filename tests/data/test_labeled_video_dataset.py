import itertools
import logging
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
)

from pytorchvideo_clone.data import (
    ConstantClipsPerVideoSampler,
    LabeledVideoDataset,
    RandomClipSampler,
    UniformClipSampler,
    labeled_video_dataset,
    make_clip_sampler,
)
from pytorchvideo_clone.data.video import Video, VideoPathHandler
from tests.data.coded_video import numbers, write_video

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

FPS = 10
SECOND = Fraction(1)


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list:
    """Five videos of 1, 2, ... 5 seconds."""
    root = tmp_path_factory.mktemp("videos")
    return [
        (write_video(root / f"{n}.mp4", n * FPS, FPS, audio_sec=n * (n == 2)), {"label": n})
        for n in range(1, 6)
    ]


def in_order(paths, sampler=None, **options) -> LabeledVideoDataset:
    sampler = sampler or UniformClipSampler(SECOND)
    return LabeledVideoDataset(paths, sampler, SequentialSampler, **options)


def places(samples) -> list[tuple[int, int]]:
    return [(sample["label"], sample["clip_index"]) for sample in samples]


ALL = [(n, clip) for n in range(1, 6) for clip in range(n)]


def test_samples_have_pytorchvideos_keys_with_audio_last(paths):
    samples = list(in_order(paths[:2]))
    keys = ["video", "video_name", "video_index", "clip_index", "aug_index", "label"]
    assert [list(sample) for sample in samples] == [keys, [*keys, "audio"], [*keys, "audio"]]
    assert numbers(samples[2]["video"]) == list(range(10, 20))


def test_the_info_of_a_video_may_replace_generic_entries(paths):
    (sample,) = in_order([(paths[0][0], {"video_index": 77})], decode_audio=False)
    assert sample["video_index"] == 77


def test_a_clip_is_decoded_once_for_all_its_augmentations(paths):
    samples = list(in_order(paths[:1], ConstantClipsPerVideoSampler(Fraction(1, 2), 1, 3)))
    assert [sample["aug_index"] for sample in samples] == [0, 1, 2]
    assert len({sample["video"].data_ptr() for sample in samples}) == 1


def test_the_data_set_is_its_own_iterator(paths):
    assert places([next(in_order(paths, decode_audio=False))]) == ALL[:1]


def test_iterating_again_begins_again(paths):
    dataset = in_order(paths, decode_audio=False)
    assert places(dataset) == places(dataset) == ALL
    assert iter(dataset) is dataset
    assert places([next(dataset), next(dataset)]) == ALL[:2]
    iter(dataset)
    assert places([next(dataset)]) == ALL[:1]


class Limited(Dataset):
    """PyTorchVideo's tutorials make a map-style data set like this."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.samples = itertools.chain.from_iterable(itertools.repeat(iter(dataset), 2))

    def __getitem__(self, index):
        return next(self.samples)

    def __len__(self):
        return 2 * self.dataset.num_videos


def test_the_limited_data_set_of_the_tutorials_works(paths):
    dataset = LabeledVideoDataset(paths, RandomClipSampler(SECOND), decode_audio=False)
    loader = DataLoader(Limited(dataset), batch_size=None)
    labels = [sample["label"] for sample in loader]
    assert sorted(labels[:5]) == sorted(labels[5:]) == [1, 2, 3, 4, 5]


def test_a_sample_that_the_transform_drops_is_left_out(paths):
    keep = {"transform": lambda s: s if s["clip_index"] == 1 else None}
    assert places(in_order(paths, **keep)) == [(n, 1) for n in range(2, 6)]


def test_an_error_of_the_transform_is_not_swallowed(paths):
    def fail(sample):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        next(in_order(paths, transform=fail))


def test_unreadable_videos_are_skipped_and_named_in_the_log(paths, tmp_path, caplog):
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    broken = [(str(text), {}), (str(tmp_path / "nowhere.mp4"), {})]
    with caplog.at_level(logging.WARNING):
        assert places(in_order([*broken, *paths, *broken])) == ALL
    assert caplog.text.count("text.mp4") == caplog.text.count("nowhere.mp4") == 2


def test_ten_failures_in_a_row_name_every_video_and_cause(paths, tmp_path):
    broken = [(str(tmp_path / f"{n}.mp4"), {}) for n in range(20)]
    with pytest.raises(RuntimeError, match="10 videos in a row") as caught:
        list(in_order(broken))
    lines = str(caught.value).splitlines()[1:]
    assert len(lines) == 10
    assert all(f"{n}.mp4" in line and "not found" in line for n, line in enumerate(lines))


def test_a_success_in_between_forgives_failures(paths, tmp_path):
    broken = [(str(tmp_path / "nowhere.mp4"), {})] * 9
    assert places(in_order([*broken, *paths, *broken])) == ALL


def test_a_damaged_clip_ends_its_video_only(paths):
    class Torn(Video):
        name, duration, closed = "torn", 3.0, False

        def get_clip(self, start_sec, end_sec):
            return {"video": torch.zeros(3, 1, 2, 2), "audio": None} if start_sec == 0 else None

        def close(self):
            Torn.closed = True

    class Handler:
        def video_from_path(self, path, **options):
            return Torn()

    dataset = in_order([("a", {"label": 0}), ("b", {"label": 1})])
    dataset.video_path_handler = Handler()
    assert places(dataset) == [(0, 0), (1, 0)]
    assert Torn.closed


def test_a_wrong_decoder_name_is_an_error_at_once(paths):
    with pytest.raises(ValueError, match="decoder is 'quick'"):
        next(in_order(paths, decoder="quick"))


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_workers_share_the_videos_and_agree_on_the_order(paths, context):
    dataset = LabeledVideoDataset(paths, UniformClipSampler(SECOND), decode_audio=False)
    next(iter(dataset))  # a data set in the middle of a video still travels
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=context)
    assert sorted(places(loader)) == ALL


def test_more_workers_than_videos_lose_nothing(paths):
    dataset = in_order(paths[:2], decode_audio=False)
    loader = DataLoader(dataset, batch_size=None, num_workers=3, multiprocessing_context="fork")
    assert sorted(places(loader)) == [(1, 0), (2, 0), (2, 1)]


def test_the_random_order_follows_torchs_seed_and_changes_with_each_epoch(paths):
    dataset = LabeledVideoDataset(paths, RandomClipSampler(SECOND), decode_audio=False)
    assert isinstance(dataset.video_sampler, RandomSampler)

    def orders():
        torch.manual_seed(3)
        return [[sample["label"] for sample in dataset] for _ in range(3)]

    first = orders()
    assert orders() == first
    assert len({tuple(order) for order in first}) > 1
    assert all(sorted(order) == [1, 2, 3, 4, 5] for order in first)


def test_ranks_with_a_distributed_sampler_share_the_videos(paths):
    seen = []
    for rank in range(2):

        def share(videos, rank=rank):
            return DistributedSampler(videos, num_replicas=2, rank=rank, shuffle=False)

        dataset = LabeledVideoDataset(
            paths[:4], UniformClipSampler(SECOND), share, decode_audio=False
        )
        assert dataset.num_videos == 2
        seen.append({sample["label"] for sample in dataset})
    assert seen == [{1, 3}, {2, 4}]


def test_a_folder_of_class_folders_becomes_a_data_set(paths, tmp_path):
    for name in ("jump", "run"):
        (tmp_path / name).mkdir()
        Path(tmp_path / name / "a.mp4").symlink_to(paths[0][0])
    dataset = labeled_video_dataset(
        tmp_path, make_clip_sampler("uniform", 1), SequentialSampler, decode_audio=False
    )
    assert places(dataset) == [(0, 0), (1, 0)]
    assert dataset.num_videos == 2


def test_a_list_with_a_prefix_becomes_a_data_set(paths, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("1.mp4 4\n2.mp4 5\n")
    dataset = labeled_video_dataset(
        file,
        make_clip_sampler("random", 1),
        SequentialSampler,
        video_path_prefix=str(Path(paths[0][0]).parent),
        decode_audio=False,
    )
    assert places(dataset) == [(4, 0), (5, 0)]


def test_map_style_gives_the_same_samples_by_number(paths):
    def label(sample):
        return {**sample, "seen": sample["label"]}

    dataset = in_order(paths, decode_audio=False, transform=label)
    by_number = dataset.map_style(seed=3, video_dtype=torch.uint8)
    assert places(by_number) == places(dataset)
    assert by_number.seed == 3
    assert by_number[4]["video"].dtype == torch.uint8
    assert by_number[4]["seen"] == by_number[4]["label"]
    assert by_number.video_path_handler is dataset.video_path_handler


class Listening(VideoPathHandler):
    """Keep what videos are opened with."""

    def video_from_path(self, filepath, **options):
        self.options = options
        options.pop("flow", None)
        return super().video_from_path(filepath, **options)


def test_options_for_opening_reach_the_handler(paths):
    dataset = in_order(paths, open_options={"fps": 10, "flow": True}, decode_audio=False)
    for one in (dataset, dataset.map_style()):
        one.video_path_handler = Listening()
        next(iter(one))
        assert one.video_path_handler.options["fps"] == 10
