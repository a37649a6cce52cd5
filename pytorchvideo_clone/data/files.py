"""Open, list and look up paths and URLs: the only file access of `data`.

Everything goes through iopath's global path manager, so a URI scheme that you register there works
wherever a path is taken. One that you did not register, but fsspec knows (s3://, gs://, http://,
memory://, ...), is read through fsspec: only the parts of a file that are needed travel.
`data.remote.register_remote` gives it a local cache and options.
"""

import io
import os
import re
from typing import IO, Any, BinaryIO

from iopath.common.file_io import PathManager, g_pathmgr

from pytorchvideo_clone.data.remote import known_schemes, register_remote

__all__ = [
    "FileView",
    "PathLike",
    "exists",
    "is_dir",
    "is_file",
    "is_url",
    "join",
    "list_dir",
    "local_path",
    "open_file",
    "plain_path",
]

PathLike = str | os.PathLike[str]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def open_file(path: PathLike, mode: str = "rb") -> IO[Any]:
    """Open a file or URL; binary reading unless `mode` says otherwise. Text is UTF-8."""
    if "b" in mode:
        return _manager(path).open(os.fspath(path), mode)
    binary = _manager(path).open(os.fspath(path), mode.replace("t", "") + "b")
    return io.TextIOWrapper(binary, encoding="utf-8")  # not the locale's


def exists(path: PathLike) -> bool:
    """Say whether there is a file or folder at `path`."""
    return _manager(path).exists(os.fspath(path))


def is_file(path: PathLike) -> bool:
    """Say whether `path` is a file; a scheme that cannot tell has files only."""
    try:
        return _manager(path).isfile(os.fspath(path))
    except NotImplementedError:
        return True


def is_dir(path: PathLike) -> bool:
    """Say whether `path` is a folder; a scheme that cannot tell has files only."""
    try:
        return _manager(path).isdir(os.fspath(path))
    except NotImplementedError:
        return False


def list_dir(path: PathLike) -> list[str]:
    """Give the names inside the folder `path`, sorted."""
    return sorted(_manager(path).ls(os.fspath(path)))


def local_path(path: PathLike) -> str:
    """Give a path on this machine with the content of `path`, fetched once if it is remote.

    It is a `plain_path`.

    Raises:
        NotImplementedError: if the scheme offers open files only; use `open_file` then.
    """
    return plain_path(_manager(path).get_local_path(os.fspath(path)))


def plain_path(path: PathLike) -> str:
    """Give a path on this machine in a form that FFmpeg takes for one, not for a URL.

    It takes what stands before a colon for a protocol, unless the path is absolute.

    >>> import os
    >>> os.path.isabs(plain_path("12:30:05.mp4")), plain_path("a.mp4")
    (True, 'a.mp4')
    """
    text = os.fspath(path)
    return os.path.abspath(text) if ":" in text else text  # noqa: PTH100 (a Path drops "..")


def is_url(path: PathLike) -> bool:
    """Say whether `path` is a URL, not a path on this machine.

    >>> is_url("s3://bucket/a.mp4"), is_url("http:d.mp4"), is_url("/12:30://a.mp4")
    (True, False, False)
    """
    return _SCHEME.match(os.fspath(path)) is not None


def join(folder: PathLike, name: str) -> str:
    """Give the path of `name` in a folder; `name` itself if it is absolute or a URL.

    >>> join("s3://bucket/videos/", "a.mp4"), join("videos", "/a.mp4"), join("", "a.mp4")
    ('s3://bucket/videos/a.mp4', '/a.mp4', 'a.mp4')
    """
    folder = os.fspath(folder)
    if is_url(name) or os.path.isabs(name):  # noqa: PTH117 (not worth a Path for each video)
        return name
    if is_url(folder):
        return f"{folder.rstrip('/')}/{name}"
    return os.path.join(folder, name)  # noqa: PTH118 (a Path would normalise what users wrote)


class FileView(io.RawIOBase):
    """Read an open file from a position of one's own, so that several readers can share it.

    A file on this machine may be shared with forked processes too: its own position is not used.
    Closing the view leaves the file open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        # Others, such as a GzipFile, may have the number of a file with another content.
        plain = isinstance(file, io.FileIO) or type(file) is io.BufferedReader
        plain = plain and isinstance(getattr(file, "raw", file), io.FileIO)
        self._number = file.fileno() if plain and hasattr(os, "pread") else None

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
        if self._number is not None:
            size = os.fstat(self._number).st_size if whence == os.SEEK_END else 0
            if offset + size < 0:
                raise ValueError(f"position {offset + size} is before the begin of the file.")
            self._position = offset + size
            return self._position
        self._position = self._file.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        """Give the position of this view."""
        return self._position

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill `buffer` from the position of this view; give the number of bytes read."""
        if self._number is not None:
            data = os.pread(self._number, len(buffer), self._position)
        else:
            self._file.seek(self._position)
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _manager(path: PathLike) -> PathManager:
    """The path manager of iopath, which knows the scheme of `path` if fsspec does."""
    scheme, is_url, _ = os.fspath(path).partition("://")
    if is_url and f"{scheme}://" not in g_pathmgr._path_handlers and scheme in known_schemes():
        register_remote(scheme)
    return g_pathmgr
