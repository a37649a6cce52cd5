"""Files that are whole at any time: written beside their place, and renamed to it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["to_disk", "write_whole", "written_whole"]

# Of Windows, for what is open for reading, and of file systems that do not wait.
_CANNOT_WAIT = (errno.EBADF, errno.EINVAL, errno.ENOTSUP)


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` at the end, safe from a loss of power.

    It lies in the same folder and has the same ending; its name begins with a dot, so that what a
    kill leaves counts as no video. If the block raises, what was written goes, and a file that was
    there stays.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "scores.json")
    >>> with written_whole(path) as unfinished:
    ...     _ = unfinished.write_text("[]", encoding="utf-8")
    >>> path.read_text(encoding="utf-8"), [file.name for file in path.parent.iterdir()]
    ('[]', ['scores.json'])
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield unfinished
        to_disk(unfinished)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def write_whole(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write a file as `written_whole` does; text is UTF-8, with escapes for what is no text."""
    if isinstance(data, str):
        data = data.encode("utf-8", "backslashreplace")
    with written_whole(path) as unfinished:
        unfinished.write_bytes(data)


def to_disk(path: str | os.PathLike[str]) -> None:
    """Wait until the bytes of a file, or the names in a folder, are safe from a loss of power.

    Raises:
        OSError: if they cannot be written, as on a disk that turns out to be full.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_WAIT:
            raise
    finally:
        os.close(handle)
