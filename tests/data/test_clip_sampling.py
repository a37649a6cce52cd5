import copy
import itertools
import pickle
import random
from fractions import Fraction

import pytest

from pytorchvideo_clone.data.clip_sampling import (
    SAMPLERS,
    ClipInfo,
    ClipInfoList,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    RandomClipSampler,
    RandomMultiClipSampler,
    RandomMultiClipSamplerTruncateFromStart,
    UniformClipSampler,
    UniformClipSamplerTruncateFromStart,
    make_clip_sampler,
)

EXAMPLES = {
    "uniform": (1.0, 0.5),
    "random": (1.0,),
    "constant_clips_per_video": (1.0, 3, 2),
    "random_multi": (1.0, 2),
}


def step_through(sampler: ClipSampler, duration: float) -> list:
    """All clips of a video in PyTorchVideo's protocol."""
    clips, end, last = [], None, False
    while not last:
        clips.append(sampler(end, duration, {}))
        is_list = isinstance(clips[-1], ClipInfoList)
        end = clips[-1].clip_end_sec[-1] if is_list else clips[-1].clip_end_sec
        last = clips[-1].is_last_clip[-1] if is_list else clips[-1].is_last_clip
    sampler.reset()
    return clips


@pytest.mark.parametrize("name", SAMPLERS)
def test_clips_are_those_of_the_call_protocol(name):
    sampler = make_clip_sampler(name, *EXAMPLES[name])
    random.seed(3)
    stepped = step_through(sampler, 4.2)
    assert list(sampler.clips(4.2, {}, random.Random(3))) == stepped


@pytest.mark.parametrize("name", SAMPLERS)
def test_clips_leaves_a_half_stepped_sampler_as_it_was(name):
    sampler = make_clip_sampler(name, *EXAMPLES[name])
    first = sampler(None, 4.2, {})
    before = copy.copy(vars(sampler))
    list(sampler.clips(9.0, {}, random.Random(0)))
    assert vars(sampler) == before
    assert isinstance(first, ClipInfo | ClipInfoList)


@pytest.mark.parametrize("name", SAMPLERS)
def test_chance_comes_from_the_given_generator_alone(name):
    sampler = make_clip_sampler(name, *EXAMPLES[name])
    state = random.getstate()
    first = list(sampler.clips(4.2, {}, random.Random("a")))
    random.seed(99)
    assert list(sampler.clips(4.2, {}, random.Random("a"))) == first
    random.setstate(state)
    list(sampler.clips(4.2, {}, random.Random("a")))
    assert random.getstate() == state


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_says_how_many_samples_every_video_gives(name):
    sampler = make_clip_sampler(name, *EXAMPLES[name])
    for duration in (0.3, 4.2):
        count = len(list(sampler.clips(duration, {}, random.Random(0))))
        assert sampler.samples_per_video in (None, count)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_can_be_pickled(name):
    sampler = pickle.loads(pickle.dumps(make_clip_sampler(name, *EXAMPLES[name])))
    assert list(sampler.clips(4.2, {}, random.Random(0)))


@pytest.mark.parametrize("name", SAMPLERS)
def test_times_are_fractions(name):
    clip = make_clip_sampler(name, *EXAMPLES[name])(None, 4.2, {})
    for time in (clip.clip_start_sec, clip.clip_end_sec):
        assert all(isinstance(t, Fraction) for t in (time if isinstance(time, list) else [time]))


@pytest.mark.parametrize("backpad_last", [False, True])
@pytest.mark.parametrize("stride", [Fraction(1, 10), Fraction(1, 3), Fraction(1), Fraction(5, 3)])
@pytest.mark.parametrize(
    "duration", [Fraction(1, 7), Fraction(1), Fraction(10, 3), Fraction(47, 10)]
)
def test_uniform_clips_stay_within_the_video(duration, stride, backpad_last):
    clips = list(UniformClipSampler(1, stride, backpad_last).clips(duration, {}, random.Random(0)))
    assert [clip.clip_index for clip in clips] == list(range(len(clips)))
    assert [clip.is_last_clip for clip in clips] == [False] * (len(clips) - 1) + [True]
    assert clips[0].clip_start_sec == 0
    assert all(clip.clip_end_sec <= max(duration, 1) for clip in clips)
    if backpad_last:
        assert clips[-1].clip_end_sec == max(duration, 1) or stride > 1
    else:
        assert clips[-1].clip_end_sec + stride > duration


def test_random_clips_cover_every_place_and_stay_within_the_video():
    rng = random.Random(0)
    starts = [
        float(next(RandomClipSampler(2).clips(10, {}, rng)).clip_start_sec) for _ in range(400)
    ]
    assert min(starts) >= 0 and max(starts) <= 8
    assert min(starts) < 0.2 and max(starts) > 7.8


def test_random_multi_draws_independently():
    clip = RandomMultiClipSampler(1, 5)(None, 100, {})
    assert len(set(clip.clip_start_sec)) == 5


def test_truncated_samplers_use_the_beginning_of_the_video_only():
    uniform = UniformClipSamplerTruncateFromStart(1, truncation_duration=3)
    assert len(list(uniform.clips(100, {}, random.Random(0)))) == 3
    multi = RandomMultiClipSamplerTruncateFromStart(1, 50, truncation_duration=3)
    clips = next(multi.clips(100, {}, random.Random(0)))
    assert max(clips.clip_end_sec) <= 3


def test_a_sampler_of_the_user_works_with_both_protocols():
    class EverySecond(ClipSampler):
        def __call__(self, last_clip_end_time, video_duration, annotation):
            start = 0 if last_clip_end_time is None else last_clip_end_time + 1
            return ClipInfo(start, start + 1, 0, 0, start + 3 > video_duration)

    starts = [clip.clip_start_sec for clip in EverySecond(1).clips(6, {}, random.Random(0))]
    assert starts == [0, 2, 4]


@pytest.mark.parametrize("arguments", [(1, 0), (1, -0.5)])
def test_a_stride_that_is_not_positive_is_refused(arguments):
    with pytest.raises(AssertionError, match="stride is"):
        UniformClipSampler(*arguments)


@pytest.mark.parametrize(
    ("placement", "expected"), [("endpoints", [0, 4, 8]), ("division", [0, 8 / 3, 16 / 3])]
)
def test_constant_clips_are_placed_as_asked(placement, expected):
    sampler = ConstantClipsPerVideoSampler(2, 3, placement=placement)
    starts = [float(clip.clip_start_sec) for clip in sampler.clips(10, {}, random.Random(0))]
    assert starts == pytest.approx(expected)


def test_an_unknown_placement_is_refused():
    with pytest.raises(ValueError, match="placement is 'middle'; choose one of endpoints"):
        ConstantClipsPerVideoSampler(2, 3, placement="middle")


def test_counts_below_one_are_refused():
    with pytest.raises(ValueError, match="clips_per_video is 0"):
        ConstantClipsPerVideoSampler(1, 0)
    with pytest.raises(ValueError, match="num_clips is 0"):
        RandomMultiClipSampler(1, 0)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(NotImplementedError, match=r"'dense'.*constant_clips_per_video.*uniform"):
        make_clip_sampler("dense", 1)


def test_back_padding_ends_without_tolerance():
    sampler = UniformClipSampler(1, backpad_last=True, eps=0)
    clips = itertools.islice(sampler.clips(Fraction(5, 2), {}, random.Random(0)), 9)
    assert [clip.clip_start_sec for clip in clips] == [0, 1, Fraction(3, 2)]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("duration", [-1, 0, float("nan"), float("inf")])
def test_a_clip_that_does_not_last_is_refused(name: str, duration: float) -> None:
    with pytest.raises(ValueError, match=f"clip_duration is {duration} s; it must be positive"):
        make_clip_sampler(name, duration, *EXAMPLES[name][1:])
