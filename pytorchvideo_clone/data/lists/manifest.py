"""Lists of videos and frames as csv files with typed rows, and the videos that they name."""

import dataclasses
import enum
import functools
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.lists.csv_rows import (
    DataclassFieldCaster,
    load_dataclass_dict_from_csv,
    save_dataclass_objs_to_headered_csv,
)
from pytorchvideo_clone.data.video import Clip, FrameFilter, Seconds, Video, VideoReadError

__all__ = [
    "EncodedVideoInfo",
    "ImageDataset",
    "ImageFrameInfo",
    "VideoClipInfo",
    "VideoDataset",
    "VideoDatasetType",
    "VideoFrameInfo",
    "VideoInfo",
    "get_logger",
    "get_seconds_from_hms_time",
    "optional_threaded_foreach",
    "read_part",
    "save_encoded_video_manifest",
    "save_video_frame_info",
]

_log = logging.getLogger(__name__)

_MOST_THREADS = 16


@dataclasses.dataclass
class EncodedVideoInfo(DataclassFieldCaster):
    """Where the file of a video is.

    Attributes:
        video_id: name of the video.
        file_path: path or URL.
    """

    video_id: str
    file_path: str


@dataclasses.dataclass
class VideoFrameInfo(DataclassFieldCaster):
    """Where the images of a video are, one a frame, numbered without gaps.

    Attributes:
        video_id: name of the video.
        location: their folder.
        frame_file_stem: what file names begin with.
        frame_string_length: characters of a file name without its extension; numbers are filled up
            with zeros to reach it.
        min_frame_number: of the first.
        max_frame_number: of the last.
        file_extension: without the dot.
    """

    video_id: str
    location: str
    frame_file_stem: str
    frame_string_length: int
    min_frame_number: int
    max_frame_number: int
    file_extension: str


@dataclasses.dataclass
class VideoInfo(DataclassFieldCaster):
    """What is known of a video.

    Attributes:
        video_id: name of the video.
        resolution: such as "1920x1080".
        duration: seconds.
        fps: frames a second.
    """

    video_id: str
    resolution: str
    duration: float
    fps: float


@dataclasses.dataclass
class ImageFrameInfo(DataclassFieldCaster):
    """One frame of a video, an image file.

    Attributes:
        video_id: name of the video.
        frame_id: name of the frame, other than that of any other frame.
        frame_number: as in the file name.
        frame_file_path: path or URL.
    """

    video_id: str
    frame_id: str
    frame_number: int
    frame_file_path: str


@dataclasses.dataclass
class VideoClipInfo(DataclassFieldCaster):
    """A part of a video, [start_time, stop_time) in seconds."""

    video_id: str
    start_time: float
    stop_time: float


class VideoDatasetType(enum.Enum):
    """How videos are kept: an image file a frame, or a video file."""

    Frame = 1
    EncodedVideo = 2


class VideoDataset:
    """Load the videos of a manifest."""

    @staticmethod
    def _load_videos(
        video_data_manifest_file_path: files.PathLike,
        video_info_file_path: files.PathLike,
        multithreaded_io: bool,
        dataset_type: VideoDatasetType,
    ) -> dict[str, Video]:
        """Give the videos that both files name, by their id; nothing is opened.

        Args:
            video_data_manifest_file_path: csv of `VideoFrameInfo` or `EncodedVideoInfo` rows.
            video_info_file_path: csv of `VideoInfo` rows.
            multithreaded_io: as for `FrameVideo`.
            dataset_type: which of the two the manifest holds.
        """
        infos = load_dataclass_dict_from_csv(video_info_file_path, VideoInfo, "video_id")
        if VideoDatasetType(dataset_type) is VideoDatasetType.EncodedVideo:
            encoded = load_dataclass_dict_from_csv(
                video_data_manifest_file_path, EncodedVideoInfo, "video_id"
            )
            VideoDataset._remove_video_info_missing_or_incomplete_videos(encoded, infos)
            return {
                video_id: _VideoOnDemand(row.file_path, infos[video_id].duration)
                for video_id, row in encoded.items()
            }
        frames = load_dataclass_dict_from_csv(
            video_data_manifest_file_path, VideoFrameInfo, "video_id"
        )
        VideoDataset._remove_video_info_missing_or_incomplete_videos(frames, infos)
        return {
            video_id: FrameVideo(
                infos[video_id].duration,
                infos[video_id].fps,
                video_frame_paths=_FramePaths(row),
                multithreaded_io=multithreaded_io,
            )
            for video_id, row in frames.items()
        }

    @staticmethod
    def _frame_number_to_filepaths(
        video_id: str, frame_infos: Mapping[str, VideoFrameInfo], video_infos: Any = None
    ) -> list[str]:
        """Give the paths of a video's frames, in order."""
        return list(_FramePaths(frame_infos[video_id]))

    @staticmethod
    def _remove_video_info_missing_or_incomplete_videos(
        manifest: dict[str, Any], infos: dict[str, VideoInfo]
    ) -> None:
        """Drop, from both, videos of one side only, or with frames for clearly another length."""
        dropped = manifest.keys() ^ infos.keys()
        for video_id in manifest.keys() & infos.keys():
            row, info = manifest[video_id], infos[video_id]
            if isinstance(row, VideoFrameInfo):
                count = row.max_frame_number - row.min_frame_number + 1
                if abs(count - info.duration * info.fps) > info.fps:
                    dropped.add(video_id)
        for video_id in sorted(dropped):
            _log.warning(
                "Leaving out video %s: it is in one of the two lists only, or its number of frames "
                "differs from duration x fps by more than a second.",
                video_id,
            )
            manifest.pop(video_id, None)
            infos.pop(video_id, None)


def read_part(
    videos: Mapping[str, Video], part: VideoClipInfo, frame_filter: FrameFilter | None = None
) -> Clip:
    """Read a part of one of the videos.

    Args:
        videos: by id.
        part: what to read.
        frame_filter: as in `Video.get_clip`.

    Raises:
        VideoReadError: if it cannot be read, or no frame begins in it.
    """
    clip = videos[part.video_id].get_clip(part.start_time, part.stop_time, frame_filter)
    if clip is None or clip["video"] is None:
        raise VideoReadError(
            f"no frame begins in [{part.start_time:.3f}, {part.stop_time:.3f}) s",
            part.video_id,
            time=part.start_time,
        )
    return clip


class ImageDataset:
    """Load the frames of a manifest, one by one."""

    @staticmethod
    def _load_images(
        frame_manifest_file_path: files.PathLike,
        video_info_file_path: files.PathLike,
        multithreaded_io: bool = False,
    ) -> dict[str, ImageFrameInfo]:
        """Give every frame of the videos that both files name, by its id.

        Args:
            frame_manifest_file_path: csv of `VideoFrameInfo` rows.
            video_info_file_path: csv of `VideoInfo` rows.
            multithreaded_io: has no effect, as no image is read.
        """
        infos = load_dataclass_dict_from_csv(video_info_file_path, VideoInfo, "video_id")
        rows = load_dataclass_dict_from_csv(frame_manifest_file_path, VideoFrameInfo, "video_id")
        VideoDataset._remove_video_info_missing_or_incomplete_videos(rows, infos)
        frames: dict[str, ImageFrameInfo] = {}
        for video_id, row in rows.items():
            for number, path in enumerate(_FramePaths(row), row.min_frame_number):
                frame_id = f"{video_id}_{number}"
                frames[frame_id] = ImageFrameInfo(video_id, frame_id, number, path)
        return frames


def get_seconds_from_hms_time(time_str: str) -> float:
    """Convert "H:M:S" or "H:M:S.f" to seconds.

    Raises:
        ValueError: if it is neither.

    >>> get_seconds_from_hms_time("00:10:00.004")
    600.004
    """
    match = re.fullmatch(r"(\d{1,2}):([0-5]?\d):([0-5]?\d(?:\.\d+)?)", time_str)
    if match is None:
        raise ValueError(f"{time_str!r} is no time; it must be H:M:S or H:M:S.f.")
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def save_encoded_video_manifest(
    encoded_video_infos: Mapping[str, EncodedVideoInfo], file_name: str | None = None
) -> str:
    """Write a csv of `EncodedVideoInfo` rows, and give its path.

    Args:
        encoded_video_infos: id -> row.
        file_name: encoded_video_manifest.csv in the working folder unless given.
    """
    file_name = file_name or str(Path.cwd() / "encoded_video_manifest.csv")
    save_dataclass_objs_to_headered_csv(list(encoded_video_infos.values()), file_name)
    return file_name


def save_video_frame_info(
    video_frames: Mapping[str, VideoFrameInfo], file_name: str | None = None
) -> str:
    """Write a csv of `VideoFrameInfo` rows, and give its path.

    Args:
        video_frames: id -> row.
        file_name: video_frame_metadata.csv in the working folder unless given.
    """
    file_name = file_name or str(Path.cwd() / "video_frame_metadata.csv")
    save_dataclass_objs_to_headered_csv(list(video_frames.values()), file_name)
    return file_name


def optional_threaded_foreach(
    target: Callable[..., Any], args_iterable: Iterable[tuple[Any, ...]], multithreaded: bool
) -> None:
    """Call target(*args) for each tuple, one after the other or in threads.

    An exception of a call is raised here, once all threads are done.
    """
    if not multithreaded:
        for args in args_iterable:
            target(*args)
        return
    with ThreadPoolExecutor(_MOST_THREADS) as threads:
        for call in [threads.submit(target, *args) for args in args_iterable]:
            call.result()


def get_logger(name: str) -> logging.Logger:
    """Give the logger of this name, which writes from INFO on to the standard output."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.StreamHandler(sys.stdout))
    return logger


class _FramePaths(Sequence[str]):
    """Paths of a video's frames, made when asked for: lists of all would fill the memory."""

    def __init__(self, info: VideoFrameInfo) -> None:
        self._info = info

    def __len__(self) -> int:
        return self._info.max_frame_number - self._info.min_frame_number + 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        info = self._info
        number = range(info.min_frame_number, info.max_frame_number + 1)[index]
        digits = info.frame_string_length - len(info.frame_file_stem)
        return f"{info.location}/{info.frame_file_stem}{number:0{digits}}.{info.file_extension}"


class _VideoOnDemand(Video):
    """A video file of known length that is open only while a clip is read."""

    def __init__(self, path: str, duration: float) -> None:
        self._duration = duration
        self._open = functools.partial(EncodedVideo.from_path, path)
        self._name = path.rpartition("/")[2]

    @property
    def name(self) -> str:
        return self._name

    @property
    def duration(self) -> Seconds:
        return self._duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> Clip:
        with self._open() as video:
            return video.get_clip(start_sec, end_sec, frame_filter, video_dtype, **options)
