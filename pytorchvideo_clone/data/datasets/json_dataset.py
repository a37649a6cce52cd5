"""Data sets from one json file: the clip sampler for annotated parts of long videos."""

from collections.abc import Mapping
from typing import Any

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler, RandomSource
from pytorchvideo_clone.data.video import Seconds

__all__ = ["UntrimmedClipSampler"]


class UntrimmedClipSampler(ClipSampler):
    """The clips that another sampler takes from the annotated part of a long video.

    The part is `annotation["clip_start_sec"]` to `annotation["clip_end_sec"]`, in seconds of the
    whole video; so are the clips.

    Args:
        clip_sampler: applied to the part as if it were a video.

    >>> import random
    >>> from pytorchvideo_clone.data.clip_sampling import UniformClipSampler
    >>> sampler = UntrimmedClipSampler(UniformClipSampler(2))
    >>> part = {"clip_start_sec": 10, "clip_end_sec": 15}
    >>> [int(clip.clip_start_sec) for clip in sampler.clips(100, part, random.Random(0))]
    [10, 12]
    """

    def __init__(self, clip_sampler: ClipSampler) -> None:
        super().__init__(clip_sampler.clip_duration)
        self.clip_sampler = clip_sampler
        self.samples_per_video = clip_sampler.samples_per_video

    def __call__(
        self,
        last_clip_end_time: Seconds | None,
        video_duration: Seconds,
        annotation: Mapping[str, Any],
    ) -> ClipInfo | ClipInfoList:
        """As in `ClipSampler`."""
        begin = annotation["clip_start_sec"]
        end = annotation["clip_end_sec"]
        last = None if last_clip_end_time is None else last_clip_end_time - begin
        clip = self.clip_sampler(last, end - begin, annotation)
        if isinstance(clip, ClipInfoList):
            return clip._replace(
                clip_start_sec=[start + begin for start in clip.clip_start_sec],
                clip_end_sec=[stop + begin for stop in clip.clip_end_sec],
            )
        return clip._replace(
            clip_start_sec=clip.clip_start_sec + begin, clip_end_sec=clip.clip_end_sec + begin
        )

    def reset(self) -> None:
        """As in `ClipSampler`."""
        self.clip_sampler.reset()

    def _fresh(self, rng: RandomSource) -> ClipSampler:
        return UntrimmedClipSampler(self.clip_sampler._fresh(rng))
