"""What commands have in common: files for results."""

from collections.abc import Callable
from pathlib import Path

from pytorchvideo_clone._optional import optional_import

__all__ = ["file_writer", "is_first_rank"]


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
