"""EPIC-Kitchens: clips of cooking with the actions of their video."""

import ast
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import Dataset

from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.lists.csv_rows import (
    DataclassFieldCaster,
    load_dataclass_dict_from_csv,
)
from pytorchvideo_clone.data.lists.manifest import (
    VideoClipInfo,
    VideoDataset,
    VideoDatasetType,
    get_seconds_from_hms_time,
    read_part,
)
from pytorchvideo_clone.data.video import FrameFilter, Video

__all__ = ["ActionData", "EpicClipSampler", "EpicKitchenDataset"]


def _as_list(value: Any) -> list:
    return ast.literal_eval(value) if isinstance(value, str) else value


_list_field = DataclassFieldCaster.complex_initialized_dataclass_field


@dataclasses.dataclass
class ActionData(DataclassFieldCaster):
    """An action, a row of the annotations.

    Attributes:
        participant_id: who cooks, such as "P01".
        video_id: in which video, such as "P01_01".
        narration: what is done, in words.
        start_timestamp: H:M:S.f.
        stop_timestamp: H:M:S.f.
        start_frame: number of the first frame.
        stop_frame: number of the last frame.
        verb: such as "open".
        verb_class: its number.
        noun: the main object.
        noun_class: its number.
        all_nouns: all objects.
        all_noun_classes: their numbers.

    >>> names = ("open door", "00:00:01.50", "00:00:03.00", 45, 90, "open", 3, "door", 3)
    >>> action = ActionData("P01", "P01_01", *names, "['door', 'tap']", "[3, 0]")
    >>> action.start_time, action.all_nouns
    (1.5, ['door', 'tap'])
    """

    participant_id: str
    video_id: str
    narration: str
    start_timestamp: str
    stop_timestamp: str
    start_frame: int
    stop_frame: int
    verb: str
    verb_class: int
    noun: str
    noun_class: int
    all_nouns: list[str] = _list_field(_as_list)  # noqa: RUF009 (a dataclass field)
    all_noun_classes: list[int] = _list_field(_as_list)  # noqa: RUF009 (a dataclass field)

    @property
    def start_time(self) -> float:
        """Seconds from the begin of the video."""
        return get_seconds_from_hms_time(self.start_timestamp)

    @property
    def stop_time(self) -> float:
        """Seconds from the begin of the video."""
        return get_seconds_from_hms_time(self.stop_timestamp)


EpicClipSampler = Callable[
    [Mapping[str, Video], Mapping[str, list[ActionData]]], list[VideoClipInfo]
]


class EpicKitchenDataset(Dataset):
    """Clips of EPIC-Kitchens by number, with the actions of their video.

    A sample has the keys `video_id`; `video` (C, T, H, W), `audio` and, for folders of images,
    `frame_indices`, as from `Video.get_clip`; `actions`, all `ActionData` of the video;
    `start_time` and `stop_time` of the clip in seconds.

    Args:
        video_info_file_path: csv of `VideoInfo` rows.
        actions_file_path: csv of `ActionData` rows, as EPIC-Kitchens publishes them.
        clip_sampler: maps the videos and actions, both by video id, to the clips; called once.
        video_data_manifest_file_path: csv of `VideoFrameInfo` or `EncodedVideoInfo` rows.
        dataset_type: which of these two.
        transform: applied to each sample.
        frame_filter: as in `Video.get_clip`.
        multithreaded_io: read the images of a clip in parallel.

    Raises:
        ValueError: if a file has another form.

    Source: Damen et al., "Scaling Egocentric Vision: The EPIC-KITCHENS Dataset", ECCV 2018,
    https://arxiv.org/abs/1804.02748.

    >>> import tempfile
    >>> from pytorchvideo_clone.data.utils import save_dataclass_objs_to_headered_csv as save
    >>> from pytorchvideo_clone.data.lists.manifest import VideoFrameInfo, VideoInfo
    >>> info, actions, frames = [f"{tempfile.mkdtemp()}/list.csv" for _ in range(3)]
    >>> save([VideoInfo("P01_01", "8x6", duration=9, fps=30)], info)
    >>> save([VideoFrameInfo("P01_01", "frames", "frame_", 16, 1, 270, "jpg")], frames)
    >>> names = ("open door", "00:00:01.50", "00:00:03.00", 45, 90, "open", 3, "door", 3)
    >>> save([ActionData("P01", "P01_01", *names, "['door']", "[3]")], actions)
    >>> def at_begin(videos, actions):
    ...     return [VideoClipInfo(video_id, 0, 2) for video_id in videos]
    >>> len(EpicKitchenDataset(info, actions, at_begin, frames))
    1
    """

    def __init__(
        self,
        video_info_file_path: PathLike,
        actions_file_path: PathLike,
        clip_sampler: EpicClipSampler,
        video_data_manifest_file_path: PathLike,
        dataset_type: VideoDatasetType = VideoDatasetType.Frame,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        frame_filter: FrameFilter | None = None,
        multithreaded_io: bool = True,
    ) -> None:
        self._videos = VideoDataset._load_videos(
            video_data_manifest_file_path, video_info_file_path, multithreaded_io, dataset_type
        )
        actions = load_dataclass_dict_from_csv(
            actions_file_path, ActionData, "video_id", list_per_key=True
        )
        self._actions = {video_id: actions.get(video_id, []) for video_id in self._videos}
        self._clips = clip_sampler(self._videos, self._actions)
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
            "actions": self._actions[part.video_id],
            "start_time": part.start_time,
            "stop_time": part.stop_time,
        }
        return sample if self._transform is None else self._transform(sample)
