"""Text files that list videos, in the forms that people have them.

PyTorchVideo's own, a path, white space and a whole number, is read as PyTorchVideo reads it. Others
are told from it by what it cannot be: a header, a comma, semicolon or tab between the columns,
names in the place of numbers, json.
"""

import codecs
import csv
import io
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.folders import (
    SPLITS,
    VIDEO_EXTENSIONS,
    endings_of,
    split_of,
)

__all__ = ["LIST_ENDINGS", "ListRow", "read_list", "splits_in"]

# What the name of a list ends in, in the order in which they are preferred.
LIST_ENDINGS = (".csv", ".txt", ".tsv", ".jsonl", ".ndjson", ".json", ".lst", ".list")

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEAD = 1 << 13  # bytes that tell text from a video
_SAMPLE = 50  # lines that tell the form
_DELIMITERS = ("\t", ",", ";")

# Names of columns, the most telling first. A name of a class is better than its number.
_PATH = (
    *("path", "file_path", "filepath", "video_path", "videopath", "clip_path", "file", "filename"),
    *("file_name", "video_file", "video", "videos", "clip", "url", "uri", "video_name"),
    *("clip_name", "name"),
)
_LABEL = (
    *("class_name", "classname", "label_name", "action_name", "category_name", "label", "labels"),
    *("class", "classes", "category", "action", "target", "class_id", "label_id", "class_index"),
)
_SPLIT = ("split", "subset", "partition")

_EXTENSION = "|".join(VIDEO_EXTENSIONS)
_THEN_NAME = re.compile(rf"(.+\.(?:{_EXTENSION})[\"']?)\s+(\S.*)", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+(?:[\s,;]+\d+)+")
_THEN_NUMBERS = re.compile(rf".+\.(?:{_EXTENSION})[\"']?(?:[\s,;]+[+-]?\d+)+", re.IGNORECASE)


class ListRow(NamedTuple):
    """A video of a list.

    Attributes:
        path: as it is written, without quotes.
        label: as it is written; None if there is none.
        line: its number, from 1; of a .json file that of the entry.
        split: what a column of splits says of it; None without one.
    """

    path: str
    label: str | None
    line: int
    split: str | None = None


def read_list(file_path: files.PathLike) -> Iterator[ListRow]:
    """Read the rows of a list one after the other.

    Lines that are empty or begin with "#" do not count. Text is UTF-8, or UTF-16 with its mark;
    other bytes are kept as Python keeps those of names of files ("surrogateescape").

    Args:
        file_path: path or URL of the file.

    Raises:
        ValueError: if it is no text, or a line has another form than the rest; the line is named.
    """
    name = os.fspath(file_path)
    with _open_text(file_path, name) as text:
        if name.lower().endswith((".json", ".jsonl", ".ndjson")):
            yield from _json_rows(text, name)
            return
        numbered = _lines(text, name)
        sample = list(itertools.islice(numbered, _SAMPLE))
        form = _form(sample, name)
        for number, line in itertools.chain(sample[form.skip :], numbered):
            row = form.parse(line, number)
            if _THEN_NUMBERS.fullmatch(row.path) or _NUMBERS.fullmatch(row.label or ""):
                raise ValueError(
                    f"{name}, line {number}: {line!r} has more than one number behind the path; "
                    "a line is a path, a space and one label."
                )
            yield row


def splits_in(file_path: files.PathLike) -> set[str]:
    """Give the splits, keys of `SPLITS`, that a column of a list names; none without that column.

    Raises:
        ValueError: if it names another, or as from `read_list`.
    """
    found: set[str] = set()
    for row in read_list(file_path):
        if row.split is None:
            break
        if (split := split_of(row.split)) is None:
            raise ValueError(
                f"{os.fspath(file_path)}, line {row.line}: the split is {row.split!r}; it must be "
                f"{', '.join(SPLITS)}, or another name for one of these."
            )
        found.add(split)
    return found


class _Form(NamedTuple):
    parse: Callable[[str, int], ListRow]
    skip: int = 0  # lines of a header


def _open_text(file_path: files.PathLike, name: str) -> io.TextIOWrapper:
    file = files.open_file(file_path)
    head = file.read(_HEAD)
    file.seek(0)
    encoding = next((code for mark, code in _MARKS.items() if head.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and re.search(rb"[\0-\x08\x0e-\x19]", head):
        file.close()
        raise ValueError(
            f"{name} is no text in UTF-8, or UTF-16 with its mark; it must have 'path label' "
            "lines. To read a video itself, use EncodedVideo.from_path."
        )
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors)


def _lines(text: Iterable[str], name: str) -> Iterator[tuple[int, str]]:
    try:
        for number, line in enumerate(text, 1):
            line = line.strip().rstrip("\x1a")
            if line and not line.startswith("#"):
                yield number, line
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is damaged: it is no text in {error.encoding}.") from error


def _form(sample: Sequence[tuple[int, str]], name: str) -> _Form:
    """Tell the form of a list by its first lines."""
    if not sample:
        return _Form(lambda line, number: ListRow(line, None, number))
    if header := _header(*sample[0], name):
        return header
    if all(_is_plain(line) for _, line in sample):
        return _Form(lambda line, number: _plain(line, number))
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for _, line in sample]
        if all(len(row) == 1 for row in rows):
            continue
        if any(_THEN_NUMBERS.fullmatch(row[0]) for row in rows):
            break  # numbers behind numbers: refused line by line
        if all(len(row) <= 2 for row in rows):
            swapped = all(len(row) == 2 and _names_video(row[1]) for row in rows) and not any(
                _names_video(row[0]) for row in rows
            )
            columns = (1, 0) if swapped else (0, 1)
            return _Form(_columns_parser(delimiter, *columns, None, 2, name))
        # A path with the delimiter in it, then the label.
        if all(len(row) == 1 or _names_video(delimiter.join(row[:-1])) for row in rows):
            return _Form(_last_column_parser(delimiter))
        if all(len(row) == len(rows[0]) for row in rows):
            raise ValueError(
                f"{name}, line {sample[0][0]} has {len(rows[0])} columns, and none is named; put a "
                "header such as 'path,label' before it."
            )
    return _Form(lambda line, number: _plain(line, number))


def _header(number: int, line: str, name: str) -> _Form | None:
    """The form that a first line says, if it names columns."""
    counts = {delimiter: len(_cells(line, delimiter)) for delimiter in _DELIMITERS}
    delimiter = max(counts, key=lambda key: counts[key])
    cells = _cells(line, delimiter) if counts[delimiter] > 1 else line.split()
    names = [re.sub(r"[\s-]+", "_", cell.strip("\"' ").lower()) for cell in cells]
    path, label, split = (_find(names, known) for known in (_PATH, _LABEL, _SPLIT))
    if any(_names_video(cell) or cell[:1].isdecimal() for cell in names):
        return None
    spaced = counts[delimiter] == 1
    if (path is None and label is None) or (spaced and len(cells) > 1 and None in (path, label)):
        return None
    if path is None:
        raise ValueError(
            f"{name}, line {number}: of the columns {', '.join(names)} none is the path of a "
            "video; one must be called 'path', and another 'label'."
        )
    if label is None and len(names) == 2:
        label = 1 - path
    if label is None and len(names) > 1:
        raise ValueError(
            f"{name}, line {number}: of the columns {', '.join(names)} none is the label; call it "
            "'label'."
        )
    if spaced:
        if label is not None and label < path:
            return _Form(lambda line, at: _label_first(line, at), 1)
        return _Form(lambda line, at: _plain(line, at), 1)
    return _Form(_columns_parser(delimiter, path, label, split, len(names), name), 1)


def _columns_parser(
    delimiter: str, path: int, label: int | None, split: int | None, width: int, name: str
) -> Callable[[str, int], ListRow]:
    def parse(line: str, number: int) -> ListRow:
        cells = _cells(line, delimiter)
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if len(cells) > width or len(cells) <= path or not cells[path]:
            raise ValueError(
                f"{name}, line {number}: {line!r} has {len(cells)} columns where others have "
                f"{width}; put quotes around a path with {delimiter!r} in it."
            )
        cells += [""] * (width - len(cells))
        return ListRow(
            cells[path],
            None if label is None else cells[label] or None,
            number,
            None if split is None else cells[split],
        )

    return parse


def _last_column_parser(delimiter: str) -> Callable[[str, int], ListRow]:
    def parse(line: str, number: int) -> ListRow:
        path, _, label = line.rpartition(delimiter)
        if not path or _names_video(line):
            return ListRow(_unquoted(line), None, number)
        return ListRow(_unquoted(path), _unquoted(label) or None, number)

    return parse


def _plain(line: str, number: int) -> ListRow:
    """PyTorchVideo's form, with names as labels too."""
    path, *label = line.rsplit(maxsplit=1)
    if label and _whole(label[0]):
        return ListRow(_unquoted(path), label[0], number)
    if not label or _names_video(line):
        return ListRow(_unquoted(line), None, number)
    if match := _THEN_NAME.fullmatch(line):
        path, label = match[1], [match[2]]
    return ListRow(_unquoted(path), _unquoted(label[0]), number)


def _label_first(line: str, number: int) -> ListRow:
    label, _, path = line.partition(" ")
    return ListRow(_unquoted(path), _unquoted(label), number)


def _is_plain(line: str) -> bool:
    """Whether PyTorchVideo would read the line, and not only by mistake."""
    path, *label = line.rsplit(maxsplit=1)
    if label and _whole(label[0]):
        return not path.endswith((",", ";")) and "\t" not in path
    return _names_video(line) or not re.search(r"[,;\t]", line)


def _names_video(text: str) -> bool:
    return text.strip("\"' ").lower().endswith(endings_of(VIDEO_EXTENSIONS))


def _whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _cells(line: str, delimiter: str) -> list[str]:
    # Line by line: a quote that is not closed must not swallow the rest.
    reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    return [_unquoted(cell.strip()) for cell in next(reader)]


def _unquoted(text: str) -> str:
    text = text.strip()
    quoted = (
        len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]
    )
    return text[1:-1] if quoted else text


def _find(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _json_rows(text: io.TextIOWrapper, name: str) -> Iterator[ListRow]:
    content = text.read()
    try:
        whole = json.loads(content)
        entries: Iterable[Any] = whole.items() if isinstance(whole, dict) else whole
        if isinstance(whole, dict) and _find([*map(str.lower, whole)], _PATH) is not None:
            entries = [whole]  # a .jsonl file of one line
        numbered: Iterable[tuple[int, Any]] = enumerate(entries, 1)
    except ValueError:
        numbered = (
            (number, _json_line(line, number, name))
            for number, line in enumerate(content.splitlines(), 1)
            if line.strip()
        )
    for number, entry in numbered:
        yield _json_row(entry, number, name)


def _json_line(line: str, number: int, name: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{name}, line {number} is no json: {error}.") from None


def _json_row(entry: Any, number: int, name: str) -> ListRow:
    path = label = split = None
    if isinstance(entry, dict):
        values = list(entry.values())
        keys = [str(key).lower() for key in entry]
        path, label, split = (
            None if place is None else values[place]
            for place in (_find(keys, known) for known in (_PATH, _LABEL, _SPLIT))
        )
    elif isinstance(entry, list | tuple) and len(entry) == 2:
        path, label = entry
        if isinstance(label, dict):
            keys = [str(key).lower() for key in label]
            place = _find(keys, _LABEL)
            label = None if place is None else list(label.values())[place]
    elif isinstance(entry, str):
        path = entry
    simple = label is None or (isinstance(label, str | int | float) and not isinstance(label, bool))
    if not isinstance(path, str) or not simple:
        raise ValueError(
            f"{name}, line {number}: {entry!r} is no video with one label; it must be "
            '{"path": "a.mp4", "label": 0}.'
        )
    return ListRow(path, None if label is None else str(label), number, split)
