"""From an open video to a sample."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList
from pytorchvideo_clone.data.decoders.timestamps import select_frames
from pytorchvideo_clone.data.video import FrameFilter, Seconds, Video, VideoReadError

__all__ = ["Sample", "make_sample", "naming", "read_clip", "read_together", "with_path"]

# Farther apart, windows hardly share what they are decoded from.
_FAR_SEC = 10

Sample = dict[str, Any]
Window = tuple[Seconds, Seconds]


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
        windows = list(zip(span.clip_start_sec, span.clip_end_sec, strict=True))
        others = {name: value for name, value in options.items() if name != "frame_filter"}
        filters = [options.get("frame_filter")] * len(windows)
        singles = read_together(video, windows, filters, **others) if decode_video else None
        if singles is None:
            singles = [_read_one(video, *window, decode_video, options) for window in windows]
        return {key: [clip[key] for clip in singles] for key in singles[0]}
    return _read_one(video, span.clip_start_sec, span.clip_end_sec, decode_video, options)


def read_together(
    video: Video, windows: Sequence[Window], filters: Sequence[FrameFilter | None], **options: Any
) -> list[dict[str, Any]] | None:
    """Read several clips, each frame once: what one by one would give, for less work.

    Args:
        video: an open video.
        windows: (start_sec, end_sec) of each clip.
        filters: `frame_filter` of each clip.
        options: others of `Video.get_clip`.

    Returns:
        What `Video.get_clip` gives for each; None if they must be read one by one, as frames are
        damaged, a clip has none, or the video is of a kind that does not count frames beforehand.
    """
    clips: dict[int, dict[str, Any]] = {}
    try:
        for group in _neighbours(windows):
            inside = [windows[number] for number in group]
            read = _read_union(video, inside, [filters[number] for number in group], options)
            if read is None:
                return None
            clips.update(zip(group, read, strict=True))
    except VideoReadError:
        return None
    return [clips[number] for number in range(len(windows))]


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


def _neighbours(windows: Sequence[Window]) -> list[list[int]]:
    """Group windows with less than `_FAR_SEC` between them."""
    groups: list[list[int]] = []
    reached: Seconds = 0
    for number in sorted(range(len(windows)), key=windows.__getitem__):
        start, end = windows[number]
        if groups and start < reached + _FAR_SEC:
            groups[-1].append(number)
            reached = max(reached, end)
        else:
            groups.append([number])
            reached = end
    return groups


def _read_union(
    video: Video,
    windows: Sequence[Window],
    filters: Sequence[FrameFilter | None],
    options: Mapping[str, Any],
) -> list[dict[str, Any]] | None:
    places = video.places(windows) if isinstance(video, Video) else None
    if places is None:
        return None
    wanted = [
        [inside[kept] for kept in select_frames(len(inside), frame_filter)]
        for inside, frame_filter in zip(places, filters, strict=True)
    ]
    if not all(wanted):
        return None
    union = sorted(set().union(*wanted))

    def keep(indices: list[int]) -> list[int]:
        if len(indices) != max(inside.stop for inside in places):
            raise VideoReadError("it has other frames than its packets say", video.name)
        return union

    begin, end = min(start for start, _ in windows), max(end for _, end in windows)
    clip = video.get_clip(begin, end, keep, **options)
    frames, valid = (clip or {}).get("video"), (clip or {}).get("valid")
    if clip is None or frames is None or (valid is not None and not valid.all()):
        return None
    at = {place: number for number, place in enumerate(union)}
    clips = []
    for kept in wanted:
        # Frames are copied whole where they lie one after the other.
        rows = frames.permute(1, 2, 3, 0)[torch.tensor([at[place] for place in kept])]
        one: dict[str, Any] = {**clip, "video": rows.permute(3, 0, 1, 2)}
        if valid is not None:
            one["valid"] = torch.ones(len(kept), dtype=torch.bool)
        clips.append(one)
    return clips


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
