"""Tables that fit the screen; in a file or a pipe, 80 columns."""

import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["print_table", "printable"]

Row = Sequence[str]
_GAP = 2


def print_table(header: Row, rows: Iterable[Row]) -> None:
    """Print rows below one another, no line wider than the screen (`COLUMNS`, or 80).

    Columns that are empty are left out. Where others are too many, those that say the same in every
    row are named once above the table, and if that does not help, each row becomes a few lines. The
    first column is never cut.

    >>> print_table(["model", "frames x stride"], [["x3d_s", "13 x 6"]])
    model  frames x stride
    -----  ---------------
    x3d_s  13 x 6
    """
    header, lines = _without_empty(header, [list(map(printable, row)) for row in rows])
    width = shutil.get_terminal_size().columns
    widths = _widths(header, lines, width)
    if widths is None and len(lines) > 1:
        header, lines = _without_sameness(header, lines)
        widths = _widths(header, lines, width)
    if widths is None:
        _print_records(header, lines, width)
        return
    _print_row(header, widths)
    _print_row(["-" * size for size in widths], widths)
    for line in lines:
        _print_row(line, widths)


def printable(text: str) -> str:
    r"""Give a text for one line of a screen: what cannot be shown there is escaped.

    >>> print(printable("ü.mp4"), printable("two\nlines.mp4"), printable("caf\udce9.mp4"))
    ü.mp4 two\nlines.mp4 caf\udce9.mp4
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _widths(header: Row, lines: Sequence[Row], screen: int) -> list[int] | None:
    """The width of each column; None if there is no room for the longest words of all."""
    columns = list(zip(header, *lines, strict=True))
    words = [[word for cell in column for word in cell.split()] for column in columns]
    widths = [max(map(_size, column), default=1) for column in words]
    widths[0] = max(map(_size, columns[0][1:]), default=1)
    free = screen - sum(widths) - _GAP * (len(columns) - 1)
    if free < 0:
        return None
    for begin in (1, 0):  # room for the rows comes before that for the header
        wanted = [max(map(_size, column[begin:]), default=1) for column in columns]
        while (
            free and (lack := max(want - has for want, has in zip(wanted, widths, strict=True))) > 0
        ):
            place = next(at for at, want in enumerate(wanted) if want - widths[at] == lack)
            widths[place], free = widths[place] + 1, free - 1
    return widths


def _without_sameness(header: Row, lines: list[list[str]]) -> tuple[Row, list[list[str]]]:
    """Leave out columns that say the same in every row, and print what they say."""
    columns = list(zip(*lines, strict=True))
    same = [place for place, column in enumerate(columns) if place and len(set(column)) == 1]
    said = ", ".join(f"{header[place]}: {columns[place][0]}" for place in same)
    if said:
        print(textwrap.fill(said, shutil.get_terminal_size().columns) + "\n")
    return _only(header, lines, [place for place in range(len(header)) if place not in same])


def _without_empty(header: Row, lines: list[list[str]]) -> tuple[Row, list[list[str]]]:
    filled = [place for place in range(len(header)) if any(line[place] for line in lines)]
    return _only(header, lines, filled) if lines else (header, lines)


def _only(
    header: Row, lines: list[list[str]], places: Sequence[int]
) -> tuple[Row, list[list[str]]]:
    return [header[at] for at in places], [[line[at] for at in places] for line in lines]


def _print_row(cells: Row, widths: Sequence[int]) -> None:
    folded = [
        textwrap.wrap(cell, size, break_on_hyphens=False, break_long_words=False) or [""]
        for cell, size in zip(cells, widths, strict=True)
    ]
    for number in range(max(map(len, folded))):
        parts = [cell[number] if number < len(cell) else "" for cell in folded]
        padded = [
            text + " " * (size - _size(text)) for text, size in zip(parts, widths, strict=True)
        ]
        print((" " * _GAP).join(padded).rstrip())


def _print_records(header: Row, lines: Sequence[Row], width: int) -> None:
    """Each row as a few lines: its first cell, and below it the others with their names."""
    for line in lines:
        print(line[0])
        for name, cell in zip(header[1:], line[1:], strict=True):
            if cell:
                told = textwrap.wrap(
                    f"{name}: {cell}", width, initial_indent="  ", subsequent_indent="    "
                )
                print("\n".join(told))


def _size(text: str) -> int:
    """Columns that a text takes: Chinese, Japanese and Korean letters take two."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    marks = sum(bool(unicodedata.combining(letter)) for letter in text)
    return len(text) + wide - marks
