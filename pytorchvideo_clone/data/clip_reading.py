"""From an open video to a sample."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList
from pytorchvideo_clone.data.video import Seconds, Video, VideoReadError

__all__ = ["Sample", "make_sample", "naming", "read_clip", "with_path"]

Sample = dict[str, Any]


def read_clip(
    video: Video, span: ClipInfo | ClipInfoList, decode_video: bool = True, **options: Any
) -> dict[str, Any]:
    """Read what a sampler asked for.

    Args:
        video: an open video.
        span: one clip, or several.
        decode_video: whether there must be frames; else there must be audio.
        options: as for `Video.get_clip`.

    Returns:
        The clip of `Video.get_clip`; for several, with a list at each key.

    Raises:
        VideoReadError: if it cannot be read, or nothing begins in it.
    """
    if isinstance(span, ClipInfoList):
        singles = [
            _read_one(video, start, end, decode_video, options)
            for start, end in zip(span.clip_start_sec, span.clip_end_sec, strict=True)
        ]
        return {key: [clip[key] for clip in singles] for key in singles[0]}
    return _read_one(video, span.clip_start_sec, span.clip_end_sec, decode_video, options)


def make_sample(
    clip: Mapping[str, Any],
    video: Video,
    video_index: int,
    span: ClipInfo | ClipInfoList,
    info: Mapping[str, Any],
) -> Sample:
    """Put a sample together, with PyTorchVideo's keys in PyTorchVideo's order.

    Args:
        clip: from `read_clip`; what it holds beyond frames, their indices and audio comes too, and
            wins over `info`.
        video: where it was read.
        video_index: number of the video.
        span: what the sampler asked for.
        info: entries of the video's own, which win over the generic ones.
    """
    sample = {
        "video": clip["video"],
        "video_name": video.name,
        "video_index": video_index,
        "clip_index": span.clip_index,
        "aug_index": span.aug_index,
        **info,
        **{key: clip[key] for key in clip if key not in {"video", "audio", "frame_indices"}},
    }
    audio = clip.get("audio")
    has_audio = all(a is not None for a in audio) if isinstance(audio, list) else audio is not None
    return {**sample, "audio": audio} if has_audio else sample


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn every way of failing to read into a VideoReadError that says which path.

    Args:
        path: of the video.

    >>> with naming("a.mp4"):
    ...     open("nowhere/a.mp4")
    Traceback (most recent call last):
    pytorchvideo_clone.data.video.VideoReadError: cannot read a.mp4: there is no such file or folder
    """
    try:
        yield
    except VideoReadError as error:
        if error.path == path:
            raise
        raise with_path(error, path) from error
    except FileNotFoundError as error:
        raise VideoReadError("there is no such file or folder", path) from error
    except OSError as error:
        raise VideoReadError(error.strerror or str(error), path) from error


def with_path(error: VideoReadError, path: str) -> VideoReadError:
    """Give the error with the path of its video.

    Args:
        error: with a path of its own, such as that of one image; it goes before the cause.
        path: of the video.

    >>> str(with_path(VideoReadError("it is empty", "frames/3.png"), "frames"))
    'cannot read frames: frames/3.png: it is empty'
    """
    part = "" if path.endswith(error.path) else f"{error.path}: "
    return VideoReadError(part + error.cause, path, error.backend, error.time)


def _read_one(
    video: Video, start: Seconds, end: Seconds, decode_video: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    clip = video.get_clip(start, end, **options)
    wanted = None if clip is None else clip["video"] if decode_video else clip.get("audio")
    # At the very end of a video decord gives no frames as an empty tensor.
    if clip is None or wanted is None or wanted.numel() == 0:
        raise VideoReadError(
            f"nothing begins in [{float(start):.3f}, {float(end):.3f}) s of its "
            f"{float(video.duration):.3f} s",
            video.name,
            time=start,
        )
    return dict(clip)
