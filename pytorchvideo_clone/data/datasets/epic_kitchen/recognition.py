"""EPIC-Kitchens for recognising the actions of a clip."""

import enum
import functools
import random
from collections.abc import Callable, Mapping
from typing import Any

import torch

from pytorchvideo_clone.data.datasets.epic_kitchen.dataset import (
    EpicClipSampler,
    EpicKitchenDataset,
)
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.lists.manifest import VideoClipInfo, VideoDatasetType
from pytorchvideo_clone.data.video import FrameFilter, Video

__all__ = ["ClipSampling", "EpicKitchenRecognition"]


class ClipSampling(enum.Enum):
    """How clips are placed: one after the other from a random offset in each video."""

    RandomOffsetUniform = 1


class EpicKitchenRecognition(EpicKitchenDataset):
    """Clips of EPIC-Kitchens by number, with the actions that overlap them.

    Samples are those of `EpicKitchenDataset`, but `actions` holds those that overlap the clip or
    touch it, and a value that would be None is an empty tensor. The offsets are drawn once, from
    the module `random`: seed it alike in all ranks.

    Args:
        video_info_file_path: as in `EpicKitchenDataset`.
        actions_file_path: as there.
        video_data_manifest_file_path: as there.
        clip_sampling: a member of `ClipSampling`.
        dataset_type: as there.
        seconds_per_clip: length of the clips.
        frames_per_clip: k keeps every (n // k)-th of a clip's n frames, which may be more than k;
            None keeps all.
        transform: applied to each sample.
        multithreaded_io: as there.

    Raises:
        ValueError: if a file has another form, or there is no such sampling.

    >>> import tempfile
    >>> from pytorchvideo_clone.data.utils import save_dataclass_objs_to_headered_csv as save
    >>> from pytorchvideo_clone.data.lists.manifest import VideoFrameInfo, VideoInfo
    >>> info, actions, frames = [f"{tempfile.mkdtemp()}/list.csv" for _ in range(3)]
    >>> save([VideoInfo("P01_01", "8x6", duration=9, fps=30)], info)
    >>> save([VideoFrameInfo("P01_01", "frames", "frame_", 16, 1, 270, "jpg")], frames)
    >>> from pytorchvideo_clone.data.datasets.epic_kitchen import ActionData
    >>> names = ("open door", "00:00:01.50", "00:00:03.00", 45, 90, "open", 3, "door", 3)
    >>> save([ActionData("P01", "P01_01", *names, "['door']", "[3]")], actions)
    >>> len(EpicKitchenRecognition(info, actions, frames, seconds_per_clip=3.0))
    2
    """

    def __init__(
        self,
        video_info_file_path: PathLike,
        actions_file_path: PathLike,
        video_data_manifest_file_path: PathLike,
        clip_sampling: ClipSampling = ClipSampling.RandomOffsetUniform,
        dataset_type: VideoDatasetType = VideoDatasetType.Frame,
        seconds_per_clip: float = 2.0,
        frames_per_clip: int | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        multithreaded_io: bool = True,
    ) -> None:
        super().__init__(
            video_info_file_path,
            actions_file_path,
            self._define_clip_structure_generator(seconds_per_clip, clip_sampling),
            video_data_manifest_file_path,
            dataset_type,
            self._transform_generator(transform),
            self._frame_filter_generator(frames_per_clip),
            multithreaded_io,
        )

    @staticmethod
    def _define_clip_structure_generator(
        seconds_per_clip: float, clip_sampling: ClipSampling
    ) -> EpicClipSampler:
        ClipSampling(clip_sampling)
        return functools.partial(_uniform_from_random_offset, seconds_per_clip=seconds_per_clip)

    @staticmethod
    def _frame_filter_generator(frames_per_clip: int | None) -> FrameFilter | None:
        if frames_per_clip is None:
            return None
        return functools.partial(_every_nth, frames_per_clip=frames_per_clip)

    @staticmethod
    def _transform_generator(
        transform: Callable[[dict[str, Any]], Any] | None,
    ) -> Callable[[dict[str, Any]], Any]:
        return functools.partial(_with_actions_of_clip, transform=transform)


def _uniform_from_random_offset(
    videos: Mapping[str, Video], actions: Any, seconds_per_clip: float
) -> list[VideoClipInfo]:
    clips = []
    for video_id, video in videos.items():
        offset = random.random() * seconds_per_clip
        for k in range(int((float(video.duration) - offset) // seconds_per_clip)):
            start = offset + k * seconds_per_clip
            clips.append(VideoClipInfo(video_id, start, start + seconds_per_clip))
    return clips


def _every_nth(indices: list[int], frames_per_clip: int) -> list[int]:
    return indices[:: max(1, len(indices) // frames_per_clip)]


def _with_actions_of_clip(
    sample: dict[str, Any], transform: Callable[[dict[str, Any]], Any] | None
) -> Any:
    actions = [
        action
        for action in sample["actions"]
        if action.start_time <= sample["stop_time"] and action.stop_time >= sample["start_time"]
    ]
    sample = {**sample, "actions": actions}
    sample = {key: torch.tensor([]) if v is None else v for key, v in sample.items()}
    return sample if transform is None else transform(sample)
