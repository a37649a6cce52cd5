"""DoMSEV: many hours of first-person video with labels of scene, activity and attention."""

import dataclasses
import enum
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import Image
from torch.utils.data import Dataset

from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.frame_video import read_image
from pytorchvideo_clone.data.lists.csv_rows import (
    DataclassFieldCaster,
    load_dataclass_dict_from_csv,
)
from pytorchvideo_clone.data.lists.manifest import (
    ImageDataset,
    VideoClipInfo,
    VideoDataset,
    VideoDatasetType,
    read_part,
)
from pytorchvideo_clone.data.video import FrameFilter, Video

__all__ = [
    "LABEL_TYPE_2_MAP",
    "USER_ACTIVITY_MAP",
    "USER_ATTENTION_MAP",
    "USER_ENVIRONMENT_MAP",
    "DomsevClipSampler",
    "DomsevFrameDataset",
    "DomsevVideoDataset",
    "LabelData",
    "LabelType",
]

USER_ENVIRONMENT_MAP = {0: "none", 1: "indoor", 2: "nature", 3: "crowded_environment", 4: "urban"}

USER_ACTIVITY_MAP = {
    0: "none",
    1: "walking",
    2: "running",
    3: "standing",
    4: "biking",
    5: "driving",
    6: "playing",
    7: "cooking",
    8: "eating",
    9: "observing",
    10: "in_conversation",
    11: "browsing",
    12: "shopping",
}

USER_ATTENTION_MAP = {0: "none", 1: "paying_attention", 2: "interacting"}


class LabelType(enum.Enum):
    """What labels are about; `LABEL_TYPE_2_MAP` has the names of their numbers."""

    Environment = 1
    Activity = 2
    UserAttention = 3


LABEL_TYPE_2_MAP = {
    LabelType.Environment: USER_ENVIRONMENT_MAP,
    LabelType.Activity: USER_ACTIVITY_MAP,
    LabelType.UserAttention: USER_ATTENTION_MAP,
}


@dataclasses.dataclass
class LabelData(DataclassFieldCaster):
    """A part of a video with one label.

    Attributes:
        video_id: name of the video.
        start_time: seconds.
        stop_time: seconds.
        start_frame: number of the first frame.
        stop_frame: number of the last frame.
        label_id: a number of the map of its `LabelType`.
        label_name: its name there.
    """

    video_id: str
    start_time: float
    stop_time: float
    start_frame: int
    stop_frame: int
    label_id: int
    label_name: str


DomsevClipSampler = Callable[
    [Mapping[str, Video], Mapping[str, list[LabelData]]], list[VideoClipInfo]
]


class DomsevVideoDataset(Dataset):
    """Clips of DoMSEV by number, with the labels of their time.

    A sample has the keys `video_id`; `video` (C, T, H, W), `audio` and, for folders of images,
    `frame_indices`, as from `Video.get_clip`; `labels`, an int tensor with `frames_per_second`
    labels a second; `start_time` and `stop_time` of the clip in seconds.

    Args:
        video_data_manifest_file_path: csv of `VideoFrameInfo` or `EncodedVideoInfo` rows.
        video_info_file_path: csv of `VideoInfo` rows.
        labels_file_path: csv of `LabelData` rows.
        clip_sampler: maps the videos and labels, both by video id, to the clips; called once.
        dataset_type: which kind of rows the manifest has.
        frames_per_second: of the labels.
        transform: applied to each sample.
        frame_filter: as in `Video.get_clip`.
        multithreaded_io: read the images of a clip in parallel.

    Raises:
        ValueError: if a file has another form.

    Source: Silva et al., "A Weighted Sparse Sampling and Smoothing Frame Transition Approach for
    Semantic Fast-Forward First-Person Videos", CVPR 2018, https://arxiv.org/abs/1802.08722.

    >>> import tempfile
    >>> from pytorchvideo_clone.data.utils import save_dataclass_objs_to_headered_csv as save
    >>> from pytorchvideo_clone.data.lists.manifest import VideoFrameInfo, VideoInfo
    >>> info, labels, frames = [f"{tempfile.mkdtemp()}/list.csv" for _ in range(3)]
    >>> save([VideoInfo("P01_01", "8x6", duration=9, fps=30)], info)
    >>> save([VideoFrameInfo("P01_01", "frames", "frame_", 16, 1, 270, "jpg")], frames)
    >>> save([LabelData("P01_01", 0, 9, 1, 270, 1, "walking")], labels)
    >>> def at_begin(videos, labels):
    ...     return [VideoClipInfo(video_id, 0, 2) for video_id in videos]
    >>> len(DomsevVideoDataset(frames, info, labels, at_begin))
    1
    """

    def __init__(
        self,
        video_data_manifest_file_path: PathLike,
        video_info_file_path: PathLike,
        labels_file_path: PathLike,
        clip_sampler: DomsevClipSampler,
        dataset_type: VideoDatasetType = VideoDatasetType.Frame,
        frames_per_second: int = 1,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        frame_filter: FrameFilter | None = None,
        multithreaded_io: bool = False,
    ) -> None:
        self._videos = VideoDataset._load_videos(
            video_data_manifest_file_path, video_info_file_path, multithreaded_io, dataset_type
        )
        labels = _load_labels(labels_file_path)
        self._labels = {video_id: labels.get(video_id, []) for video_id in self._videos}
        self._clips = clip_sampler(self._videos, self._labels)
        self._frames_per_second = frames_per_second
        self._transform = transform
        self._frame_filter = frame_filter

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Any:
        """Read one sample.

        Raises:
            VideoReadError: if the clip cannot be read, or has no frame.
        """
        part = self._clips[index]
        sample = {
            "video_id": part.video_id,
            **read_part(self._videos, part, self._frame_filter),
            "labels": self._labels_of(part),
            "start_time": part.start_time,
            "stop_time": part.stop_time,
        }
        return sample if self._transform is None else self._transform(sample)

    def _labels_of(self, part: VideoClipInfo) -> torch.Tensor:
        rate = self._frames_per_second
        found: list[int] = []
        for label in self._labels[part.video_id]:
            overlap = _get_overlap_for_time_range_pair(
                part.start_time, part.stop_time, label.start_time, label.stop_time
            )
            if overlap is not None:
                first, last = (_seconds_to_frame_index(time, rate) for time in overlap)
                found += [label.label_id] * (last - first)
        return torch.tensor(found, dtype=torch.int)


class DomsevFrameDataset(Dataset):
    """Single frames of DoMSEV, each with its label.

    A sample has the keys `frame_id`, `image` (a Pillow image in RGB) and `label`, its number, 0
    where there is none. The frames are shuffled once, when the data set is made, by the module
    `random`: seed it alike in all ranks.

    Args:
        video_data_manifest_file_path: csv of `VideoFrameInfo` rows.
        video_info_file_path: csv of `VideoInfo` rows.
        labels_file_path: csv of `LabelData` rows; they label the frames whose numbers, as in the
            file names, lie from `start_frame` to `stop_frame`.
        transform: applied to each sample.
        multithreaded_io: has no effect: a sample is one image.

    Raises:
        ValueError: if a file has another form.

    >>> import tempfile
    >>> from pytorchvideo_clone.data.utils import save_dataclass_objs_to_headered_csv as save
    >>> from pytorchvideo_clone.data.lists.manifest import VideoFrameInfo, VideoInfo
    >>> info, labels, frames = [f"{tempfile.mkdtemp()}/list.csv" for _ in range(3)]
    >>> save([VideoInfo("P01_01", "8x6", duration=9, fps=30)], info)
    >>> save([VideoFrameInfo("P01_01", "frames", "frame_", 16, 1, 270, "jpg")], frames)
    >>> save([LabelData("P01_01", 0, 9, 1, 270, 1, "walking")], labels)
    >>> len(DomsevFrameDataset(frames, info, labels))
    270
    """

    def __init__(
        self,
        video_data_manifest_file_path: PathLike,
        video_info_file_path: PathLike,
        labels_file_path: PathLike,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        multithreaded_io: bool = False,
    ) -> None:
        images = ImageDataset._load_images(
            video_data_manifest_file_path, video_info_file_path, multithreaded_io
        )
        self._labels = _load_labels(labels_file_path)
        self._frames = list(images.values())
        random.shuffle(self._frames)
        self._transform = transform

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Any:
        """Read one sample.

        Raises:
            VideoReadError: if the image cannot be read.
        """
        frame = self._frames[index]
        labels = (
            label.label_id
            for label in self._labels.get(frame.video_id, [])
            if label.start_frame <= frame.frame_number <= label.stop_frame
        )
        sample = {
            "frame_id": frame.frame_id,
            "image": Image.fromarray(read_image(frame.frame_file_path)),
            "label": next(labels, 0),
        }
        return sample if self._transform is None else self._transform(sample)


def _load_labels(path: PathLike) -> dict[str, list[LabelData]]:
    return load_dataclass_dict_from_csv(path, LabelData, "video_id", list_per_key=True)


def _seconds_to_frame_index(time_in_seconds: float, fps: float, zero_indexed: bool = True) -> int:
    """Number of the frame on screen, counted from 0 or from 1."""
    return math.floor(time_in_seconds * fps) + (0 if zero_indexed else 1)


def _get_overlap_for_time_range_pair(
    t1_start: float, t1_stop: float, t2_start: float, t2_stop: float
) -> tuple[float, float] | None:
    """What two ranges have in common, which may be a single time; None if nothing."""
    start, stop = max(t1_start, t2_start), min(t1_stop, t2_stop)
    return (start, stop) if start <= stop else None
