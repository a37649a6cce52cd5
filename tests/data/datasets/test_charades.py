import pickle
from fractions import Fraction

import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from pytorchvideo_clone.data import VideoReadError, make_clip_sampler
from pytorchvideo_clone.data.datasets import Charades
from tests.data.coded_video import numbers
from tests.data.datasets.listed_frames import write_frame_list

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

LENGTHS = [6, 12]
LABELS = [
    ["", "3", "3,20", "20", "156", ""],
    [str(frame) for frame in range(12)],
]


@pytest.fixture
def frames(tmp_path):
    return write_frame_list(tmp_path, LENGTHS, LABELS)


def charades(frames, sampler=None, video_sampler=SequentialSampler, **options):
    sampler = sampler or make_clip_sampler("uniform", Fraction(3, 30))
    return Charades(frames, sampler, video_sampler, video_path_prefix=str(frames.parent), **options)


def test_samples_have_the_labels_of_their_frames_and_of_the_video(frames):
    samples = list(charades(frames))
    shown = [numbers(sample.pop("video")) for sample in samples]
    firsts = [(0, 0), (0, 3), (1, 0), (1, 3), (1, 6), (1, 9)]
    assert shown == [[50 * v + first + k for k in range(3)] for v, first in firsts]
    assert samples[1] == {
        "video_name": "0",
        "video_index": 0,
        "clip_index": 1,
        "aug_index": 0,
        "label": [[20], [156], []],
        "video_label": [3, 20, 156],
    }
    assert samples[5]["label"] == [[9], [10], [11]]


def test_only_the_frames_kept_are_read_and_labels_reach_from_first_to_last(frames):
    for frame in (1, 3, 4):
        (frames.parent / f"v0/img_{frame + 1}.png").unlink()
    sampler = make_clip_sampler("uniform", Fraction(6, 30))
    sample = next(charades(frames, sampler, frames_per_clip=3))
    assert numbers(sample["video"]) == [0, 2, 5]
    assert sample["label"] == [[], [3], [3, 20], [20], [156], []]


def test_a_clip_between_two_frames_is_left_out(frames, caplog):
    sampler = make_clip_sampler("uniform", Fraction(1, 50))
    samples = list(charades(frames, sampler, frames_per_clip=2))
    assert [numbers(sample["video"]) for sample in samples] == [[0, 0], [1, 1], [50, 50], [51, 51]]
    assert "nothing begins in [0.040, 0.060) s" in caplog.text


def test_no_frame_at_all_is_refused(frames):
    with pytest.raises(ValueError, match="frames_per_clip is 0; it must be at least 1"):
        charades(frames, frames_per_clip=0)


def test_one_frame_can_be_kept(frames):
    assert [numbers(s["video"]) for s in charades(frames, frames_per_clip=1)][:2] == [[0], [3]]


def test_changing_a_sample_leaves_the_labels(frames):
    dataset = charades(frames).map_style()
    dataset[0]["label"][1].append(7)
    assert dataset[0]["label"] == [[], [3], [3, 20]]


def test_by_number_all_clips_count(frames):
    dataset = charades(frames)
    by_number = dataset.map_style(video_dtype=torch.uint8)
    assert len(by_number) == 6
    assert [sample["label"] for sample in by_number] == [sample["label"] for sample in dataset]
    assert numbers(by_number[-1]["video"]) == [59, 60, 61]
    assert by_number[-1]["video"].dtype == torch.uint8


def test_another_rate_can_be_given_by_number(frames):
    dataset = charades(frames).map_style(open_options={"fps": 10})
    assert [numbers(sample["video"]) for sample in dataset] == [
        [50 * v + k] for v, length in enumerate(LENGTHS) for k in range(length)
    ]


def test_several_clips_of_one_sample_have_labels_each(frames):
    sampler = make_clip_sampler("random_multi", 1.0, 2)
    sample = charades(frames, sampler).map_style()[0]
    assert [numbers(clip) for clip in sample["video"]] == [list(range(6))] * 2
    assert sample["label"][0] == sample["label"][1] == [[], [3], [3, 20], [20], [156], []]


def test_it_can_be_pickled(frames):
    dataset = pickle.loads(pickle.dumps(charades(frames, frames_per_clip=2)))
    assert next(sample["label"] for sample in dataset) == [[], [3], [3, 20]]


def test_iterating_again_begins_again_also_in_the_middle_of_a_video(frames):
    dataset = charades(frames)
    next(iter(dataset)), next(dataset)
    assert [[sample["clip_index"] for sample in dataset] for _ in range(2)] == [
        [0, 1, 0, 1, 2, 3]
    ] * 2


def test_strides_shorter_than_a_clip_begin_at_the_start(frames):
    sampler = make_clip_sampler("uniform", Fraction(4, 30), Fraction(2, 30))
    assert [numbers(s["video"])[0] for s in charades(frames, sampler)][:3] == [0, 2, 50]


def test_workers_give_each_sample_once(frames):
    dataset = charades(frames, video_sampler=RandomSampler, frames_per_clip=2)
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    places = sorted((sample["video_index"], sample["clip_index"]) for sample in loader)
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_a_missing_image_is_named(frames, caplog):
    (frames.parent / "v0/img_5.png").unlink()
    assert [sample["clip_index"] for sample in charades(frames)] == [0, 0, 1, 2, 3]
    assert "v0/img_5.png" in caplog.text
    with pytest.raises(VideoReadError, match=r"v0/img_5\.png: the image does not"):
        charades(frames).map_style()[1]


def test_damage_can_be_padded_by_number(frames):
    for frame in (1, 2, 3, 5):
        (frames.parent / f"v0/img_{frame}.png").unlink()
    dataset = charades(frames).map_style(faults="pad")
    samples = [dataset[0], dataset[1]]
    assert [sample["label"] for sample in samples] == [[], [[20], [156], []]]
    assert [sample["valid"] for sample in samples] == [False, True]
    assert samples[1]["frame_mask"].tolist() == [True, False, True]
    assert numbers(samples[1]["video"]) == [3, 3, 5]


def test_labels_that_are_no_numbers_are_named(frames):
    frames.write_text(frames.read_text().replace('"3,20"', '"sit"'))
    with pytest.raises(ValueError, match=r"frames\.csv: the labels 'sit' must be whole numbers"):
        charades(frames)
