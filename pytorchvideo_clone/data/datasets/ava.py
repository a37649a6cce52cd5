"""AVA: the clip sampler for annotations at single seconds."""

from collections.abc import Mapping
from typing import Any

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipSampler
from pytorchvideo_clone.data.video import Seconds

__all__ = ["TimeStampClipSampler"]


class TimeStampClipSampler(ClipSampler):
    """One clip around the second that the annotation names in `clip_index`.

    Args:
        clip_sampler: only its `clip_duration` is used.

    >>> from pytorchvideo_clone.data.clip_sampling import RandomClipSampler
    >>> clip = TimeStampClipSampler(RandomClipSampler(1))(None, 100, {"clip_index": 2.0})
    >>> clip.clip_start_sec, clip.clip_end_sec
    (1.5, 2.5)
    """

    samples_per_video = 1

    def __init__(self, clip_sampler: ClipSampler) -> None:
        super().__init__(clip_sampler.clip_duration)

    def __call__(
        self,
        last_clip_end_time: Seconds | None,
        video_duration: Seconds,
        annotation: Mapping[str, Any],
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        start = annotation["clip_index"] - self.clip_duration / 2
        return ClipInfo(start, start + self.clip_duration, 0, 0, True)
