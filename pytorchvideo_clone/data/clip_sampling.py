"""Which clips to take from a video: the samplers, all on one protocol.

A sampler can be stepped, as in PyTorchVideo (`sampler(last_clip_end_time, video_duration,
annotation)` until `is_last_clip`, then `reset()`), or asked for all clips of a video at once with
`clips`, which leaves it as it was. Both give the same sequence. Times are seconds.
"""

import copy
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Literal

from pytorchvideo_clone.data.clip_info import (
    Annotation,
    ClipInfo,
    ClipInfoList,
    RandomSource,
    as_clip_info,
    end_of,
)
from pytorchvideo_clone.data.video import Seconds

__all__ = [
    "SAMPLERS",
    "ClipInfo",
    "ClipInfoList",
    "ClipSampler",
    "ConstantClipsPerVideoSampler",
    "RandomClipSampler",
    "RandomMultiClipSampler",
    "RandomMultiClipSamplerTruncateFromStart",
    "RandomSource",
    "UniformClipSampler",
    "UniformClipSamplerTruncateFromStart",
    "make_clip_sampler",
]


class ClipSampler(ABC):
    """Base of the samplers; a new one defines `__call__`, and `reset` if it counts.

    State and settings have PyTorchVideo's names, such as `_clip_duration` and
    `_current_clip_index`: samplers of other projects read and write them.

    Args:
        clip_duration: length of a clip in seconds.

    Attributes:
        samples_per_video: how many samples every video gives; None if that depends on the video.

    Raises:
        ValueError: if `clip_duration` is not positive.
    """

    samples_per_video: int | None = None

    # Chance comes from Python's generator, as in PyTorchVideo; `clips` puts its own in place.
    _uniform: Callable[[float, float], float] = staticmethod(random.uniform)

    def __init__(self, clip_duration: Seconds) -> None:
        if not 0 < clip_duration < math.inf:
            raise ValueError(f"clip_duration is {clip_duration} s; it must be positive.")
        self._clip_duration = Fraction(clip_duration)
        self._current_clip_index = 0
        self._current_aug_index = 0

    @property
    def clip_duration(self) -> Fraction:
        """Length of a clip in seconds."""
        return self._clip_duration

    @abstractmethod
    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfo | ClipInfoList:
        """Give the next clip.

        Args:
            last_clip_end_time: `clip_end_sec` of the clip before, None at the beginning.
            video_duration: of the whole video, in seconds.
            annotation: what the data set knows about the video.
        """

    def reset(self) -> None:  # noqa: B027 (a sampler that does not count has nothing to do)
        """Begin again; the caller does so after the last clip of a video."""

    def clips(
        self, duration: Seconds, info: Annotation, rng: RandomSource
    ) -> Iterator[ClipInfo | ClipInfoList]:
        """Give all clips of one video, from the first; the sampler itself is left as it was.

        Args:
            duration: of the video, in seconds.
            info: what the data set knows about the video.
            rng: the only source of chance.

        >>> sampler = UniformClipSampler(1)
        >>> [float(clip.clip_start_sec) for clip in sampler.clips(2.5, {}, random.Random(0))]
        [0.0, 1.0]
        """
        sampler = self._fresh(rng)
        end: Seconds | None = None
        last = False
        while not last:
            clip = as_clip_info(sampler(end, duration, info))
            yield clip
            end, last = end_of(clip)

    def _random_start(self, video_duration: Seconds) -> Fraction:
        """A start, drawn so that the clip ends within the video; 0 if the video is shorter."""
        latest = max(Fraction(0), Fraction(video_duration) - self._clip_duration)
        return Fraction(self._uniform(0, float(latest)))

    def _fresh(self, rng: RandomSource) -> "ClipSampler":
        """A copy at its beginning that draws from `rng`."""
        sampler = copy.copy(self)
        sampler._uniform = rng.uniform  # type: ignore[method-assign]
        sampler.reset()
        return sampler


class UniformClipSampler(ClipSampler):
    """Clips at regular distances, from the start of the video to its end.

    Without `backpad_last` clips that would run past the end are left out (a video shorter than one
    clip still gives one). With it the last clip is moved back so that it ends where the video does,
    and overlaps its predecessor.

    Args:
        clip_duration: length of a clip in seconds.
        stride: distance between the starts of neighbouring clips in seconds; None means
            `clip_duration`.
        backpad_last: whether the rest of the video gets a clip too.
        eps: how far, in seconds, a clip may run past the end of the video, for rounding.

    Raises:
        AssertionError: if `stride` is not positive.

    >>> sampler = UniformClipSampler(1, stride=0.5)
    >>> [float(clip.clip_start_sec) for clip in sampler.clips(2, {}, random.Random(0))]
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self,
        clip_duration: Seconds,
        stride: Seconds | None = None,
        backpad_last: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__(clip_duration)
        self._stride = self._clip_duration if stride is None else Fraction(stride)
        if self._stride <= 0:
            raise AssertionError(
                f"stride is {self._stride} s; it must be positive. None means clip_duration."
            )
        self._backpad_last = backpad_last
        self._eps = eps

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        duration = Fraction(video_duration)
        start = Fraction(0)
        if last_clip_end_time is not None:
            start = Fraction(last_clip_end_time) + self._stride - self._clip_duration
        start = self._place(start, duration)
        end = start + self._clip_duration
        next_end = self._place(start + self._stride, duration) + self._clip_duration
        runs_over = next_end - duration > self._eps
        is_last = abs(next_end - end) <= self._eps if self._backpad_last else runs_over
        clip = ClipInfo(start, end, self._current_clip_index, 0, is_last)
        self._current_clip_index = 0 if is_last else self._current_clip_index + 1
        return clip

    def _place(self, start: Fraction, duration: Fraction) -> Fraction:
        """Move a start back as far as back padding wants."""
        if self._backpad_last and start + self._clip_duration > duration:
            return max(Fraction(0), duration - self._clip_duration)
        return start

    def reset(self) -> None:
        """As in `ClipSampler`."""
        self._current_clip_index = 0


class UniformClipSamplerTruncateFromStart(UniformClipSampler):
    """`UniformClipSampler` on the first `truncation_duration` seconds of the video.

    Args:
        clip_duration: as in `UniformClipSampler`, as are `stride`, `backpad_last` and `eps`.
        stride: as there.
        backpad_last: as there.
        eps: as there.
        truncation_duration: seconds from the start that are used; None means all.
    """

    def __init__(
        self,
        clip_duration: Seconds,
        stride: Seconds | None = None,
        backpad_last: bool = False,
        eps: float = 1e-6,
        truncation_duration: Seconds | None = None,
    ) -> None:
        super().__init__(clip_duration, stride, backpad_last, eps)
        self._truncation_duration = math.inf if truncation_duration is None else truncation_duration

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        used = min(video_duration, self._truncation_duration)
        return super().__call__(last_clip_end_time, used, annotation)


class RandomClipSampler(ClipSampler):
    """One clip, which starts anywhere such that it ends within the video.

    Args:
        clip_duration: length of a clip in seconds; a shorter video gives one clip from 0.

    >>> clip = RandomClipSampler(2)(None, 10.0, {})
    >>> 0 <= clip.clip_start_sec <= 8, clip.is_last_clip
    (True, True)
    """

    samples_per_video = 1

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        start = self._random_start(video_duration)
        return ClipInfo(start, start + self._clip_duration, 0, 0, True)


class RandomMultiClipSampler(ClipSampler):
    """Several independent random clips of a video, as one sample.

    Args:
        clip_duration: length of a clip in seconds.
        num_clips: how many.

    >>> clips = RandomMultiClipSampler(2, num_clips=3)(None, 10.0, {})
    >>> len(clips.clip_start_sec)
    3
    """

    samples_per_video = 1

    def __init__(self, clip_duration: Seconds, num_clips: int) -> None:
        super().__init__(clip_duration)
        if num_clips < 1:
            raise ValueError(f"num_clips is {num_clips}; it must be at least 1.")
        self._num_clips = num_clips

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfoList:
        """As in `ClipSampler`."""
        starts = [self._random_start(video_duration) for _ in range(self._num_clips)]
        ends = [start + self._clip_duration for start in starts]
        count = self._num_clips
        return ClipInfoList([*starts], [*ends], [0] * count, [0] * count, [True] * count)


class RandomMultiClipSamplerTruncateFromStart(RandomMultiClipSampler):
    """`RandomMultiClipSampler` on the first `truncation_duration` seconds of the video.

    Args:
        clip_duration: length of a clip in seconds.
        num_clips: how many.
        truncation_duration: seconds from the start that are used; None means all.
    """

    def __init__(
        self,
        clip_duration: Seconds,
        num_clips: int,
        truncation_duration: Seconds | None = None,
    ) -> None:
        super().__init__(clip_duration, num_clips)
        self._truncation_duration = math.inf if truncation_duration is None else truncation_duration

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfoList:
        """As in `ClipSampler`."""
        used = min(video_duration, self._truncation_duration)
        return super().__call__(last_clip_end_time, used, annotation)


class ConstantClipsPerVideoSampler(ClipSampler):
    """The same number of clips from every video, spread evenly over it.

    Args:
        clip_duration: length of a clip in seconds.
        clips_per_video: how many; one alone begins at 0. A video shorter than a clip gives that
            many equal ones.
        augs_per_clip: how often each clip is given, with aug_index 0, 1, …, for example once for
            each spatial crop.
        placement: where clip i of n begins in a video with `rest` seconds besides one clip:
            "endpoints" at rest * i / (n - 1), "division" at rest * i / n.

    Raises:
        ValueError: if one of the counts is below 1, or the placement is unknown.

    >>> sampler = ConstantClipsPerVideoSampler(2, clips_per_video=3)
    >>> [float(clip.clip_start_sec) for clip in sampler.clips(10, {}, random.Random(0))]
    [0.0, 4.0, 8.0]
    """

    def __init__(
        self,
        clip_duration: Seconds,
        clips_per_video: int,
        augs_per_clip: int = 1,
        placement: Literal["endpoints", "division"] = "endpoints",
    ) -> None:
        super().__init__(clip_duration)
        if clips_per_video < 1 or augs_per_clip < 1:
            raise ValueError(
                f"clips_per_video is {clips_per_video} and augs_per_clip {augs_per_clip}; "
                "both must be at least 1."
            )
        steps = {"endpoints": max(clips_per_video - 1, 1), "division": clips_per_video}
        if placement not in steps:
            raise ValueError(f"placement is {placement!r}; choose one of {', '.join(steps)}.")
        self._clips_per_video = clips_per_video
        self._augs_per_clip = augs_per_clip
        self._steps = steps[placement]
        self.samples_per_video = clips_per_video * augs_per_clip

    def __call__(
        self, last_clip_end_time: Seconds | None, video_duration: Seconds, annotation: Annotation
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        clip_index, aug_index = self._current_clip_index, self._current_aug_index
        latest = max(Fraction(0), Fraction(video_duration) - self._clip_duration)
        start = latest * Fraction(clip_index, self._steps)
        end = start + self._clip_duration
        is_last_aug = aug_index + 1 >= self._augs_per_clip
        is_last = is_last_aug and clip_index + 1 >= self._clips_per_video
        if is_last:
            self.reset()
        else:
            self._current_clip_index += is_last_aug
            self._current_aug_index = 0 if is_last_aug else aug_index + 1
        return ClipInfo(start, end, clip_index, aug_index, is_last)

    def reset(self) -> None:
        """As in `ClipSampler`."""
        self._current_clip_index = self._current_aug_index = 0


SAMPLERS: dict[str, type[ClipSampler]] = {
    "uniform": UniformClipSampler,
    "random": RandomClipSampler,
    "constant_clips_per_video": ConstantClipsPerVideoSampler,
    "random_multi": RandomMultiClipSampler,
}


def make_clip_sampler(sampling_type: str, *args: Any) -> ClipSampler:
    """Make a clip sampler by name.

    Args:
        sampling_type: a key of `SAMPLERS`.
        *args: what its class takes, `clip_duration` first.

    Raises:
        NotImplementedError: if there is none of that name.

    >>> make_clip_sampler("constant_clips_per_video", 2.0, 10, 3).samples_per_video
    30
    """
    if sampling_type not in SAMPLERS:
        raise NotImplementedError(
            f"No clip sampler {sampling_type!r}; choose from {', '.join(sorted(SAMPLERS))}."
        )
    return SAMPLERS[sampling_type](*args)
