import random

from pytorchvideo_clone.data.clip_sampling import (
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
)
from pytorchvideo_clone.data.datasets.json_dataset import UntrimmedClipSampler

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
