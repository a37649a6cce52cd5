"""Ego4D moments: the clip sampler for labelled moments of long videos."""

import json
import math
import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipSampler
from pytorchvideo_clone.data.datasets.ego4d.imu import Ego4dImuDataBase
from pytorchvideo_clone.data.files import PathLike, open_file
from pytorchvideo_clone.data.video import Seconds

# PyTorchVideo's ego4d.utils, which this module stands for, has the base class too.
__all__ = ["Ego4dImuDataBase", "MomentsClipSampler", "check_window_len", "get_label_id_map"]

# Annotations were made by hand: a label may end this long after the video, in seconds.
_TOLERANCE_SEC = 0.1


class MomentsClipSampler(ClipSampler):
    """One clip around the labelled moment, moved to lie within the video.

    The moment is `annotation["label_video_start_sec"]` to `annotation["label_video_end_sec"]`, in
    seconds.

    Args:
        window_sec: length of the clip in seconds, centred on the moment; 0 takes the moment itself.

    Raises:
        ValueError: if `window_sec` is negative or not a number.

    >>> moment = {"label_video_start_sec": 4.0, "label_video_end_sec": 6.0}
    >>> MomentsClipSampler(4)(None, 100.0, moment)[:2]
    (3.0, 7.0)
    """

    samples_per_video = 1

    def __init__(self, window_sec: Seconds = 0) -> None:
        # Not as for other samplers: 0 has a meaning.
        if not 0 <= window_sec < math.inf:
            raise ValueError(f"window_sec is {window_sec} s; it must be 0 or more.")
        self._clip_duration = Fraction(window_sec)

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
        if self._clip_duration > 0:
            width = min(float(self._clip_duration), video_duration)
            start, end = check_window_len(start, end, width, video_duration)
        return ClipInfo(start, min(end, video_duration), 0, 0, True)


def check_window_len(
    s_time: Seconds, e_time: Seconds, w_len: Seconds, video_dur: Seconds | None
) -> tuple[Seconds, Seconds]:
    """Widen or narrow a part to the length of a window, about its middle and within the video.

    Args:
        s_time: begin of the part in seconds.
        e_time: its end.
        w_len: length of the window in seconds.
        video_dur: length of the video in seconds; None if the end does not matter.

    Raises:
        AssertionError: if the window is longer than the video.

    >>> check_window_len(95.0, 99.0, 10, 100.0)
    (90.0, 100.0)
    """
    # PyTorchVideo's exception, raised so that python -O keeps it.
    if video_dur is not None and w_len > video_dur:
        raise AssertionError(f"a window of {w_len} s does not fit into a video of {video_dur} s.")
    start = max(0, (s_time + e_time) / 2 - w_len / 2)
    if video_dur is not None:
        start = min(start, video_dur - w_len)
    return start, start + w_len


def get_label_id_map(label_id_map_path: PathLike) -> dict[str, int]:
    """Read the numbers of the labels from a json file, {name: number}.

    Raises:
        FileNotFoundError: if there is no such file, or it holds something else.
    """
    try:
        with open_file(label_id_map_path) as file:
            found = json.load(file)
        return {str(name): int(number) for name, number in found.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        # PyTorchVideo's exception.
        raise FileNotFoundError(
            f"{os.fspath(label_id_map_path)} is no json file of label names and their numbers "
            f"({error})."
        ) from error
