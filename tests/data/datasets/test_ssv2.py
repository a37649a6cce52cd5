import json
from fractions import Fraction

import pytest
import torch
from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data import VideoReadError, make_clip_sampler
from pytorchvideo_clone.data.datasets import SSv2
from tests.data.coded_video import numbers
from tests.data.datasets.listed_frames import write_frame_list

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

LENGTHS = [7, 30, 10]
NAMES = {"Moving something": "0", "Attaching something to something": "1"}
TEMPLATES = ["Moving [something]", "Attaching [something] to [something]", "Moving something"]


@pytest.fixture
def folder(tmp_path):
    write_frame_list(tmp_path, LENGTHS)
    (tmp_path / "names.json").write_text(json.dumps(NAMES))
    rows = [{"id": f"v{video}", "template": text} for video, text in enumerate(TEMPLATES)]
    (tmp_path / "labels.json").write_text(json.dumps(rows))
    return tmp_path


def ssv2(folder, sampler=None, video_sampler=SequentialSampler, **options):
    return SSv2(
        folder / "names.json",
        folder / "labels.json",
        folder / "frames.csv",
        sampler or make_clip_sampler("random", Fraction(1, 30)),
        video_sampler,
        video_path_prefix=str(folder),
        **options,
    )


def test_a_sample_is_the_whole_video_whatever_the_clip(folder):
    samples = list(ssv2(folder))
    assert [numbers(sample.pop("video")) for sample in samples] == [
        list(range(50 * video, 50 * video + length)) for video, length in enumerate(LENGTHS)
    ]
    assert samples == [
        {"video_name": str(n), "video_index": n, "clip_index": 0, "aug_index": 0, "label": label}
        for n, label in enumerate([0, 1, 0])
    ]


def test_only_the_middle_frames_of_equal_parts_are_read(folder):
    for frame in (1, 3, 4, 6, 7):  # all but frames 1 and 4, counted from 0
        (folder / f"v0/img_{frame}.png").unlink()
    assert numbers(next(ssv2(folder, frames_per_clip=2))["video"]) == [1, 4]


def test_random_frames_come_one_from_each_part(folder):
    dataset = ssv2(folder, frames_per_clip=3, rand_sample_frames=True).map_style(seed=1)
    seen = [set(), set(), set()]
    for epoch in range(60):
        dataset.set_epoch(epoch)
        for part, number in enumerate(numbers(dataset[0]["video"])):
            seen[part].add(number)
    assert seen == [{0, 1, 2}, {2, 3, 4}, {4, 5, 6}]


def test_by_number_random_frames_depend_on_seed_epoch_and_index_alone(folder):
    dataset = ssv2(folder, frames_per_clip=8, rand_sample_frames=True).map_style()

    def shown():
        return numbers(dataset[1]["video"])

    first = shown()
    torch.rand(3)
    assert shown() == first
    dataset.set_epoch(1)
    assert shown() != first


def test_by_number_workers_change_nothing(folder):
    dataset = ssv2(folder, frames_per_clip=8, rand_sample_frames=True).map_style()
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    for alone, other in zip(dataset, loader, strict=True):
        assert numbers(other["video"]) == numbers(alone["video"])


def test_clips_are_as_many_as_the_sampler_says(folder):
    sampler = make_clip_sampler("uniform", Fraction(1, 3))
    dataset = ssv2(folder, sampler, frames_per_clip=2)
    places = [(sample["video_index"], sample["clip_index"]) for sample in dataset]
    assert places == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)]
    by_number = dataset.map_style(video_dtype=torch.uint8)
    assert [(sample["video_index"], sample["clip_index"]) for sample in by_number] == places
    assert by_number[0]["video"].dtype == torch.uint8
    assert by_number.class_names == list(NAMES)


def test_strides_shorter_than_a_clip_begin_at_the_start(folder):
    sampler = make_clip_sampler("uniform", Fraction(6, 30), Fraction(3, 30))
    assert [sample["clip_index"] for sample in ssv2(folder, sampler)] == [0, *range(9), 0, 1]


def test_iterating_again_begins_again(folder):
    dataset = ssv2(folder)
    next(iter(dataset))
    assert [[sample["video_index"] for sample in dataset] for _ in range(2)] == [[0, 1, 2]] * 2
    assert len(dataset.video_sampler) == 3


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_workers_give_each_sample_once(folder, context):
    dataset = ssv2(folder, make_clip_sampler("constant_clips_per_video", 0.1, 2))
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context=context)
    places = sorted((sample["video_index"], sample["clip_index"]) for sample in loader)
    assert places == [(video, clip) for video in range(3) for clip in range(2)]


def test_a_missing_image_is_named(folder, caplog):
    (folder / "v1/img_3.png").unlink()
    dataset = ssv2(folder)
    assert [sample["video_index"] for sample in dataset] == [0, 2]
    assert "v1/img_3.png" in caplog.text
    with pytest.raises(VideoReadError, match=r"v1/img_3\.png: the image does not") as caught:
        dataset.map_style()[1]
    assert caught.value.path == f"{folder}/v1#1"


def test_damage_can_be_replaced_or_padded_by_number(folder):
    (folder / "v1/img_3.png").unlink()
    replaced = ssv2(folder).map_style(faults="substitute")
    assert numbers(replaced[1]["video"])[0] in (0, 100)
    assert f"{folder}/v1#1: {folder}/v1/img_3.png: the image" in str(replaced.fault_log.report())
    padded = ssv2(folder).map_style(faults="pad")[1]
    assert numbers(padded["video"]) == [50, 51, 51, *range(53, 80)]
    assert padded["frame_mask"].tolist() == [frame != 2 for frame in range(30)]


def test_videos_are_in_the_order_of_their_labels_and_need_both(folder, caplog):
    rows = [{"id": f"v{n}", "template": TEMPLATES[n % 3]} for n in (2, 5, 1)]
    (folder / "labels.json").write_text(json.dumps(rows))
    assert [numbers(sample["video"])[0] for sample in ssv2(folder)] == [100, 50]
    assert "1 labelled videos have no frames" in caplog.text
    (folder / "labels.json").write_text(json.dumps(rows[1:2]))
    with pytest.raises(ValueError, match="no video in common"):
        ssv2(folder)


def test_numbers_with_gaps_have_no_class_names(folder):
    (folder / "names.json").write_text(json.dumps({**NAMES, "Dropping something": "7"}))
    assert ssv2(folder).map_style().class_names is None


def test_a_template_without_a_number_is_named(folder):
    (folder / "names.json").write_text('{"Moving something": "0"}')
    with pytest.raises(ValueError, match=r"no label 'Attaching something to something', as of v1"):
        ssv2(folder)
