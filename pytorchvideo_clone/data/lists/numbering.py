"""From the labels that a list writes to numbers."""

import io
import os
import re
from collections.abc import Callable

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.list_files import ListRow, read_list

__all__ = ["MAX_CLASSES", "Numbering", "line_of", "read_class_names"]

MAX_CLASSES = 1_000_000  # that a label may stand for, where a name is kept for each

_MOST = 2**63 - 1  # what an index of a store and a tensor hold
_NUMBERED = re.compile(r"(\d+)[\s,:;]+(.+)")


class Numbering:
    """Number the labels of a list: whole numbers are themselves, names get one each.

    Args:
        file: the list, for errors.
        names: whether names are taken.

    Attributes:
        names: what was named, in the order of the temporary numbers that `number` gives.

    Raises:
        ValueError: from `number`, if a label is neither or too large, or some are names and others
            numbers.
    """

    def __init__(self, file: str, names: bool = True) -> None:
        self.names: dict[str, int] = {}
        self._file, self._take_names = file, names
        self._first: ListRow | None = None

    def number(self, row: ListRow) -> int:
        """Give the number of a row's label: -1 for none, and a temporary one for a name."""
        if row.label is None:
            return -1
        whole = _whole(row.label)
        named = whole is None
        if self._first is None:
            self._first = row
        elif named != bool(self.names):
            raise ValueError(
                f"{self._file}, line {row.line}: {row.label!r} is no label like that of line "
                f"{self._first.line}, {self._first.label!r}; write numbers for all, or names for "
                "all."
            )
        if whole is not None:
            if abs(whole) > _MOST:
                raise ValueError(
                    f"{self._file}, line {row.line}: label {row.label} is too large; a label is at "
                    f"most {_MOST}."
                )
            return whole
        if not self._take_names:
            raise ValueError(
                f"{self._file}, line {row.line}: {row.label!r} is no label; a line is a path, a "
                "space and a whole number. LabeledVideoPaths.from_path takes names too."
            )
        return self.names.setdefault(row.label, len(self.names))


def line_of(file: files.PathLike, wanted: Callable[[str, int | None], bool]) -> str:
    """Say which line of a list comes first of those that are wanted.

    Args:
        file: path or URL of the list.
        wanted: asked with the path, as written, and the number of each: -1 for no label, None for a
            name.

    Returns:
        "FILE, line 3", or the file alone if it is no list.
    """
    name = os.fspath(file)
    try:
        for row in read_list(file):
            if wanted(row.path, -1 if row.label is None else _whole(row.label)):
                return f"{name}, line {row.line}"
    except (OSError, ValueError):
        pass
    return name


def _whole(text: str) -> int | None:
    """The whole number that a text is, also as "3.0"; None if it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def read_class_names(file: files.PathLike) -> dict[int, str]:
    """Read the names of classes: a name a line, or a number and a name, as UCF101's classInd.txt.

    Returns:
        Number -> name; lines without numbers count from 0.
    """
    with io.TextIOWrapper(files.open_file(file), "utf-8-sig", errors="replace") as text:
        lines = [line.strip() for line in text if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(numbered):
        return {int(match[1]): match[2] for match in numbered if match}
    return dict(enumerate(lines))
