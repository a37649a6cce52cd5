"""What commands have in common: tables on a screen, and files for results."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pytorchvideo_clone._optional import optional_import

__all__ = ["file_writer", "is_first_rank", "print_table"]


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, folded to the width of a screen; whole where it goes into a file or pipe."""
    rich = optional_import("rich.table", extra="train")
    simple = optional_import("rich.box", extra="train").SIMPLE_HEAD
    columns = [rich.Column(name, overflow="fold", no_wrap=name == header[0]) for name in header]
    table = rich.Table(*columns, box=simple, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # A screen folds all but the first column; in a pipe they stay whole, to be searched.
    width = None if sys.stdout.isatty() else 1000
    optional_import("rich.console", extra="train").Console(width=width).print(table)


def file_writer(output: str | None) -> Callable[[str], object]:
    """How a text is written to a file, if one is wanted; its folder is made before any work."""
    if output is None:
        return lambda text: None
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise ValueError(f"output is {output!r}, a folder; give the name of a file.")
    return path.write_text


def is_first_rank() -> bool:
    """Whether this process is the one of a distributed run that speaks."""
    return optional_import("lightning.pytorch.utilities", "train").rank_zero_only.rank == 0
