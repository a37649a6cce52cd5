"""Open, list and look up paths and URLs: the only file access of `data`.

Everything goes through iopath's global path manager, so a URI scheme that you register there works
wherever a path is taken:

    from iopath.common.file_io import HTTPURLHandler, g_pathmgr
    g_pathmgr.register_handler(HTTPURLHandler())
"""

import io
import os
from typing import IO, Any, BinaryIO

from iopath.common.file_io import g_pathmgr

__all__ = [
    "FileView",
    "PathLike",
    "exists",
    "is_dir",
    "is_file",
    "list_dir",
    "local_path",
    "open_file",
]

PathLike = str | os.PathLike[str]


def open_file(path: PathLike, mode: str = "rb") -> IO[Any]:
    """Open a file or URL; binary reading unless `mode` says otherwise."""
    return g_pathmgr.open(os.fspath(path), mode)


def exists(path: PathLike) -> bool:
    """Say whether there is a file or folder at `path`."""
    return g_pathmgr.exists(os.fspath(path))


def is_file(path: PathLike) -> bool:
    """Say whether `path` is a file; a scheme that cannot tell has files only."""
    try:
        return g_pathmgr.isfile(os.fspath(path))
    except NotImplementedError:
        return True


def is_dir(path: PathLike) -> bool:
    """Say whether `path` is a folder; a scheme that cannot tell has files only."""
    try:
        return g_pathmgr.isdir(os.fspath(path))
    except NotImplementedError:
        return False


def list_dir(path: PathLike) -> list[str]:
    """Give the names inside the folder `path`, sorted."""
    return sorted(g_pathmgr.ls(os.fspath(path)))


def local_path(path: PathLike) -> str:
    """Give a path on this machine with the content of `path`, fetched once if it is remote.

    Raises:
        NotImplementedError: if the scheme offers open files only; use `open_file` then.
    """
    return g_pathmgr.get_local_path(os.fspath(path))


class FileView(io.RawIOBase):
    """Read an open file from a position of one's own, so that several readers can share it.

    Closing the view leaves the file open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        """Say yes, as the io module asks."""
        return True

    def seekable(self) -> bool:
        """Say yes, as the io module asks."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position of this view, as the io module does."""
        if whence == os.SEEK_CUR:
            offset, whence = self._position + offset, os.SEEK_SET
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Give the position of this view."""
        return self._position

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill `buffer` from the position of this view; give the number of bytes read."""
        self._file.seek(self._position)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
