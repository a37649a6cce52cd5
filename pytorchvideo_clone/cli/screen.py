"""What commands have in common: files for results, and progress."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone._whole import write_whole

__all__ = ["file_writer", "is_first_rank", "progress"]

_PAUSE_SEC = 10  # between two lines of progress in a file


def file_writer(output: str | None) -> Callable[[str], object]:
    """How a text is written to a file, if one is wanted; its folder is made before any work."""
    if output is None:
        return lambda text: None
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise ValueError(f"output is {output!r}, a folder; give the name of a file.")
    return partial(write_whole, path)


def is_first_rank() -> bool:
    """Whether this process is the one of a distributed run that speaks."""
    return optional_import("lightning.pytorch.utilities", "train").rank_zero_only.rank == 0


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A bar with the numbers of videos and the time left, on standard error.

    In a file it is a line now and then, and one at the end.
    """
    if not sys.stderr.isatty():
        yield _Lines()
        return
    bars = optional_import("rich.progress", extra="train")
    console = optional_import("rich.console", extra="train").Console(stderr=True)
    columns = [*bars.Progress.get_default_columns(), bars.MofNCompleteColumn()]
    # What goes into a file is left alone; what goes to the screen stands above the bar.
    on_screen = sys.stdout.isatty()
    with bars.Progress(*columns, console=console, redirect_stdout=on_screen) as bar:
        tasks: list[Any] = []

        def on_progress(done: int, total: int) -> None:
            if not tasks:  # not before the source is known to exist
                tasks.append(bar.add_task("videos", total=total))
            bar.update(tasks[0], completed=done)

        yield on_progress


class _Lines:
    """Progress for a file."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PAUSE_SEC

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PAUSE_SEC
            print(f"{done} of {total} videos", file=sys.stderr, flush=True)
