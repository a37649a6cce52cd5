"""Lists of frames: a text file that names every frame of many videos, and how to open them."""

import csv
import functools
import os
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.datasets.annotations import open_text, under
from pytorchvideo_clone.data.flat import FlatStrings
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.video import Clip, FrameFilter, Seconds, Video

__all__ = ["FrameListHandler", "ListedFrames", "choose_frames", "read_frame_list"]

_COLUMNS = ["original_vido_id", "video_id", "frame_id", "path", "labels"]
# Frames a second, as PyTorchVideo assumes of SSv2 and Charades.
_FPS = 30


class ListedFrames:
    """The frames of one video, in order.

    Attributes:
        paths: one a frame.
        labels: what the list says of each, as text.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.labels: list[str] = []
        self._numbers = array("q")

    def add(self, number: int, path: str, labels: str) -> None:
        """Put frame `number` at the end; `sort` puts it into its place."""
        self._numbers.append(number)
        self.paths.append(path)
        self.labels.append(labels)

    def sort(self) -> None:
        """Put the frames into the order of their numbers; equal ones stay as they came."""
        numbers = self._numbers
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        self.paths = [self.paths[place] for place in order]
        self.labels = [self.labels[place] for place in order]
        self._numbers = array("q", sorted(numbers))


def read_frame_list(
    path: files.PathLike, path_prefix: files.PathLike = ""
) -> dict[str, ListedFrames]:
    """Read a list of frames: a text file with a line for each frame of each video.

    The first line is a header. Each other line has five fields, separated by white space and quoted
    where they hold some: name of the video, number of the video, number of the frame within it,
    path of the image, and labels, "" if there are none:

        original_vido_id video_id frame_id path labels
        jump 0 0 jump/000001.jpg ""
        jump 0 1 jump/000002.jpg "5,12"

    Args:
        path: path or URL of the file.
        path_prefix: put before every relative path of an image.

    Returns:
        Name of the video -> its frames, sorted by number; videos in the order of the file.

    Raises:
        ValueError: if a line has other fields, or there is no frame.
    """
    videos: dict[str, ListedFrames] = {}
    with open_text(path) as text:
        lines = (line.strip().replace("\t", " ") for line in text)
        rows = csv.reader(lines, delimiter=" ", skipinitialspace=True)
        header = next(rows, [])
        if len(header) != len(_COLUMNS) or header[2].isdecimal():
            raise ValueError(
                f"{os.fspath(path)} begins with {' '.join(header)!r}; its header must be "
                f"'{' '.join(_COLUMNS)}'."
            )
        for row in rows:
            if not row:
                continue
            if len(row) != len(_COLUMNS) or not row[2].isdecimal():
                raise ValueError(
                    f"{os.fspath(path)}, line {rows.line_num}: {' '.join(row)!r} is no frame; the "
                    f"five fields must be {' '.join(_COLUMNS)}, of which frame_id is a number."
                )
            name, _, number, image, labels = row
            if name not in videos:
                videos[name] = ListedFrames()
            videos[name].add(int(number), under(path_prefix, image), labels)
    if not videos:
        raise ValueError(f"{os.fspath(path)} lists no frames.")
    for frames in videos.values():
        frames.sort()
    return videos


def choose_frames(
    sample: Callable[..., list[int]], frames_per_clip: int | None, **options: Any
) -> FrameFilter | None:
    """Make the filter that keeps `frames_per_clip` frames of a clip; None keeps all.

    Args:
        sample: chooses from the indices of the frames, given `frames_per_clip` and `options`.
        frames_per_clip: at least 1, or None.
        **options: of `sample`.

    Raises:
        ValueError: if `frames_per_clip` is below 1.
    """
    if frames_per_clip is None:
        return None
    if frames_per_clip < 1:
        raise ValueError(
            f"frames_per_clip is {frames_per_clip}; it must be at least 1. None keeps all frames."
        )
    return functools.partial(sample, frames_per_clip=frames_per_clip, **options)


class FrameListHandler:
    """Open a video by its name `<folder>#<number>`; stands in for a `VideoPathHandler`.

    Args:
        paths: of the frames of each video.
        read: reads a clip: called with the number, the frames, and what `Video.get_clip` takes.
        frame_filter: for clips that are asked for without one.

    Attributes:
        names: of the videos: the folder of the first frame, and the number from 0.
    """

    def __init__(
        self,
        paths: Sequence[Sequence[str]],
        read: Callable[..., Clip | None],
        frame_filter: FrameFilter | None = None,
    ) -> None:
        self.names = FlatStrings(
            f"{os.path.dirname(frames[0])}#{number}"  # noqa: PTH120 (a Path would break a URL)
            for number, frames in enumerate(paths)
        )
        self._paths = FlatStrings("\n".join(frames) for frames in paths)
        self._read = read
        self._frame_filter = frame_filter

    def video_from_path(self, filepath: str, fps: float = _FPS, **_: Any) -> Video:
        """Open the video with the name `filepath`; other options do not apply to images."""
        number = int(filepath.rpartition("#")[2])
        frames = FrameVideo.from_frame_paths(self._paths[number].split("\n"), fps)
        return _ListedVideo(number, frames, self._read, self._frame_filter)


class _ListedVideo(Video):
    def __init__(
        self,
        number: int,
        frames: FrameVideo,
        read: Callable[..., Clip | None],
        frame_filter: FrameFilter | None,
    ) -> None:
        self._number = number
        self._frames = frames
        self._read = read
        self._frame_filter = frame_filter

    @property
    def name(self) -> str:
        return str(self._number)

    @property
    def duration(self) -> Seconds:
        return self._frames.duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> Clip | None:
        chosen = frame_filter or self._frame_filter
        options["video_dtype"] = video_dtype
        return self._read(self._number, self._frames, start_sec, end_sec, chosen, **options)
