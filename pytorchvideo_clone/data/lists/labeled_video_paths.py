"""Lists of videos and their labels, from a file or a folder."""

import hashlib
import io
import logging
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.flat import FlatStrings

__all__ = ["VIDEO_EXTENSIONS", "LabeledVideoPaths"]

_log = logging.getLogger(__name__)

_NO_LABEL = -(2**63)  # stands for None
_MANIFEST = b"path,label,class_name,duration,"  # what a manifest of `scan_videos` begins with

_WITH_COMMA = re.compile(r".+,[+-]?\d+")

# What the decoders read; a folder is searched for the first two unless told otherwise.
VIDEO_EXTENSIONS = ("mp4", "avi", "mkv", "mov", "webm", "m4v", "mpg", "mpeg", "ts", "wmv", "flv")


class LabeledVideoPaths:
    """A list of (path, {"label": number}) pairs.

    It takes the letters of the paths and 16 bytes for each, and worker processes share it.

    Args:
        paths_and_labels: (path, label) pairs; None stands for no label.
        path_prefix: put before every path that is neither absolute nor a URL.
        class_names: the name of each label, where they are known.
        durations: the length of each video in seconds, where they are known; then no file is opened
            to count clips.

    Attributes:
        path_prefix: as above; may be changed.
        class_names: as above, or None.

    >>> videos = LabeledVideoPaths([("a.mp4", 1)], path_prefix="/videos")
    >>> videos[0]
    ('/videos/a.mp4', {'label': 1})
    """

    def __init__(
        self,
        paths_and_labels: Iterable[tuple[str, int | None]],
        path_prefix: str = "",
        class_names: Sequence[str] | None = None,
        durations: Iterable[float] | None = None,
    ) -> None:
        labels = array("q")
        self._odd_labels: dict[int, Any] = {}  # those that are no whole numbers
        self._paths = FlatStrings(_split(paths_and_labels, labels, self._odd_labels))
        labels.append(0)  # a tensor cannot be made of an empty buffer
        self._labels = torch.frombuffer(labels, dtype=torch.int64)[:-1]
        self._listed: list[tuple[str, Any]] | None = None
        self.path_prefix = path_prefix
        self.class_names = None if class_names is None else list(class_names)
        self._durations: torch.Tensor | None = None
        if durations is not None:
            self._durations = torch.tensor(array("d", durations), dtype=torch.float64)

    @classmethod
    def from_path(cls, data_path: files.PathLike) -> "LabeledVideoPaths":
        """Read a folder with `from_directory`, or a file with `from_csv`.

        Args:
            data_path: path or URL of either; or of a manifest of `scan_videos`, for
                `from_manifest`; or of a packed store, for `from_store`.

        Raises:
            FileNotFoundError: if there is nothing.
        """
        if os.fspath(data_path).rstrip("/").endswith(".ptvpack"):
            return cls.from_store(data_path)
        if files.is_dir(data_path):
            return cls.from_directory(data_path)
        if files.is_file(data_path) and files.exists(data_path):
            with files.open_file(data_path) as file:
                is_manifest = file.read(len(_MANIFEST)) == _MANIFEST
            return cls.from_manifest(data_path) if is_manifest else cls.from_csv(data_path)
        raise FileNotFoundError(
            f"{os.fspath(data_path)} not found. It must be a folder with one folder of videos a "
            "class, or a text file with 'path label' lines."
        )

    @classmethod
    def from_csv(cls, file_path: files.PathLike) -> "LabeledVideoPaths":
        """Read a text file of videos.

        Each line is a path, white space and a whole number, the label. The path may hold spaces.
        A path alone has label -1; empty lines do not count.

        Args:
            file_path: path or URL of the file.

        Raises:
            AssertionError: if it lists no video.
            ValueError: if a label is no whole number, a comma stands in the place of the white
                space, or the file is no text in UTF-8.
        """
        name = os.fspath(file_path)
        # UTF-8 whatever the machine's locale, also with the mark that spreadsheets put before it.
        with io.TextIOWrapper(files.open_file(file_path), encoding="utf-8-sig") as lines:
            videos = cls(_rows(lines, name))
        if not len(videos):
            # PyTorchVideo's exception, raised so that -O keeps it.
            raise AssertionError(f"{name} lists no videos; it must have 'path label' lines.")
        return videos

    @classmethod
    def from_directory(
        cls, dir_path: files.PathLike, extensions: Iterable[str] = VIDEO_EXTENSIONS[:2]
    ) -> "LabeledVideoPaths":
        """Find the videos below one folder for each class.

        Classes are the sub-folders in sorted order, numbered from 0; their videos are found at any
        depth. Files with other extensions are left out, with a warning in the log; names that begin
        with a dot do not count.

        Args:
            dir_path: path or URL of the folder.
            extensions: of the videos, in lower case, for example `VIDEO_EXTENSIONS`.

        Raises:
            FileNotFoundError: if a class has no video, or there is no class.
        """
        root = os.fspath(dir_path)
        endings = tuple(f".{extension.lower().lstrip('.')}" for extension in extensions)
        class_names = [name for name in _visible(root) if files.is_dir(_join(root, name))]
        if not class_names:
            raise FileNotFoundError(
                f"{root} holds no folders; put the videos of each class into a folder of its own."
            )
        left_out: list[str] = []
        empty: list[str] = []

        def rows() -> Iterator[tuple[str, int]]:
            for label, name in enumerate(class_names):
                found = _files_below(_join(root, name))
                videos = [path for path in found if path.lower().endswith(endings)]
                yield from ((path, label) for path in videos)
                left_out.extend(path for path in found if not path.lower().endswith(endings))
                if not videos:
                    empty.append(name)

        listed = cls(rows(), class_names=class_names)
        if left_out:
            _warn_left_out(left_out, endings)
        if empty:
            raise FileNotFoundError(
                f"{root} has no video for {_some(empty)}; looked for {', '.join(endings)}."
                " Other extensions: LabeledVideoPaths.from_directory(folder, extensions=...)."
            )
        return listed

    @classmethod
    def from_manifest(cls, manifest: files.PathLike) -> "LabeledVideoPaths":
        """Read what `scan_videos` wrote: its videos, labels, class names and lengths.

        Raises:
            ValueError: if a row is not one of a manifest.
        """
        from pytorchvideo_clone.data.scan import read_manifest  # which reads lists itself

        rows = read_manifest(manifest)
        names = {row.label: row.class_name for row in rows if row.class_name}
        return cls(
            ((row.path, row.label) for row in rows),
            class_names=[names.get(label, str(label)) for label in range(max(names, default=0) + 1)]
            if names
            else None,
            durations=[row.duration for row in rows],
        )

    @classmethod
    def from_store(cls, store: files.PathLike) -> "LabeledVideoPaths":
        """List the videos of a packed store, by the paths that open them.

        Raises:
            StoreError: if it is no store, was not finished, or its index is damaged.
        """
        from pytorchvideo_clone.data.packed.store import open_store, video_path  # packed from lists

        packed = open_store(os.fspath(store).rstrip("/"))
        numbers = range(len(packed))
        return cls(
            ((video_path(packed.path, number), packed.label(number)) for number in numbers),
            class_names=packed.class_names,
            durations=[packed.duration(number) for number in numbers],
        )

    def duration(self, index: int) -> Fraction | None:
        """Give the length of a video in seconds, if the list knows it."""
        if self._durations is None:
            return None
        # Lists keep floats; lengths are whole numbers of ticks of, at most, a 200,000th second.
        return Fraction(float(self._durations[index])).limit_denominator(200_000)

    def fingerprint(self) -> str:
        """Give a digest of paths and labels, without the prefix, to compare lists."""
        digest = hashlib.blake2b(digest_size=16)
        if self._listed is not None:
            return type(self)(self._listed).fingerprint()
        for buffer in [*self._paths.buffers(), self._labels.numpy().data]:
            digest.update(buffer)
        digest.update(repr(self._odd_labels).encode())
        return digest.hexdigest()

    @property
    def _paths_and_labels(self) -> list[tuple[str, Any]]:
        """PyTorchVideo's list, which other projects read and change: once asked for, it counts."""
        if self._listed is None:
            self._listed = [self._row(index) for index in range(len(self))]
            self._durations = None  # of other videos, when the list is changed
        return self._listed

    @_paths_and_labels.setter
    def _paths_and_labels(self, paths_and_labels: Iterable[tuple[str, Any]]) -> None:
        self._listed, self._durations = list(paths_and_labels), None

    def __getitem__(self, index: int) -> tuple[str, dict[str, Any]]:
        path, label = self._row(index) if self._listed is None else self._listed[index]
        if "://" not in path:
            path = _join(self.path_prefix, path)
        return path, {"label": label}

    def __len__(self) -> int:
        return len(self._paths if self._listed is None else self._listed)

    def _row(self, index: int) -> tuple[str, Any]:
        path = self._paths[index]
        index %= len(self._paths)
        if index in self._odd_labels:
            return path, self._odd_labels[index]
        label = int(self._labels.numpy()[index])
        return path, None if label == _NO_LABEL else label


def _split(
    rows: Iterable[tuple[str, Any]], labels: "array[int]", odd: dict[int, Any]
) -> Iterator[str]:
    """Give the paths, and put the labels away."""
    for path, label in rows:
        try:
            labels.append(_NO_LABEL if label is None else label)
        except (TypeError, OverflowError):
            odd[len(labels)] = label
            labels.append(0)
        yield path


def _rows(lines: Iterable[str], file: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(_text(lines, file), 1):
        path, *label = line.strip().rsplit(maxsplit=1) or ("",)
        if not label and _WITH_COMMA.fullmatch(path):
            raise ValueError(
                f"{file}, line {number}: {path!r} has a comma before its label; a line is a path, "
                "a space and a whole number."
            )
        if path:
            yield path, _whole_number(label[0], file, number) if label else -1


def _text(lines: Iterable[str], file: str) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is no text in UTF-8; it must have 'path label' lines. To read a video itself, "
            "use EncodedVideo.from_path."
        ) from error


def _whole_number(text: str, file: str, line: int) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{file}, line {line}: {text!r} is no label; a line is a path, a space and a whole "
            "number."
        ) from None


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118 (a Path would turn "s3://" into "s3:/")


def _visible(folder: str) -> list[str]:
    return [name for name in files.list_dir(folder) if not name.startswith(".")]


def _files_below(folder: str) -> list[str]:
    """All files at any depth, sorted by folder and name."""
    found: list[str] = []
    for name in _visible(folder):
        path = _join(folder, name)
        found += _files_below(path) if files.is_dir(path) else [path]
    return sorted(found, key=lambda path: (str(PurePath(path).parent), path))


def _warn_left_out(paths: list[str], endings: tuple[str, ...]) -> None:
    readable = [p for p in paths if PurePath(p).suffix.lower().lstrip(".") in VIDEO_EXTENSIONS]
    message = f"{len(paths)} files are not {' or '.join(endings)} and are left out"
    if readable:
        message += (
            f"; of these {len(readable)} look like videos ({_some(readable)}): pass "
            "extensions=VIDEO_EXTENSIONS to LabeledVideoPaths.from_directory to take them"
        )
    else:
        message += f": {_some(paths)}"
    _log.warning("%s.", message)


def _some(names: list[str], count: int = 5) -> str:
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")
