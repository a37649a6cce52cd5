"""Something-Something v2: frames of hands that do something with something, one label each."""

import itertools
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import RandomSampler

from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.datasets.annotations import read_json
from pytorchvideo_clone.data.datasets.frame_lists import (
    FrameListHandler,
    choose_frames,
    read_frame_list,
)
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler
from pytorchvideo_clone.data.lists.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.video import Clip, FrameFilter, Seconds

__all__ = ["SSv2"]

_log = logging.getLogger(__name__)


class SSv2(LabeledVideoDataset):
    r"""Something-Something v2 as folders of images, one video after the other.

    Each clip shows the whole video, whatever its times: the sampler says how many there are. A
    sample has the keys `video` (C, T, H, W), `label`, `video_name` (the number of the video as
    text), `video_index`, `clip_index` and `aug_index`. `map_style` gives the same by number.

    Args:
        label_name_file: json, {name of a label: its number as text}.
        video_label_file: json, [{"id": video, "template": name of its label}]; brackets in the
            template do not count.
        video_path_label_file: list of the frames, as in `read_frame_list`, at 30 frames a second.
            Videos are in the order of `video_label_file`; those that only one of both files names
            are left out.
        clip_sampler: which clips to take.
        video_sampler: as in `LabeledVideoDataset`.
        transform: applied to each sample.
        video_path_prefix: put before every relative path.
        frames_per_clip: how many frames to read, from as many equal parts of the video; None reads
            all.
        rand_sample_frames: whether to take any frame of each part, or the middle one.

    Raises:
        ValueError: if a file has another form, a template has no number, no video is left, or
            `frames_per_clip` is below 1.

    Source: Goyal et al., "The 'Something Something' Video Database for Learning and Evaluating
    Visual Common Sense", ICCV 2017, https://arxiv.org/abs/1706.04261.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> files = {
    ...     "names.json": '{"Moving something": "0"}',
    ...     "labels.json": '[{"id": "7", "template": "Moving [something]"}]',
    ...     "frames.txt": 'original_vido_id video_id frame_id path labels\n7 0 0 7/1.jpg ""',
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder, name) for name in files]
    ...     _ = [path.write_text(files[path.name]) for path in paths]
    ...     SSv2(*paths, make_clip_sampler("random", 2.0), frames_per_clip=8).num_videos
    1
    """

    def __init__(
        self,
        label_name_file: PathLike,
        video_label_file: PathLike,
        video_path_label_file: PathLike,
        clip_sampler: ClipSampler,
        video_sampler: VideoSampler = RandomSampler,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        video_path_prefix: str = "",
        frames_per_clip: int | None = None,
        rand_sample_frames: bool = False,
    ) -> None:
        paths, labels = _read_video_paths_and_labels(
            label_name_file, video_label_file, video_path_label_file, video_path_prefix
        )
        choose = choose_frames(
            self._sample_clip_frames, frames_per_clip, rand_sample_frames=rand_sample_frames
        )
        handler = FrameListHandler(paths, _read_whole, choose)
        super().__init__(
            LabeledVideoPaths(
                zip(handler.names, labels, strict=True), class_names=_class_names(label_name_file)
            ),
            clip_sampler,
            video_sampler,
            transform,
            decode_audio=False,
        )
        self.video_path_handler = handler  # type: ignore[assignment]

    @staticmethod
    def _sample_clip_frames(
        frames: list[int], frames_per_clip: int, rand_sample_frames: bool = False
    ) -> list[int]:
        """Take one frame of each of `frames_per_clip` equal parts."""
        size = (len(frames) - 1) / frames_per_clip
        bounds = [round(size * part) for part in range(frames_per_clip + 1)]
        chosen = []
        for first, last in itertools.pairwise(bounds):
            if rand_sample_frames:
                chosen.append(int(torch.randint(first, last + 1, ())))
            else:
                chosen.append((first + last) // 2)
        return [frames[place] for place in chosen]


def _read_whole(
    number: int,
    frames: FrameVideo,
    start_sec: Seconds,
    end_sec: Seconds,
    frame_filter: FrameFilter | None,
    **options: Any,
) -> Clip | None:
    return frames.get_clip(0, frames.duration, frame_filter, **options)


def _read_video_paths_and_labels(
    label_name_file: PathLike,
    video_label_file: PathLike,
    video_path_label_file: PathLike,
    prefix: PathLike = "",
) -> tuple[list[list[str]], list[int]]:
    """Give the paths of the frames, and the label, of each video that has both."""
    labels = _labels(label_name_file, video_label_file)
    listed = read_frame_list(video_path_label_file, prefix)
    known = [name for name in labels if name in listed]
    if not known:
        raise ValueError(f"{video_label_file} and {video_path_label_file} name no video in common.")
    if len(known) < len(labels):
        _log.warning("%d labelled videos have no frames listed.", len(labels) - len(known))
    return [listed[name].paths for name in known], [labels[name] for name in known]


def _class_names(label_name_file: PathLike) -> list[str] | None:
    """The names by number; None where the numbers are not 0, 1, ..."""
    names = {int(number): name for name, number in read_json(label_name_file).items()}
    return [names[number] for number in sorted(names)] if {*names} == {*range(len(names))} else None


def _labels(label_name_file: PathLike, video_label_file: PathLike) -> dict[str, int]:
    """Name of each video -> number of its label, in the order of the file."""
    numbers = read_json(label_name_file)
    labels = {}
    for video in read_json(video_label_file):
        template = video["template"].replace("[", "").replace("]", "")
        if template not in numbers:
            raise ValueError(f"{label_name_file} has no label {template!r}, as of {video['id']}.")
        labels[video["id"]] = int(numbers[template])
    return labels
