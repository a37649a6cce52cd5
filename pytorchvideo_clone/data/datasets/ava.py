"""AVA: boxes around people, with what they do, at single seconds of films."""

import csv
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from torch.utils.data import RandomSampler

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipSampler
from pytorchvideo_clone.data.datasets.annotations import open_text
from pytorchvideo_clone.data.datasets.frame_lists import read_frame_list
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler
from pytorchvideo_clone.data.video import Seconds

__all__ = ["Ava", "AvaLabeledVideoFramePaths", "TimeStampClipSampler"]

_log = logging.getLogger(__name__)


class AvaLabeledVideoFramePaths:
    """Readers of AVA's annotation files.

    Attributes:
        AVA_VALID_FRAMES: the annotated seconds of the films.
        FPS: frames a second of the images.
        AVA_VIDEO_START_SEC: second of the film at which the images begin.
    """

    AVA_VALID_FRAMES: ClassVar[list[int]] = list(range(902, 1799))
    FPS = 30
    AVA_VIDEO_START_SEC = 900

    @classmethod
    def from_csv(
        cls,
        frame_paths_file: PathLike,
        frame_labels_file: PathLike,
        video_path_prefix: str = "",
        label_map_file: PathLike | None = None,
    ) -> list[tuple[str, dict[str, Any]]]:
        """Give a (folder of the video, annotation) pair for each annotated second.

        The annotation has `boxes` [[x1, y1, x2, y2], ...] in [0, 1], for each box a list `labels`
        of numbers (-1 where the file has none) and a list `extra_info` with the number of the
        person, or the score, of each label; and `video_index` and `clip_index`, the second counted
        from the first image. Boxes that are equal to two decimals are one.

        Args:
            frame_paths_file: list of the frames, as in `read_frame_list`; the images of a video lie
                in one folder.
            frame_labels_file: csv without header: video, second of the film, x1, y1, x2, y2, label,
                number of the person or score. Seconds outside 902 to 1798, and videos that are not
                in the list of frames, are left out.
            video_path_prefix: put before every relative path.
            label_map_file: as in `read_label_map`; other labels are left out.

        Raises:
            ValueError: if a file has another form, or the two have no video in common.
        """
        allowed = cls.read_label_map(label_map_file)[1] if label_map_file is not None else None
        paths, _, numbers = cls.load_image_lists(frame_paths_file, video_path_prefix)
        people: dict[tuple[str, float], dict[tuple[str, ...], _Person]] = {}
        unlisted = set()
        for row in _rows(frame_labels_file):
            if row.video not in numbers:
                unlisted.add(row.video)
            elif row.second in cls.AVA_VALID_FRAMES and (allowed is None or row.label in allowed):
                second = people.setdefault((row.video, row.second), {})
                same = tuple(f"{edge:.2f}" for edge in row.box)
                person = second.setdefault(same, _Person(row.box, [], []))
                person.labels.append(row.label)
                person.extra_info.append(row.extra_info)
        if unlisted:
            _log.warning("%d labelled videos have no frames listed.", len(unlisted))
        if not people:
            raise ValueError(f"{frame_labels_file} has no label of a video in {frame_paths_file}.")
        return [
            (
                os.path.dirname(paths[numbers[video]][0]),  # noqa: PTH120 (a Path breaks a URL)
                {
                    "labels": [person.labels for person in second_people.values()],
                    "boxes": [person.box for person in second_people.values()],
                    "extra_info": [person.extra_info for person in second_people.values()],
                    "video_index": numbers[video],
                    "clip_index": second - cls.AVA_VIDEO_START_SEC,
                },
            )
            for (video, second), second_people in people.items()
        ]

    @staticmethod
    def load_image_lists(
        frame_paths_file: PathLike, video_path_prefix: str = ""
    ) -> tuple[list[list[str]], list[str], dict[str, int]]:
        """Read a list of frames, as `read_frame_list`.

        Returns:
            The paths of the frames of each video; the names of the videos; and name -> number.
        """
        videos = read_frame_list(frame_paths_file, video_path_prefix)
        numbers = {name: number for number, name in enumerate(videos)}
        return [frames.paths for frames in videos.values()], list(videos), numbers

    @staticmethod
    def read_label_map(label_map_file: PathLike) -> tuple[dict[int, str], set[int]]:
        """Read a `.pbtxt` file of labels.

        Each label is a block with a line `name: "..."` and a line `id: ...` or `label_id: ...`.

        Returns:
            Number -> name, and all numbers.
        """
        names = {}
        name = ""
        with open_text(label_map_file) as lines:
            for line in lines:
                if found := re.match(r'\s*name: *"(.*)"', line):
                    name = found[1]
                elif found := re.match(r"\s*(?:label_)?id: *(\d+)", line):
                    names[int(found[1])] = name
        return names, set(names)


class TimeStampClipSampler(ClipSampler):
    """One clip around the second that the annotation names in `clip_index`.

    Args:
        clip_sampler: only the length of its clips is used.

    >>> from pytorchvideo_clone.data.clip_sampling import RandomClipSampler
    >>> clip = TimeStampClipSampler(RandomClipSampler(1))(None, 100, {"clip_index": 2.0})
    >>> clip.clip_start_sec, clip.clip_end_sec
    (1.5, 2.5)
    """

    samples_per_video = 1

    def __init__(self, clip_sampler: ClipSampler) -> None:
        super().__init__(clip_sampler._clip_duration)
        self.clip_sampler = clip_sampler

    def __call__(
        self,
        last_clip_end_time: Seconds | None,
        video_duration: Seconds,
        annotation: Mapping[str, Any],
    ) -> ClipInfo:
        """As in `ClipSampler`."""
        start = annotation["clip_index"] - self._clip_duration / 2
        return ClipInfo(start, start + self._clip_duration, 0, 0, True)


def Ava(
    frame_paths_file: PathLike,
    frame_labels_file: PathLike,
    video_path_prefix: str = "",
    label_map_file: PathLike | None = None,
    clip_sampler: ClipSampler | None = None,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[dict[str, Any]], Any] | None = None,
) -> LabeledVideoDataset:
    r"""Make the AVA data set of folders of images: one clip around each annotated second.

    Samples have `boxes`, `labels`, `extra_info`, `video_index` and `clip_index`, as in
    `AvaLabeledVideoFramePaths.from_csv`, which describes the files. Images are read at 30 a second.

    Args:
        frame_paths_file: list of the frames.
        frame_labels_file: csv of the boxes.
        video_path_prefix: put before every relative path.
        label_map_file: which labels to keep; None keeps all.
        clip_sampler: only the length of its clips is used.
        video_sampler: as in `LabeledVideoDataset`; it orders the annotated seconds.
        transform: applied to each sample.

    Raises:
        TypeError: if there is no `clip_sampler`.
        ValueError: if a file has another form, or the two have no video in common.

    Source: Gu et al., "AVA: A Video Dataset of Spatio-temporally Localized Atomic Visual Actions",
    CVPR 2018, https://arxiv.org/abs/1705.08421.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> frames = 'original_vido_id video_id frame_id path labels\nA 0 0 A/A_000001.jpg ""\n'
    >>> boxes = "A,0902,0.1,0.2,0.5,0.9,12,0\nA,0902,0.1,0.2,0.5,0.9,80,0\nA,0903,0,0,1,1,12,0\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder, name) for name in ("frames.csv", "boxes.csv")]
    ...     _ = [path.write_text(text) for path, text in zip(paths, (frames, boxes))]
    ...     Ava(*paths, clip_sampler=make_clip_sampler("random", 2.0)).num_videos
    2
    """
    if clip_sampler is None:
        raise TypeError("Ava needs a clip_sampler, such as make_clip_sampler('random', 2.0).")
    return LabeledVideoDataset(
        AvaLabeledVideoFramePaths.from_csv(
            frame_paths_file, frame_labels_file, video_path_prefix, label_map_file
        ),
        TimeStampClipSampler(clip_sampler),
        video_sampler,
        transform,
        decode_audio=False,
    )


class _Person(NamedTuple):
    box: list[float]
    labels: list[int]
    extra_info: list[float]


class _Row(NamedTuple):
    video: str
    second: float
    box: list[float]
    label: int
    extra_info: float


def _rows(file: PathLike) -> Iterator[_Row]:
    with open_text(file) as text:
        rows = csv.reader(text)
        for row in filter(None, rows):
            try:
                video, second, x1, y1, x2, y2, label, extra = row
                box = [float(x1), float(y1), float(x2), float(y2)]
                yield _Row(video, float(second), box, int(label or -1), float(extra))
            except ValueError:
                raise ValueError(
                    f"{os.fspath(file)}, line {rows.line_num}: {','.join(row)!r} must be video, "
                    "second, x1, y1, x2, y2, label, and person or score."
                ) from None
