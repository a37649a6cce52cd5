"""Files of remote stores, read in pieces through fsspec, with a local cache of limited size."""

import hashlib
import io
import itertools
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.caching import BlockCache
from fsspec.core import url_to_fs
from iopath.common.file_io import PathHandler, g_pathmgr

__all__ = ["RemoteHandler", "known_schemes", "register_remote"]

_log = logging.getLogger(__name__)

MEBIBYTE = 2**20
# Blocks of one open file that stay in memory: the header, the index and the window that is read.
_BLOCKS_IN_MEMORY = 16
# What tells one version of a file from another, where the store says it.
_VERSION_FIELDS = ("size", "ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified")


def known_schemes() -> set[str]:
    """Give the remote schemes that fsspec knows, such as "s3"; some need a package of their own.

    >>> "s3" in known_schemes()
    True
    """
    return set(fsspec.available_protocols()) - {"file", "local"}


def register_remote(
    scheme: str,
    *,
    cache_folder: str | os.PathLike[str] | None = None,
    cache_bytes: int = 10 * 2**30,
    block_bytes: int = MEBIBYTE,
    **storage_options: Any,
) -> None:
    """Say how the URLs of a scheme are read from now on, wherever a path is taken.

    A scheme that fsspec knows works without this call, with no cache and the options that its
    package finds by itself. Call it before worker processes start.

    Args:
        scheme: such as "s3", "gs", "http" or "memory".
        cache_folder: where blocks are kept for the next time, by any number of processes; None
            keeps none.
        cache_bytes: how large the folder may grow; the blocks that were not read for longest go
            first.
        block_bytes: what is fetched at once.
        storage_options: for fsspec, such as `key` and `secret` of "s3".

    Raises:
        ValueError: if fsspec does not know the scheme, or a size is not positive.

    >>> register_remote("memory", block_bytes=2**16)
    """
    handler = RemoteHandler(
        scheme,
        cache_folder=cache_folder,
        cache_bytes=cache_bytes,
        block_bytes=block_bytes,
        **storage_options,
    )
    # iopath warns with a stack trace of every override; this one is meant.
    g_pathmgr._path_handlers.pop(f"{scheme}://", None)
    g_pathmgr.register_handler(handler)


class RemoteHandler(PathHandler):
    """What iopath's path manager needs to read a scheme through fsspec.

    Files are opened, not fetched: only the blocks that are read travel.

    Args:
        scheme: as in `register_remote`, like all that follow.
        cache_folder: as there.
        cache_bytes: as there.
        block_bytes: as there.
        storage_options: as there.
    """

    def __init__(
        self,
        scheme: str,
        *,
        cache_folder: str | os.PathLike[str] | None = None,
        cache_bytes: int = 10 * 2**30,
        block_bytes: int = MEBIBYTE,
        **storage_options: Any,
    ) -> None:
        super().__init__()
        if scheme not in known_schemes():
            raise ValueError(
                f"fsspec does not know the scheme {scheme!r}; it knows "
                f"{', '.join(sorted(known_schemes()))}."
            )
        for name, size in (("cache_bytes", cache_bytes), ("block_bytes", block_bytes)):
            if size <= 0:
                raise ValueError(f"{name} is {size}; it must be positive.")
        self._scheme = scheme
        self._block_bytes = block_bytes
        self._options = storage_options
        self._store = None if cache_folder is None else _BlockStore(cache_folder, cache_bytes)

    def _get_supported_prefixes(self) -> list[str]:
        return [f"{self._scheme}://"]

    def _open(self, path: str, mode: str = "r", buffering: int = -1, **kwargs: Any) -> IO[Any]:
        fs, name = self._find(path)
        if not set(mode) <= set("rbt"):
            return fs.open(name, mode, **({} if "b" in mode else {"encoding": "utf-8"}))
        try:
            raw = _RemoteFile(fs, name, self._block_bytes, self._store)
        except OSError:
            raise
        except Exception as error:  # of the store's own package
            raise OSError(f"{path}: {error}") from error
        file = io.BufferedReader(raw)
        return file if "b" in mode else io.TextIOWrapper(file, encoding="utf-8")

    def _exists(self, path: str, **kwargs: Any) -> bool:
        return self._kind(path) is not None

    def _isfile(self, path: str, **kwargs: Any) -> bool:
        return self._kind(path) == "file"

    def _isdir(self, path: str, **kwargs: Any) -> bool:
        # For HTTP fsspec would fetch the whole file, to look for links in it.
        if self._scheme.startswith("http") and not path.endswith("/"):
            return False
        fs, name = self._find(path)
        return fs.isdir(name)

    def _ls(self, path: str, **kwargs: Any) -> list[str]:
        fs, name = self._find(path)
        found = fs.ls(name, detail=False)
        return [Path(entry.rstrip("/")).name for entry in found]

    def _kind(self, path: str) -> str | None:
        # By `info`: for HTTP fsspec's own `exists` asks for the content.
        fs, name = self._find(path)
        try:
            return fs.info(name)["type"]
        except FileNotFoundError as error:
            # fsspec says the same of an HTTP server that does not answer, or refuses.
            reason = error.__cause__
            if reason is None or getattr(reason, "status", None) in (404, 410):
                return None
            raise OSError(f"{path}: {type(reason).__name__}: {reason}") from error
        except OSError:
            raise
        except Exception as error:  # of the store's own package
            raise OSError(f"{path}: {type(error).__name__}: {error}") from error

    def _find(self, path: str) -> tuple[Any, str]:
        try:
            # fsspec keeps one object a process: none is carried through a fork.
            return url_to_fs(path, **self._options)
        except ImportError as error:
            raise ImportError(f"{path} needs another package: {error}") from error


class _RemoteFile(io.RawIOBase):
    """A remote file, of which only the blocks that are read are fetched."""

    def __init__(self, fs: Any, name: str, block_bytes: int, store: "_BlockStore | None") -> None:
        info = fs.info(name)
        self.name = name
        self._fs, self._store = fs, store
        self._position = 0
        self._whole: bytes | None = None
        self._version = "|".join(
            [str(fs.protocol), name, *(f"{info[key]}" for key in _VERSION_FIELDS if key in info)]
        )
        size = info.get("size")
        if size is None:  # a server that does not say how long it is does not give pieces either
            self._whole = fs.cat_file(name)
            size = len(self._whole)
        self._size = int(size)
        self._cache = BlockCache(block_bytes, self._fetch, self._size, _BLOCKS_IN_MEMORY)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        data = self._cache._fetch(self._position, end)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _fetch(self, start: int, end: int) -> bytes:
        end = min(end, self._size)  # the last block is a short one
        if self._whole is not None:
            return self._whole[start:end]
        if self._store is None:
            return self._download(start, end)
        return self._store.get(self._version, start, end, self._download)

    def _download(self, start: int, end: int) -> bytes:
        try:
            data = self._fs.cat_file(self.name, start=start, end=end)
        except OSError:
            raise
        except Exception as error:  # of the store's own package
            raise OSError(f"{self.name}: {type(error).__name__}: {error}") from error
        if len(data) > end - start:  # the server knows no ranges and sent all
            self._whole = data
            return data[start:end]
        if len(data) < end - start:
            raise OSError(
                f"{self.name}: the store sent {len(data)} of the {end - start} bytes at {start}"
            )
        return data


class _BlockStore:
    """Blocks on disk, shared by processes; the ones not read for longest give way."""

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._told = False  # in the log, once a process, that it cannot be written
        self._total: int | None = None  # an estimate between two looks at the disk

    def get(
        self, version: str, start: int, end: int, download: Callable[[int, int], bytes]
    ) -> bytes:
        file = self._folder / hashlib.sha256(version.encode()).hexdigest() / f"{start}-{end}"
        with suppress(OSError):  # not there, or removed by another process
            data = file.read_bytes()
            os.utime(file)
            if len(data) == end - start:
                return data
        data = download(start, end)
        if len(data) <= self._max_bytes:
            try:
                self._write(file, data)
            except OSError as error:  # such as a full disk: what was read is there all the same
                self._total = None
                if not self._told:
                    _log.warning("%s keeps nothing for now: %s.", self._folder, error)
                self._told = True
        return data

    def _write(self, file: Path, data: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if self._total is None or self._total + len(data) > self._max_bytes:
            self._total = self._make_room(len(data))
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as new:
            try:
                new.write(data)
                new.flush()
                Path(new.name).replace(file)  # at once: nobody ever reads half a block
            except OSError:
                with suppress(OSError):
                    Path(new.name).unlink()
                raise
        self._total += len(data)

    def _make_room(self, wanted: int) -> int:
        """Remove the oldest blocks until there is room and some to spare; give what is left."""
        blocks = []
        for file in itertools.chain(self._folder.glob("*/*"), self._folder.glob("tmp*")):
            with suppress(OSError):
                blocks.append((file.stat().st_mtime_ns, file.stat().st_size, file))
        total = sum(size for _, size, _ in blocks)
        if total + wanted <= self._max_bytes:
            return total
        for _, size, file in sorted(blocks):
            # A tenth to spare, so that the folder is not looked through at every block.
            if total + wanted <= 0.9 * self._max_bytes:
                break
            file.unlink(missing_ok=True)
            total -= size
        return total
