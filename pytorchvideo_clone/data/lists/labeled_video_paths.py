"""Lists of videos and their labels, from a file or a folder."""

import hashlib
import logging
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import torch

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.flat import FlatStrings
from pytorchvideo_clone.data.lists.folders import (
    STORE,
    VIDEO_EXTENSIONS,
    class_folders,
    endings_of,
    files_below,
    is_video,
    some,
    split_of,
    visible,
)
from pytorchvideo_clone.data.lists.list_files import ListRow, read_list
from pytorchvideo_clone.data.lists.locating import Place, locate
from pytorchvideo_clone.data.lists.numbering import MAX_CLASSES, Numbering
from pytorchvideo_clone.data.lists.scanned import is_manifest, read_manifest

__all__ = ["VIDEO_EXTENSIONS", "LabeledVideoPaths"]

_log = logging.getLogger(__name__)

_NO_LABEL = -(2**63)  # stands for None


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
        source: path or URL of the folder, list or store that it was read from; else empty.

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
        self._base = ""  # what relative paths count from without a prefix
        self.source = ""
        self.class_names = None if class_names is None else list(class_names)
        self._durations: torch.Tensor | None = None
        if durations is not None:
            self._durations = torch.tensor(array("d", durations), dtype=torch.float64)

    @classmethod
    def from_path(
        cls,
        data_path: files.PathLike,
        extensions: Iterable[str] = VIDEO_EXTENSIONS[:2],
        split: str | None = None,
    ) -> "LabeledVideoPaths":
        """Read a folder with `from_directory`, or a list.

        A list is read as by `from_csv`, and more: labels may be names, which are numbered in sorted
        order; relative paths count from the working folder, or from the folder of the list if they
        lead to something there; backslashes are slashes, if that leads to something.

        Args:
            data_path: path or URL of either; or of a manifest of `scan_videos`, for
                `from_manifest`; or of a packed store, for `from_store`.
            extensions: as for `from_directory`.
            split: "train", "val" or "test" takes the videos of which a column "split" of a list
                says that; None takes all.

        Raises:
            FileNotFoundError: if there is nothing.
            ValueError: as from `from_csv`.
        """
        name = os.fspath(data_path)
        if name.rstrip("/").endswith(STORE):
            return cls.from_store(data_path)
        if files.is_dir(data_path):
            return cls.from_directory(data_path, extensions)
        if files.is_file(data_path) and files.exists(data_path):
            if is_manifest(data_path):
                return cls.from_manifest(data_path)
            place, rows = locate(read_list(data_path), name)
            if split is not None:
                rows = (row for row in rows if split_of(row.split or "") == split)
            return cls._from_rows(rows, name, Numbering(name), place)
        raise FileNotFoundError(
            f"{name} not found. It must be a folder with one folder of videos a "
            "class, or a text file with 'path label' lines."
        )

    @classmethod
    def from_csv(cls, file_path: files.PathLike) -> "LabeledVideoPaths":
        """Read a text file of videos and numbers.

        Each line is a path, white space and a whole number, the label. The path may hold spaces.
        A path alone has label -1; lines that are empty or begin with "#" do not count. Columns may
        also be divided by commas, semicolons or tabs, in any order below a header that names them
        ('path,label'); with the ending .json or .jsonl the file holds json.

        Args:
            file_path: path or URL of the file.

        Raises:
            AssertionError: if it lists no video.
            ValueError: if a label is no whole number, a line has another form than the others, or
                the file is no text.
        """
        name = os.fspath(file_path)
        return cls._from_rows(read_list(file_path), name, Numbering(name, names=False))

    @classmethod
    def _from_rows(
        cls, rows: Iterable[ListRow], name: str, numbers: Numbering, place: Place | None = None
    ) -> "LabeledVideoPaths":
        read = place.read if place else str
        videos = cls((read(row.path), numbers.number(row)) for row in rows)
        if not len(videos):
            # PyTorchVideo's exception, raised so that -O keeps it.
            raise AssertionError(f"{name} lists no videos; it must have 'path label' lines.")
        videos._base, videos.source = (place.base if place else ""), name
        if numbers.names:
            names = sorted(numbers.names)  # as those of folders are
            order = {numbers.names[label]: place for place, label in enumerate(names)}
            videos.renumber(order, names)
        return videos

    @classmethod
    def from_directory(
        cls, dir_path: files.PathLike, extensions: Iterable[str] = VIDEO_EXTENSIONS[:2]
    ) -> "LabeledVideoPaths":
        """Find the videos below one folder for each class.

        Classes are the sub-folders in sorted order, numbered from 0; their videos are found at any
        depth. Files with other extensions, and videos that lie in no class, are left out, with a
        warning in the log; names that begin with a dot do not count. Links to folders are followed,
        each folder of a class once.

        Args:
            dir_path: path or URL of the folder.
            extensions: of the videos, for example `VIDEO_EXTENSIONS`.

        Raises:
            FileNotFoundError: if a class has no video, or there is no class.
        """
        root, extensions = os.fspath(dir_path), tuple(extensions)
        endings = endings_of(extensions)
        class_names = class_folders(root)
        if not class_names:
            raise FileNotFoundError(
                f"{root} holds no folders; put the videos of each class into a folder of its own."
            )
        left_out: list[str] = []
        empty: list[str] = []

        def rows() -> Iterator[tuple[str, int]]:
            for label, name in enumerate(class_names):
                found = files_below(files.join(root, name))
                videos = [path for path in found if is_video(path, extensions)]
                yield from ((path, label) for path in videos)
                left_out.extend(path for path in found if not is_video(path, extensions))
                if not videos:
                    empty.append(name)

        listed = cls(rows(), class_names=class_names)
        listed.source = root
        if left_out:
            _warn_left_out(left_out, endings)
        loose = [name for name in visible(root) if is_video(name) and name not in class_names]
        if loose:
            _log.warning("%s: in no class, and left out: %s.", root, some(loose))
        if empty:
            raise FileNotFoundError(
                f"{root} has no video for {some(empty)}; looked for {', '.join(endings)}."
                " Other extensions: LabeledVideoPaths.from_directory(folder, extensions=...)."
            )
        return listed

    @classmethod
    def from_manifest(
        cls, manifest: files.PathLike, *, max_classes: int = MAX_CLASSES
    ) -> "LabeledVideoPaths":
        """Read what `scan_videos` wrote: its videos, labels, class names and lengths.

        Args:
            manifest: path or URL of the file.
            max_classes: how many classes its labels may count.

        Raises:
            ValueError: if a row is not one of a manifest, or its label is `max_classes` or more.
        """
        name, scanned = os.fspath(manifest), read_manifest(manifest)
        names = {row.label: row.class_name for row in scanned if row.class_name}
        if names and not 0 <= min(names) <= max(names) < max_classes:
            line, odd = next(
                (line, row.label)
                for line, row in enumerate(scanned, 2)  # below the header
                if row.class_name and not 0 <= row.label < max_classes
            )
            raise ValueError(
                f"{name}, line {line}: label {odd} has a class name; the labels of classes go from "
                f"0 to {max_classes - 1}. For more pass max_classes to "
                "LabeledVideoPaths.from_manifest."
            )
        place, _ = locate((ListRow(row.path, None, 0) for row in scanned), name)
        videos = cls(
            ((row.path, row.label) for row in scanned),
            class_names=[names.get(label, str(label)) for label in range(max(names) + 1)]
            if names
            else None,
            durations=[row.duration for row in scanned],
        )
        videos._base, videos.source = place.base, name
        return videos

    @classmethod
    def from_store(cls, store: files.PathLike) -> "LabeledVideoPaths":
        """List the videos of a packed store, by the paths that open them.

        Raises:
            StoreError: if it is no store, was not finished, or its index is damaged.
        """
        from pytorchvideo_clone.data.packed.store import open_store, video_path  # packed from lists

        packed = open_store(os.fspath(store).rstrip("/"))
        numbers = range(len(packed))
        videos = cls(
            ((video_path(packed.path, number), packed.label(number)) for number in numbers),
            class_names=packed.class_names,
            durations=[packed.duration(number) for number in numbers],
        )
        videos.source = packed.path
        return videos

    def renumber(self, order: Mapping[int, int], class_names: Sequence[str]) -> None:
        """Give the labels other numbers, and names.

        Args:
            order: old number -> new one; others stay.
            class_names: the name of each new number.
        """
        old, places = self._labels.unique(return_inverse=True)
        self._labels = torch.tensor([order.get(number, number) for number in old.tolist()])[places]
        self.class_names = list(class_names)

    def duration(self, index: int) -> Fraction | None:
        """Give the length of a video in seconds, if the list knows it."""
        if self._durations is None:
            return None
        # Lists keep floats; lengths are whole numbers of ticks of, at most, a 200,000th second.
        return Fraction(float(self._durations[index])).limit_denominator(200_000)

    def fingerprint(self) -> str:
        """Give a digest of paths and labels, to compare lists.

        The prefix, and the folders that all paths have in common, do not count: the same videos
        may lie elsewhere on another machine.
        """
        if self._listed is not None:
            return type(self)(self._listed).fingerprint()
        paths = list(self._paths)
        ends = [min(paths, default=""), max(paths, default="")]
        # Letter by letter, and cut where a folder ends; paths may be URLs.
        common = os.path.commonprefix(ends)  # noqa: RUF071
        begin = 1 + max(common.rfind(mark) for mark in {"/", os.sep})
        digest = hashlib.blake2b(digest_size=16)
        for buffer in FlatStrings(path[begin:] for path in paths).buffers():
            digest.update(buffer)
        digest.update(self._labels.numpy().data)
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
        return files.join(self.path_prefix or self._base, path), {"label": label}

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


def _warn_left_out(paths: list[str], endings: tuple[str, ...]) -> None:
    readable = list(filter(is_video, paths))
    message = f"{len(paths)} files are not {' or '.join(endings)} and are left out"
    if readable:
        message += (
            f"; of these {len(readable)} look like videos ({some(readable)}): pass "
            "extensions=VIDEO_EXTENSIONS to LabeledVideoPaths.from_directory to take them"
        )
    else:
        message += f": {some(paths)}"
    _log.warning("%s.", message)
