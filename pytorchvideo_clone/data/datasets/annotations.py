"""What annotation files have in common: paths under a prefix, text, json."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from pytorchvideo_clone.data import files

__all__ = ["open_text", "read_json", "under"]


def under(prefix: files.PathLike, path: str) -> str:
    """Put `prefix` before a path that is neither absolute nor a URL.

    >>> under("/videos", "a.mp4"), under("/videos", "s3://bucket/a.mp4")
    ('/videos/a.mp4', 's3://bucket/a.mp4')
    """
    if "://" in path:
        return path
    return os.path.join(os.fspath(prefix), path)  # noqa: PTH118 (a Path would break a URL)


@contextmanager
def open_text(path: files.PathLike) -> Iterator[TextIO]:
    """Open a file or URL as text in UTF-8, whatever the machine's locale.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no such text.
    """
    # newline="": csv reads line ends itself. "-sig": the mark that spreadsheets put first.
    with io.TextIOWrapper(files.open_file(path), encoding="utf-8-sig", newline="") as text:
        try:
            yield text
        except UnicodeDecodeError as error:
            raise ValueError(f"{os.fspath(path)} is no text in UTF-8.") from error


def read_json(path: files.PathLike) -> Any:
    """Read a json file.

    Raises:
        ValueError: if it is none.
    """
    with open_text(path) as text:
        try:
            return json.load(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{os.fspath(path)} is no json file: {error}") from error
