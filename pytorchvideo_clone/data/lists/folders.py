"""Which files are videos, which folders hold them, and which names are splits: said once, for all.

A file is a video by its ending, whatever its case. Names that begin with a dot, and the folders
that systems put beside one's own (`__MACOSX`, `@eaDir`, ...), do not count. Links to folders are
followed, each folder once, but not up to one in which the search began. A packed store among the
videos is none of their classes.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from pytorchvideo_clone.data import files

__all__ = [
    "SPLITS",
    "STORE",
    "VIDEO_EXTENSIONS",
    "class_folders",
    "endings_of",
    "files_below",
    "is_video",
    "some",
    "split_of",
    "splits_within",
    "visible",
]

_log = logging.getLogger(__name__)

# What the decoders read. PyTorchVideo searches folders for the first two.
VIDEO_EXTENSIONS = (
    *("mp4", "avi", "mkv", "mov", "webm", "m4v", "mpg", "mpeg", "ts", "wmv", "flv"),
    *("3gp", "asf", "m2ts", "mts", "ogv", "vob"),
)

# Split -> the names that it goes by, in any case.
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}

_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")
STORE = ".ptvpack"  # what names of packed stores end in

# Folders of macOS' zip files, Synology, Windows and ext4.
_SYSTEM = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}


def endings_of(extensions: Iterable[str]) -> tuple[str, ...]:
    """Give what names with these extensions end in, in lower case."""
    return tuple(f".{extension.lower().lstrip('.')}" for extension in extensions)


def is_video(path: str, extensions: Iterable[str] = VIDEO_EXTENSIONS) -> bool:
    """Say whether a path is a video by its name.

    >>> is_video("IMG_1.MOV"), is_video("._a.mp4"), is_video("a.mp4.part")
    (True, False, False)
    """
    name = path.rpartition("/")[2]
    return _is_visible(name) and name.lower().endswith(endings_of(extensions))


def split_of(name: str) -> str | None:
    """Give the split that a name stands for, a key of `SPLITS`, or None.

    >>> split_of("Validation"), split_of("trains")
    ('val', None)
    """
    return next((split for split, names in SPLITS.items() if name.lower() in names), None)


def splits_within(names: Iterable[str]) -> dict[str, str]:
    """Give the splits that names say in one of their words, if all do, each another.

    >>> splits_within(["train_256", "ValSet"]), splits_within(["train_station", "airport"])
    ({'train': 'train_256', 'val': 'ValSet'}, {})
    """
    found: dict[str, str] = {}
    for name in names:
        words = _WORD.findall(name)
        said = {split_of(word.lower().removesuffix("set")) for word in words} - {None}
        if len(said) != 1 or (split := str(*said)) in found:
            return {}
        found[split] = name
    return found if len(found) > 1 else {}


def visible(folder: str) -> list[str]:
    """Give the names in a folder that count, sorted."""
    return [name for name in files.list_dir(folder) if _is_visible(name)]


def class_folders(folder: str) -> list[str]:
    """Give the names of the folders in a folder, sorted, without links to where they stand."""
    around = {_identity(folder), *_above(folder)}
    paths = ((name, files.join(folder, name)) for name in visible(folder))
    return [
        name
        for name, path in paths
        if not name.endswith(STORE) and files.is_dir(path) and _identity(path) not in around
    ]


def files_below(folder: str) -> list[str]:
    """Give all files at any depth, sorted by folder and name.

    A folder that cannot be listed is left out, with a warning in the log.
    """
    found = _walk(folder, _above(folder))
    return sorted(found, key=lambda path: (str(PurePath(path).parent), path))


def some(names: list[str], count: int = 5) -> str:
    """Name the first few, and say how many more there are."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def _walk(folder: str, seen: set[str]) -> Iterator[str]:
    identity = _identity(folder)
    if identity in seen:  # a link to its own folder, or to one that was visited
        return
    seen.add(identity)
    try:
        names = visible(folder)
    except OSError as error:
        _log.warning("%s cannot be listed (%s) and is left out.", folder, error.strerror or error)
        return
    for name in names:
        path = files.join(folder, name)
        if files.is_dir(path):
            if not name.endswith(STORE):
                yield from _walk(path, seen)
        else:
            yield path


def _above(folder: str) -> set[str]:
    """The folders that hold a folder: those of its path, and of where that leads to."""
    if files.is_url(folder):
        return set()
    named = PurePath(os.path.abspath(folder)).parents  # noqa: PTH100 (links stay)
    return {*map(_identity, map(str, named)), *map(str, PurePath(_identity(folder)).parents)}


def _identity(folder: str) -> str:
    return folder if files.is_url(folder) else os.path.realpath(folder)


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name not in _SYSTEM
