"""What a clip sampler answers, and what it is given."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from pytorchvideo_clone.data.video import Seconds

__all__ = ["Annotation", "ClipInfo", "ClipInfoList", "RandomSource", "as_clip_info", "end_of"]

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


def as_clip_info(answer: Any) -> ClipInfo | ClipInfoList:
    """Take what a sampler answers: samplers of other projects may give a plain tuple.

    >>> as_clip_info((0, 2, 0, 0, True)).clip_end_sec
    2
    """
    if isinstance(answer, ClipInfo | ClipInfoList):
        return answer
    return ClipInfoList(*answer) if isinstance(answer[0], list) else ClipInfo(*answer)


def end_of(span: ClipInfo | ClipInfoList) -> tuple[Seconds, bool]:
    """Give where the last clip of an answer ends, and whether it is the last of the video.

    >>> end_of(ClipInfoList([0, 5], [2, 7], [0, 0], [0, 0], [True, True]))
    (7, True)
    """
    if isinstance(span, ClipInfoList):
        return span.clip_end_sec[-1], span.is_last_clip[-1]
    return span.clip_end_sec, span.is_last_clip
