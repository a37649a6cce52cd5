"""Clip samplers: stepped, subclassed and read."""

from fractions import Fraction

import pytest

from pytorchvideo_clone.data.clip_sampling import (
    ClipInfo,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    UniformClipSampler,
)


def sampler_of_ones_own() -> None:
    class Middle(ClipSampler):
        def __call__(self, last_clip_time, video_duration, annotation):
            start = (video_duration - self._clip_duration) / 2
            return ClipInfo(start, start + self._clip_duration, 0, 0, True)

    clip = Middle(2)(None, Fraction(5), {})
    assert clip.clip_start_sec == Fraction(3, 2)
    assert clip.clip_end_sec == Fraction(7, 2)


def counters_of_a_sampler() -> None:
    sampler = ConstantClipsPerVideoSampler(2, 3, 2)
    seen = []
    end, is_last_clip = None, False
    while not is_last_clip:
        before = (sampler._current_clip_index, sampler._current_aug_index)
        _, end, clip_index, aug_index, is_last_clip = sampler(end, 10.0, None)
        assert (clip_index, aug_index) == before
        seen.append(before)
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    sampler.reset()
    assert (sampler._current_clip_index, sampler._current_aug_index) == (0, 0)


def loop_with_annotation_by_name() -> None:
    """All clips of a video, as a loader steps through them: 3 of 2 s in 10 s, evenly."""
    clip_sampler = ConstantClipsPerVideoSampler(clip_duration=2, clips_per_video=3)
    all_clips_timepoints = []
    is_last_clip, end = False, 0.0
    while not is_last_clip:
        start, end, _, _, is_last_clip = clip_sampler(end, 10, annotation=None)
        all_clips_timepoints.append((float(start), float(end)))
    assert all_clips_timepoints == [(0, 2), (4, 6), (8, 10)]


def settings_of_a_uniform_sampler() -> None:
    class Shifted(UniformClipSampler):
        def __call__(self, last_clip_time, video_duration, annotation):
            clip = super().__call__(last_clip_time, video_duration, annotation)
            return clip._replace(clip_start_sec=clip.clip_start_sec + self._stride / 2)

    sampler = Shifted(2, stride=1, backpad_last=True)
    assert sampler._backpad_last is True
    assert sampler._eps == pytest.approx(1e-6)
    assert float(sampler(None, 10.0, {}).clip_start_sec) == 0.5
