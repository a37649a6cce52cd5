"""Find where the paths of a list lead."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.list_files import ListRow

__all__ = ["Place", "locate"]

_TRIED = 100  # rows; of a list behind a URL, where each try is a question to a server,
_TRIED_REMOTELY = 3


class Place(NamedTuple):
    """Where the paths of a list lead.

    Attributes:
        base: the folder that relative ones count from; empty for the working folder.
        read: makes what the list means of what it says.
    """

    base: str
    read: Callable[[str], str]


def locate(rows: Iterable[ListRow], file: str) -> tuple[Place, Iterator[ListRow]]:
    """Find where the paths of a list lead, by the first of its videos that is found.

    Relative paths count from the working folder, as in PyTorchVideo, or from the folder of the
    list. Backslashes, and bytes that are no UTF-8, are taken as they are, or as Windows writes
    them: by what is there. `~` is the home folder.

    Args:
        rows: of the list.
        file: path or URL of the list.

    Returns:
        The place, and the rows again.
    """
    rest = iter(rows)
    head = list(itertools.islice(rest, _TRIED))
    folder = os.path.dirname(file)  # noqa: PTH120 (of a URL too)
    remote = files.is_url(folder)
    places = [
        Place(base, read) for read in _READINGS for base in (("",) if not folder else ("", folder))
    ]
    for row in head[: _TRIED_REMOTELY if remote else _TRIED]:
        if not files.is_url(row.path):
            for place in places:
                path = place.read(row.path)
                if (place.read is _as_it_is or path != row.path) and _is_there(place.base, path):
                    return place, itertools.chain(head, rest)
    return Place("", _as_it_is), itertools.chain(head, rest)


def _as_it_is(path: str) -> str:
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111


def _from_windows(path: str) -> str:
    """With slashes and Windows' Western letters."""
    raw = path.replace("\\", "/").encode("utf-8", "surrogateescape")
    return raw.decode("cp1252" if _is_escaped(path) else "utf-8", "replace")


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def _from_root(path: str) -> str:
    """Counted from the list, as tables of data sets for download do."""
    return path.lstrip("/") if path.startswith("/") else path


_READINGS: tuple[Callable[[str], str], ...] = (_as_it_is, _with_slashes, _from_windows, _from_root)


def _is_escaped(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _is_there(base: str, path: str) -> bool:
    try:
        return files.exists(files.join(base, path))
    except (OSError, ValueError):  # a name that no file can have; a server that does not answer
        return False
