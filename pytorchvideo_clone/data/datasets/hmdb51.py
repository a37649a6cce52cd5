"""HMDB51: clips of human actions from films, one label each."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any

from torch.utils.data import RandomSampler

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.datasets.annotations import open_text, under
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler

__all__ = ["Hmdb51", "Hmdb51LabeledVideoPaths"]

# What the number behind each file of a split means.
_SPLIT_TYPES = {"unused": "0", "train": "1", "test": "2"}
# body part, camera motion, number of people, angle, quality
_META_TAGS = 5


class Hmdb51LabeledVideoPaths:
    """A list of (path, {"label": name of the action, "meta_tags": [...]}) pairs.

    The five tags, from the name of the file, are visible body part, camera motion, number of
    people, angle and quality, for example ["f", "cm", "np1", "ba", "med"].

    Args:
        paths_and_labels: such pairs.
        path_prefix: put before every path that is neither absolute nor a URL.

    Attributes:
        path_prefix: as above; may be changed.
    """

    def __init__(
        self, paths_and_labels: Sequence[tuple[str, dict[str, Any]]], path_prefix: str = ""
    ) -> None:
        self._paths_and_labels = list(paths_and_labels)
        self.path_prefix = path_prefix

    @classmethod
    def from_dir(
        cls, data_path: files.PathLike, split_id: int = 1, split_type: str = "train"
    ) -> "Hmdb51LabeledVideoPaths":
        """Read one of the splits that come with the data set.

        Args:
            data_path: folder of the files `<action>_test_split<1..3>.txt`.
            split_id: 1, 2 or 3.
            split_type: "train", "test" or "unused".

        Raises:
            FileNotFoundError: if there is no such folder, or no file of this split in it.
            ValueError: if there is no such split.
        """
        if split_id not in (1, 2, 3):
            raise ValueError(f"split_id is {split_id!r}; it must be 1, 2 or 3.")
        folder = os.fspath(data_path)
        if not files.is_dir(folder):
            raise FileNotFoundError(f"{folder} is no folder.")
        ending = f"_test_split{split_id}.txt"
        splits = [under(folder, name) for name in files.list_dir(folder) if name.endswith(ending)]
        if not splits:
            raise FileNotFoundError(f"{folder} has no file <action>{ending}.")
        return cls.from_csvs(splits, split_type)

    @classmethod
    def from_csvs(
        cls, file_paths: Iterable[files.PathLike], split_type: str = "train"
    ) -> "Hmdb51LabeledVideoPaths":
        """Read files `<action>_test_split<1..3>.txt`.

        Each line is the name of a video and 0 (unused), 1 (train) or 2 (test); the video lies at
        `<action>/<name>`.

        Args:
            file_paths: paths or URLs of the files.
            split_type: "train", "test" or "unused".

        Raises:
            ValueError: if there is no such type, or a line or the name of a file has another form.
        """
        if split_type not in _SPLIT_TYPES:
            raise ValueError(
                f"split_type is {split_type!r}; it must be one of {', '.join(_SPLIT_TYPES)}."
            )
        rows = []
        for file in file_paths:
            action, found = re.subn(r"_test_split\d\.txt$", "", PurePath(file).name)
            if not found:
                raise ValueError(f"{os.fspath(file)} is not named <action>_test_split<1..3>.txt.")
            with open_text(file) as lines:
                for line in filter(str.strip, lines):
                    name, kind = _video(line, os.fspath(file))
                    if kind == _SPLIT_TYPES[split_type]:
                        info = {"label": action, "meta_tags": _meta_tags(name)}
                        rows.append((f"{action}/{name}", info))
        return cls(rows)

    def __getitem__(self, index: int) -> tuple[str, dict[str, Any]]:
        path, info = self._paths_and_labels[index]
        return under(self.path_prefix, path), dict(info)

    def __len__(self) -> int:
        return len(self._paths_and_labels)


def Hmdb51(
    data_path: files.PathLike,
    clip_sampler: ClipSampler,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    video_path_prefix: str = "",
    split_id: int = 1,
    split_type: str = "train",
    decode_audio: bool = True,
    decoder: str = "pyav",
) -> LabeledVideoDataset:
    r"""Make the HMDB51 data set of its splits.

    Samples have `label`, the name of the action, and `meta_tags`, as in `Hmdb51LabeledVideoPaths`.

    Args:
        data_path: folder of the files `<action>_test_split<1..3>.txt`, as in
            `Hmdb51LabeledVideoPaths.from_dir`, like `split_id` and `split_type`.
        clip_sampler: as in `labeled_video_dataset`, like all that follow.
        video_sampler: as there.
        transform: as there.
        video_path_prefix: folder of the videos, which lie at `<action>/<name>`.
        split_id: 1, 2 or 3.
        split_type: "train", "test" or "unused".
        decode_audio: as in `labeled_video_dataset`.
        decoder: as there.

    Raises:
        FileNotFoundError: if there is no such folder, or no file of this split in it.
        ValueError: if there is no such split, or a line has another form.

    Source: Kuehne et al., "HMDB: A Large Video Database for Human Motion Recognition", ICCV 2011,
    https://doi.org/10.1109/ICCV.2011.6126543.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = "x_wave_f_cm_np1_ba_med_0.avi 1\ny_wave_u_nm_np2_fr_goo_3.avi 2\n"
    ...     _ = Path(folder, "wave_test_split1.txt").write_text(rows)
    ...     Hmdb51(folder, make_clip_sampler("random", 2.0), video_path_prefix="videos").num_videos
    1
    """
    videos = Hmdb51LabeledVideoPaths.from_dir(data_path, split_id, split_type)
    videos.path_prefix = video_path_prefix
    return LabeledVideoDataset(
        [videos[index] for index in range(len(videos))],
        clip_sampler,
        video_sampler,
        transform,
        decode_audio=decode_audio,
        decoder=decoder,
    )


def _video(line: str, file: str) -> tuple[str, str]:
    name, _, kind = line.strip().rpartition(" ")
    if not name or kind not in _SPLIT_TYPES.values():
        raise ValueError(f"{file}: {line.strip()!r} must be the name of a video and 0, 1 or 2.")
    return name.strip(), kind


def _meta_tags(name: str) -> list[str]:
    parts = PurePath(name).stem.split("_")
    if len(parts) < _META_TAGS + 2:
        raise ValueError(
            f"{name} must be named <video>_<action>_<body part>_<camera motion>_<people>_<angle>_"
            "<quality>_<number>."
        )
    return parts[-_META_TAGS - 1 : -1]
