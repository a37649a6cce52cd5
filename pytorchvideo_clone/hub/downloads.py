"""Files of checkpoints, class names and exported models: local ones, and downloads in a cache."""

import hashlib
import http.client
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, url2pathname, urlopen

import torch
from iopath.common.file_io import g_pathmgr

__all__ = ["CheckpointError", "cached_path", "discard", "fetch"]

_PIECE = 1 << 20  # bytes of a download that are written at a time


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read, or that does not belong to the model."""


def fetch(
    source: str | os.PathLike[str], *, progress: bool = True, sha256: str | None = None
) -> Path:
    """Give the local path of a file, downloading it if need be.

    Args:
        source: a path, a file:// URL, an http(s) URL, which is downloaded once into the cache of
            `torch.hub`, or a URI of a scheme registered with iopath.
        progress: show a bar while downloading.
        sha256: the first digits of the file's SHA-256, which is then checked, in the cache too.

    Raises:
        CheckpointError: if it cannot be downloaded whole, or its SHA-256 is another.
        FileNotFoundError: if it does not exist.
    """
    url = os.fspath(source)
    path = cached_path(url)
    if path is None:
        is_url = urlparse(url).scheme == "file"
        path = Path(url2pathname(urlparse(url).path) if is_url else g_pathmgr.get_local_path(url))
        if not path.is_file():
            raise FileNotFoundError(f"{source} is not there; give the path or URL of a file.")
    elif not path.exists():
        _download(url, path, progress, sha256)
        return path
    if sha256 is not None:  # in the cache it may be of a call without it, or have changed since
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(sha256):
            again = "" if path == Path(url) else "; delete it to download it again"
            raise CheckpointError(
                f"{path} is not what {url} should be: its SHA-256 begins with "
                f"{found[: len(sha256)]}, expected {sha256}{again}."
            )
    return path


def cached_path(source: str | os.PathLike[str]) -> Path | None:
    """Give the place of a download in the cache; None if `source` is not downloaded by us."""
    url = os.fspath(source)
    if urlparse(url).scheme not in ("http", "https"):
        return None
    # The zoo has files of the same name for different data sets: the URL's digest tells them apart.
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return Path(torch.hub.get_dir(), "checkpoints", f"{digest}-{Path(urlparse(url).path).name}")


def discard(source: str | os.PathLike[str]) -> None:
    """Remove what turned out to be a broken download; the next call fetches it again."""
    if path := cached_path(source):
        path.unlink(missing_ok=True)


def _download(url: str, path: Path, progress: bool, sha256: str | None) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, by a name of its own: several processes may fetch it at once.
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            with unfinished.open("xb") as file:
                _receive(url, file, progress, sha256)
            unfinished.replace(path)
        finally:
            with suppress(OSError):
                unfinished.unlink()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CheckpointError(
            f"{url} could not be downloaded ({error}); "
            "fetch it in another way and pass its path as `checkpoint`."
        ) from error


def _receive(url: str, file: Any, progress: bool, sha256: str | None) -> None:
    digest, received = hashlib.sha256(), 0
    with urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as answer:
        stated = answer.headers.get("Content-Length")
        size = int(stated) if stated and not answer.headers.get("Content-Encoding") else None
        # That of torch, which does without tqdm too; its own download does not count the bytes.
        bar = torch.hub.tqdm(  # type: ignore[attr-defined]
            total=size, disable=not progress, unit="B", unit_scale=True, unit_divisor=1024
        )
        with bar:
            while piece := answer.read(_PIECE):
                file.write(piece)
                digest.update(piece)
                received += len(piece)
                bar.update(len(piece))
    if size is not None and received != size:  # a connection that ends early is no error of http's
        raise ValueError(f"{received} of {size} bytes came")
    if sha256 is not None and not digest.hexdigest().startswith(sha256):
        raise ValueError(f"its hash is {digest.hexdigest()}, expected {sha256}")
