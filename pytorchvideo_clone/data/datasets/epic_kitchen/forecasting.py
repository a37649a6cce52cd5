"""EPIC-Kitchens for forecasting the actions after a clip."""

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from pytorchvideo_clone.data.datasets.epic_kitchen.dataset import (
    ActionData,
    EpicClipSampler,
    EpicKitchenDataset,
)
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.lists.manifest import VideoClipInfo, VideoDatasetType
from pytorchvideo_clone.data.video import FrameFilter

__all__ = ["ClipSampling", "EpicKitchenForecasting"]


class ClipSampling(enum.Enum):
    """How clips are placed: one before the end of each action with others to follow."""

    Random = 1


class EpicKitchenForecasting(EpicKitchenDataset):
    """What is seen up to the end of an action of EPIC-Kitchens, and the actions that follow.

    There is one sample for each action that `num_forecast_actions` others follow, beginning after
    its end, and that enough of the video precedes. Its window ends with the action. Samples are
    those of `EpicKitchenDataset`, but `video` is (num_input_clips, C, T, H, W), the parts of
    `seconds_per_clip` that begin every `clip_time_stride` seconds, `actions` holds the next ones in
    order, and a value that would be None is an empty tensor.

    Args:
        video_info_file_path: as in `EpicKitchenDataset`.
        actions_file_path: as there.
        video_data_manifest_file_path: as there.
        clip_sampling: a member of `ClipSampling`.
        dataset_type: as there.
        seconds_per_clip: length of a part.
        clip_time_stride: seconds from the begin of a part to that of the next.
        num_input_clips: how many parts.
        frames_per_clip: of each part, spread evenly; None takes all.
        num_forecast_actions: how many actions to forecast.
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
    >>> names = ("open", 3, "door", 3, "['door']", "[3]")
    >>> times = [(f"00:00:0{k}.00", f"00:00:0{k + 1}.00", 0, 0) for k in (2, 4, 6)]
    >>> save([ActionData("P01", "P01_01", "open door", *t, *names) for t in times], actions)
    >>> len(EpicKitchenForecasting(info, actions, frames, seconds_per_clip=2.0))
    2
    """

    def __init__(
        self,
        video_info_file_path: PathLike,
        actions_file_path: PathLike,
        video_data_manifest_file_path: PathLike,
        clip_sampling: ClipSampling = ClipSampling.Random,
        dataset_type: VideoDatasetType = VideoDatasetType.Frame,
        seconds_per_clip: float = 2.0,
        clip_time_stride: float = 10.0,
        num_input_clips: int = 1,
        frames_per_clip: int | None = None,
        num_forecast_actions: int = 1,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        multithreaded_io: bool = True,
    ) -> None:
        super().__init__(
            video_info_file_path,
            actions_file_path,
            self._define_clip_structure_generator(
                clip_sampling,
                seconds_per_clip,
                clip_time_stride,
                num_input_clips,
                num_forecast_actions,
            ),
            video_data_manifest_file_path,
            dataset_type,
            self._transform_generator(
                transform, num_forecast_actions, frames_per_clip, num_input_clips
            ),
            self._frame_filter_generator(
                frames_per_clip, seconds_per_clip, clip_time_stride, num_input_clips
            ),
            multithreaded_io,
        )

    @staticmethod
    def _define_clip_structure_generator(
        clip_sampling: ClipSampling,
        seconds_per_clip: float,
        clip_time_stride: float,
        num_input_clips: int,
        num_forecast_actions: int,
    ) -> EpicClipSampler:
        ClipSampling(clip_sampling)
        return functools.partial(
            _before_the_end_of_actions,
            window=seconds_per_clip + (num_input_clips - 1) * clip_time_stride,
            num_forecast_actions=num_forecast_actions,
        )

    @staticmethod
    def _frame_filter_generator(
        frames_per_clip: int | None,
        seconds_per_clip: float,
        clip_time_stride: float,
        num_input_clips: int,
    ) -> FrameFilter:
        return functools.partial(
            _frames_of_parts,
            frames_per_clip=frames_per_clip,
            seconds_per_clip=seconds_per_clip,
            clip_time_stride=clip_time_stride,
            num_input_clips=num_input_clips,
        )

    @staticmethod
    def _transform_generator(
        transform: Callable[[dict[str, Any]], Any] | None,
        num_forecast_actions: int,
        frames_per_clip: int | None,
        num_input_clips: int,
    ) -> Callable[[dict[str, Any]], Any]:
        # frames_per_clip is PyTorchVideo's; the number of frames is known from the clip.
        return functools.partial(
            _with_next_actions,
            transform=transform,
            num_forecast_actions=num_forecast_actions,
            num_input_clips=num_input_clips,
        )


def _next_actions(actions: list[ActionData], time: float) -> list[ActionData]:
    """Actions that begin after `time`, in order."""
    return sorted((a for a in actions if a.start_time > time), key=lambda a: a.start_time)


def _before_the_end_of_actions(
    videos: Any, actions: Mapping[str, list[ActionData]], window: float, num_forecast_actions: int
) -> list[VideoClipInfo]:
    clips = []
    for video_id, of_video in actions.items():
        for action in sorted(of_video, key=lambda a: a.start_time):
            stop = action.stop_time
            if stop >= window and len(_next_actions(of_video, stop)) >= num_forecast_actions:
                clips.append(VideoClipInfo(video_id, stop - window, stop))
    return clips


def _frames_of_parts(
    indices: list[int],
    frames_per_clip: int | None,
    seconds_per_clip: float,
    clip_time_stride: float,
    num_input_clips: int,
) -> list[int]:
    per_second = len(indices) / (seconds_per_clip + (num_input_clips - 1) * clip_time_stride)
    length = seconds_per_clip * per_second
    count = frames_per_clip or max(1, int(length))
    kept = []
    for part in range(num_input_clips):
        first = round(part * clip_time_stride * per_second)
        kept += [min(first + int(k * length / count), len(indices) - 1) for k in range(count)]
    return [indices[place] for place in kept] if indices else []


def _with_next_actions(
    sample: dict[str, Any],
    transform: Callable[[dict[str, Any]], Any] | None,
    num_forecast_actions: int,
    num_input_clips: int,
) -> Any:
    video = sample["video"].unflatten(1, (num_input_clips, -1)).transpose(0, 1)
    actions = _next_actions(sample["actions"], sample["stop_time"])[:num_forecast_actions]
    sample = {**sample, "video": video, "actions": actions}
    sample = {key: torch.tensor([]) if v is None else v for key, v in sample.items()}
    return sample if transform is None else transform(sample)
