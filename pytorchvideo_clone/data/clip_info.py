"""What a clip sampler answers, and what it is given."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from pytorchvideo_clone.data.video import Seconds

__all__ = ["Annotation", "ClipInfo", "ClipInfoList", "RandomSource"]

Annotation = Mapping[str, Any]


class RandomSource(Protocol):
    """Where chance comes from: a `random.Random`, or the module `random` itself."""

    def uniform(self, a: float, b: float) -> float:
        """Draw a number between `a` and `b`."""


class ClipInfo(NamedTuple):
    """One clip of a video: the half-open range [clip_start_sec, clip_end_sec).

    Attributes:
        clip_start_sec: where it begins, in seconds.
        clip_end_sec: where it ends, in seconds.
        clip_index: its number within the video.
        aug_index: which repetition of the same clip it is.
        is_last_clip: whether the video gives no clip after it.
    """

    clip_start_sec: Seconds
    clip_end_sec: Seconds
    clip_index: int
    aug_index: int
    is_last_clip: bool


class ClipInfoList(NamedTuple):
    """Several clips that make one sample: each field of `ClipInfo` as a list."""

    clip_start_sec: list[Seconds]
    clip_end_sec: list[Seconds]
    clip_index: list[int]
    aug_index: list[int]
    is_last_clip: list[bool]
