import json
import random

import pytest
from torch.utils.data import DataLoader, SequentialSampler

from pytorchvideo_clone.data.clip_sampling import (
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
)
from pytorchvideo_clone.data.datasets.json_dataset import (
    UntrimmedClipSampler,
    clip_recognition_dataset,
    video_only_dataset,
)
from tests.data.coded_video import numbers, write_video

# torch warns about more workers than cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

PART = {"clip_start_sec": 10.0, "clip_end_sec": 15.0}


def test_random_clips_lie_anywhere_within_the_part():
    sampler = UntrimmedClipSampler(RandomClipSampler(2))
    rng = random.Random(0)
    starts = [next(sampler.clips(100, PART, rng)).clip_start_sec for _ in range(200)]
    assert 10 <= min(starts) < 10.2
    assert 12.8 < max(starts) <= 13


def test_uniform_clips_fill_the_part():
    sampler = UntrimmedClipSampler(UniformClipSampler(2))
    for _ in range(2):  # the second time the sampler begins again
        first = sampler(None, 100, PART)
        second = sampler(first.clip_end_sec, 100, PART)
        assert [float(t) for t in (*first[:2], *second[:2])] == [10, 12, 12, 14]
        assert second.is_last_clip
        sampler.reset()


def test_reset_begins_again_in_the_middle_of_a_part():
    sampler = UntrimmedClipSampler(UniformClipSampler(1))
    sampler(None, 100, PART)
    sampler.reset()
    assert sampler(None, 100, PART).clip_index == 0


def test_several_clips_are_shifted_together():
    sampler = UntrimmedClipSampler(RandomMultiClipSampler(2, 50))
    clips = sampler(None, 100, PART)
    assert min(clips.clip_start_sec) >= 10
    assert max(clips.clip_end_sec) <= 15


def test_chance_comes_from_the_given_generator():
    sampler = UntrimmedClipSampler(RandomClipSampler(2))
    clips = [next(sampler.clips(100, PART, random.Random("a"))) for _ in range(2)]
    assert clips[0] == clips[1]


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path


def part(start, end, noun, verb, noun_unsure=False, verb_unsure=False):
    return {
        "critical_frame_selection_parent_start_sec": start,
        "critical_frame_selection_parent_end_sec": end,
        "taxonomy": {
            "noun": noun,
            "verb": verb,
            "noun_unsure": noun_unsure,
            "verb_unsure": verb_unsure,
        },
    }


def parts_of(**videos):
    return {
        f"{name}.mp4": {"benchmarks": {"forecasting_hands_objects": parts}}
        for name, parts in videos.items()
    }


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for name, frames in (("a", 60), ("b", 30)):
        write_video(folder / f"{name}.mp4", frames, 10)
    return folder


def in_order(make, path, videos, sampler):
    return make(path, sampler, SequentialSampler, video_path_prefix=str(videos), decode_audio=False)


def test_videos_alone_have_no_label(videos, tmp_path):
    path = write_json(tmp_path / "videos.json", {"b.mp4": {"x": 1}, "a.mp4": {}})
    dataset = in_order(video_only_dataset, path, videos, UniformClipSampler(3))
    for samples in (list(dataset), list(dataset.map_style())):
        assert [numbers(sample.pop("video"))[0] for sample in samples] == [0, 0, 30]
        assert samples[0] == {
            "video_name": "b.mp4",
            "video_index": 0,
            "clip_index": 0,
            "aug_index": 0,
        }


def test_parts_have_numbers_for_noun_and_verb_and_clips_lie_within(videos, tmp_path):
    content = parts_of(
        a=[part(1.0, 3.0, "knife", "cut"), part(3.0, 6.0, "cup", "lift")],
        b=[
            part(0.5, 2.5, "cup", "cut"),
            part(0.0, 1.0, "cup", "cut", noun_unsure=True),
            part(0.0, 1.0, "cup", "cut", verb_unsure=True),
            part(0.0, 1.0, None, "cut"),
            part(0.0, 1.0, "cup", ""),
        ],
    )
    path = write_json(tmp_path / "parts.json", content)
    dataset = in_order(clip_recognition_dataset, path, videos, UniformClipSampler(1))
    samples = list(dataset)
    assert [numbers(sample["video"])[0] for sample in samples] == [10, 20, 30, 40, 50, 5, 15]
    keys = ("clip_start_sec", "clip_end_sec", "noun_label", "verb_label", "clip_index")
    rows = [tuple(sample[key] for key in keys) for sample in samples]
    assert rows[1:3] == [(1.0, 3.0, 1, 0, 1), (3.0, 6.0, 0, 1, 0)]
    assert rows[5] == (0.5, 2.5, 0, 0, 0)
    assert len(dataset.map_style()) == 7
    assert numbers(dataset.map_style()[4]["video"]) == list(range(50, 60))


def test_words_are_numbered_in_sorted_order(videos, tmp_path):
    words = ["cup", "knife", "pan", "door", "towel", "jar", "lid"]
    content = parts_of(a=[part(k / 2, k / 2 + 0.5, word, "take") for k, word in enumerate(words)])
    path = write_json(tmp_path / "parts.json", content)
    dataset = in_order(clip_recognition_dataset, path, videos, RandomClipSampler(0.5))
    assert [sample["noun_label"] for sample in dataset] == [0, 3, 5, 1, 6, 2, 4]


def test_workers_give_each_part_once(videos, tmp_path):
    content = parts_of(a=[part(k, k + 1, "cup", "lift") for k in range(5)])
    path = write_json(tmp_path / "parts.json", content)
    dataset = in_order(clip_recognition_dataset, path, videos, RandomClipSampler(0.5))
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    assert sorted(sample["clip_start_sec"] for sample in loader) == [0, 1, 2, 3, 4]


def test_another_form_is_named(tmp_path):
    sampler = RandomClipSampler(1)
    for content in ([], {}):
        path = write_json(tmp_path / "videos.json", content)
        with pytest.raises(ValueError, match="json object whose keys are paths"):
            video_only_dataset(path, sampler)
    path = write_json(tmp_path / "parts.json", parts_of(a=[part(0, 1, "cup", None)]))
    with pytest.raises(ValueError, match="no part with a sure noun and verb"):
        clip_recognition_dataset(path, sampler)
    path = write_json(tmp_path / "parts.json", {"a.mp4": {}})
    with pytest.raises(ValueError, match=r"a\.mp4 has no 'benchmarks'"):
        clip_recognition_dataset(path, sampler)
