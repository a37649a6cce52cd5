"""Ego4D moments: the clip sampler for labelled moments of long videos."""

from collections.abc import Mapping
from typing import Any

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipSampler
from pytorchvideo_clone.data.video import Seconds

__all__ = ["MomentsClipSampler"]

# Annotations were made by hand: a label may end this long after the video, in seconds.
_TOLERANCE_SEC = 0.1


class MomentsClipSampler(ClipSampler):
    """One clip around the labelled moment, moved to lie within the video.

    The moment is `annotation["label_video_start_sec"]` to `annotation["label_video_end_sec"]`, in
    seconds.

    Args:
        window_sec: length of the clip in seconds, centred on the moment; 0 takes the moment itself.

    >>> moment = {"label_video_start_sec": 4.0, "label_video_end_sec": 6.0}
    >>> MomentsClipSampler(4)(None, 100.0, moment)[:2]
    (3.0, 7.0)
    """

    samples_per_video = 1

    def __init__(self, window_sec: Seconds = 0) -> None:
        super().__init__(window_sec)

    def __call__(
        self,
        last_clip_end_time: Seconds | None,
        video_duration: Seconds,
        annotation: Mapping[str, Any],
    ) -> ClipInfo:
        """Give the clip.

        Raises:
            ValueError: if the moment ends clearly after the video.
        """
        start = annotation["label_video_start_sec"]
        end = annotation["label_video_end_sec"]
        if end > video_duration + _TOLERANCE_SEC:
            raise ValueError(
                f"The moment ends at {float(end)} s, but the video at {float(video_duration)} s; "
                "the annotation belongs to another video."
            )
        if self.clip_duration > 0:
            width = float(self.clip_duration)
            start = (start + end) / 2 - width / 2
            start = max(0, min(start, video_duration - width))
            end = start + width
        return ClipInfo(start, min(end, video_duration), 0, 0, True)
