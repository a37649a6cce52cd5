"""Charades: frames of people at home, with several labels each."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from torch.utils.data import RandomSampler

from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.datasets.frame_lists import (
    FrameListHandler,
    choose_frames,
    read_frame_list,
)
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler
from pytorchvideo_clone.data.video import Clip, FrameFilter, Seconds

__all__ = ["Charades"]


class _LabelledClip(Clip, total=False):
    label: list[list[int]]


class Charades(LabeledVideoDataset):
    r"""Charades as folders of images, one video after the other.

    A sample has the keys `video` (C, T, H, W), `video_name` (the number of the video as text),
    `video_index`, `clip_index`, `aug_index`, `label` (for each frame of the video from the first
    to the last one of the clip, its labels) and `video_label` (all labels of the video, sorted).
    `map_style` gives the same by number.

    Args:
        data_path: list of the frames, as in `read_frame_list`, at 30 frames a second; the labels of
            a frame are numbers with commas between them.
        clip_sampler: which clips to take.
        video_sampler: as in `LabeledVideoDataset`.
        transform: applied to each sample.
        video_path_prefix: put before every relative path.
        frames_per_clip: how many frames of a clip to read, spread evenly from its first to its
            last; None reads all.

    Attributes:
        NUM_CLASSES: how many labels there are.

    Raises:
        ValueError: if the list has another form, or `frames_per_clip` is below 1.

    Source: Sigurdsson et al., "Hollywood in Homes: Crowdsourcing Data Collection for Activity
    Understanding", ECCV 2016, https://arxiv.org/abs/1604.01753.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> rows = 'original_vido_id video_id frame_id path labels\nA1 0 0 A1/1.jpg "5,12"\n'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text(rows)
    ...     Charades(f"{folder}/train.csv", make_clip_sampler("random", 2.0)).num_videos
    1
    """

    NUM_CLASSES = 157

    def __init__(
        self,
        data_path: PathLike,
        clip_sampler: ClipSampler,
        video_sampler: VideoSampler = RandomSampler,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        video_path_prefix: str = "",
        frames_per_clip: int | None = None,
    ) -> None:
        paths, labels, video_labels = _read_video_paths_and_labels(data_path, video_path_prefix)
        choose = choose_frames(self._sample_clip_frames, frames_per_clip)
        handler = FrameListHandler(paths, functools.partial(_read_labelled, labels=labels), choose)
        super().__init__(
            [
                # The labels of a clip take the place of `label`, which is that of no frames.
                (name, {"label": [], "video_label": of_video})
                for name, of_video in zip(handler.names, video_labels, strict=True)
            ],
            clip_sampler,
            video_sampler,
            transform,
            decode_audio=False,
        )
        self.video_path_handler = handler  # type: ignore[assignment]

    @staticmethod
    def _sample_clip_frames(frames: list[int], frames_per_clip: int) -> list[int]:
        """Take `frames_per_clip` frames from the first to the last, at even distances."""
        if not frames:
            return []
        steps = max(frames_per_clip - 1, 1)
        return [frames[i * (len(frames) - 1) // steps] for i in range(frames_per_clip)]


def _read_labelled(
    number: int,
    frames: FrameVideo,
    start_sec: Seconds,
    end_sec: Seconds,
    frame_filter: FrameFilter | None,
    labels: Sequence[Sequence[list[int]]],
    **options: Any,
) -> Clip | None:
    clip = frames.get_clip(start_sec, end_sec, frame_filter, **options)
    if clip is None or not clip["frame_indices"]:
        return clip
    shown = range(min(clip["frame_indices"]), max(clip["frame_indices"]) + 1)
    return _LabelledClip(**clip, label=[list(labels[number][frame]) for frame in shown])


def _read_video_paths_and_labels(
    video_path_label_file: PathLike, prefix: PathLike = ""
) -> tuple[list[list[str]], list[list[list[int]]], list[list[int]]]:
    """Give the paths of the frames, the labels of each frame, and all labels, of each video."""
    listed = read_frame_list(video_path_label_file, prefix).values()

    @functools.cache  # few sets of labels make up the many frames
    def numbers(text: str) -> list[int]:
        try:
            return [int(label) for label in text.split(",") if label]
        except ValueError:
            raise ValueError(
                f"{video_path_label_file}: the labels {text!r} must be whole numbers with commas "
                "between them."
            ) from None

    labels = [[numbers(text) for text in frames.labels] for frames in listed]
    return (
        [frames.paths for frames in listed],
        labels,
        [sorted({label for frame in video for label in frame}) for video in labels],
    )
