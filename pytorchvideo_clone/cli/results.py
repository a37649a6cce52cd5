"""Predictions that are written one by one, so that a run that is stopped has left those it made."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

from pytorchvideo_clone.cli.screen import file_writer

__all__ = ["results_into"]

Result = Mapping[str, Any]


@contextmanager
def results_into(output: str | None) -> Iterator[Callable[[Result], None]]:
    """Give the function that writes a result at once.

    A file is whole after each: .json is an array, .jsonl has a result a line, .csv a line a video
    and class (video, rank, class, score, error). An earlier file stays until the first.

    Args:
        output: the file, whose folder is made; None prints a JSON array.

    Raises:
        ValueError: if its name ends in something else.

    >>> with results_into(None) as write:
    ...     write({"video": "a.mp4", "error": "no such file"})
    [
      {
        "video": "a.mp4",
        "error": "no such file"
      }
    ]
    """
    if output is not None:
        suffix = Path(output).suffix.lower()
        if suffix not in _FORMATS:
            raise ValueError(f"output is {output!r}; its name must end in {' or '.join(_FORMATS)}.")
        file_writer(output)
        yield _FORMATS[suffix](Path(output))
        return
    begin = "["

    def write(result: Result) -> None:
        nonlocal begin
        # The line ends here: on a screen, what is said about it comes next.
        print(f"{begin}\n{_item(result)}", flush=True)
        begin = ","

    try:
        yield write
    except BaseException:
        if begin == ",":
            print("]", flush=True)
        raise
    print("[]" if begin == "[" else "]", flush=True)


def _json_into(path: Path) -> Callable[[Result], None]:
    end = "\n]\n"
    size = 0  # of what this run has written

    def write(result: Result) -> None:
        nonlocal size
        with path.open("r+" if size else "w", encoding="utf-8", newline="\n") as file:
            if size:
                file.seek(size - len(end))
            file.write(f"{',' if size else '['}\n{_item(result)}{end}")
            size = file.tell()

    return write


def _lines_into(path: Path) -> Callable[[Result], None]:
    return _appending(path, lambda result: json.dumps(result) + "\n", "")


def _csv_into(path: Path) -> Callable[[Result], None]:
    return _appending(path, _rows, "video,rank,class,score,error\n")


_FORMATS = {".json": _json_into, ".jsonl": _lines_into, ".csv": _csv_into}


def _appending(path: Path, form: Callable[[Result], str], head: str) -> Callable[[Result], None]:
    mode = "w"

    def write(result: Result) -> None:
        nonlocal mode
        text = (head if mode == "w" else "") + form(result)
        try:  # A file name may have bytes that are no text.
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # of a class, from json
            data = text.encode("utf-8", "backslashreplace")
        with path.open(f"{mode}b") as file:
            file.write(data)
        mode = "a"

    return write


def _item(result: Result) -> str:
    return indent(json.dumps(result, indent=2), "  ")  # ASCII: a character is a byte


def _rows(result: Result) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if "error" in result:
        table.writerow([result["video"], "", "", "", result["error"]])
    for rank, guess in enumerate(result.get("predictions", []), start=1):
        table.writerow([result["video"], rank, guess["class"], guess["score"], ""])
    return text.getvalue()
