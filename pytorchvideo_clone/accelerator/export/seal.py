"""A digest at the end of an exported file, in a form that its runtime reads over.

A flipped bit of weights is still a weight: no runtime finds it.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pytorchvideo_clone.accelerator.export.exporter import ExportError

__all__ = ["SEALS", "Seal", "check_seal", "write_seal"]

_KEY = b"pytorchvideo_clone.sha256"
_DIGITS = 64
_PIECE = 1 << 20
_END_OF_ZIP, _END_OF_ZIP_BYTES = b"PK\5\6", 22


class Seal(NamedTuple):
    """What stands around the digest.

    Attributes:
        before: bytes between the file as its exporter wrote it and the digest.
        after: bytes behind it.
        zipped: whether it is a comment of a zip file, whose length stands before it.
    """

    before: bytes
    after: bytes = b""
    zipped: bool = False

    @property
    def length(self) -> int:
        """Bytes of all of it."""
        return len(self.before) + _DIGITS + len(self.after)


def _entry() -> bytes:
    """One more entry of `metadata_props`, field 14 of an ONNX file: protobuf may be continued."""
    pair = bytes([10, len(_KEY)]) + _KEY + bytes([18, _DIGITS])
    return bytes([14 << 3 | 2, len(pair) + _DIGITS]) + pair


# By the suffix of an exporter.
SEALS = {
    ".onnx": Seal(_entry()),
    ".pte": Seal(b"\n" + _KEY + b" ", b"\n"),  # behind all that its tables point to
    ".xml": Seal(b"<!-- " + _KEY + b" ", b" -->\n"),
    ".pt2": Seal(_KEY + b" ", zipped=True),
    ".ts": Seal(_KEY + b" ", zipped=True),
    ".aoti.pt2": Seal(_KEY + b" ", zipped=True),
}


def write_seal(suffix: str, paths: Sequence[Path]) -> None:
    """Put the digest of an exported file, and of the files beside it, at its end."""
    seal = SEALS[suffix]
    if seal.zipped:
        with paths[0].open("r+b") as file:
            file.seek(-_END_OF_ZIP_BYTES, io.SEEK_END)
            assert file.read(4) == _END_OF_ZIP, "torch writes no comment"
            file.seek(-2, io.SEEK_END)
            file.write(seal.length.to_bytes(2, "little"))
    digest = _digest(paths, paths[0].stat().st_size)
    with paths[0].open("ab") as file:
        file.write(seal.before + digest + seal.after)


def check_seal(suffix: str, paths: Sequence[Path]) -> None:
    """Compare an exported file, and the files beside it, with its digest.

    Raises:
        ExportError: if it has none, or another, or a file beside it is missing.
    """
    path, seal = paths[0], SEALS[suffix]
    size = path.stat().st_size - seal.length
    with path.open("rb") as file:
        file.seek(max(0, size))
        found = file.read()
    digest = found[len(seal.before) : len(seal.before) + _DIGITS]
    if size < 0 or found != seal.before + digest + seal.after:
        raise ExportError(
            f"{path} does not end in the digest of its content: it is damaged or of another "
            "target, or of another program or an earlier version. Export the model again; "
            "load_exported(path, check=False) takes a file as it is."
        )
    for other in paths[1:]:
        if not other.is_file():
            raise ExportError(f"{other.name} is missing beside {path}; it belongs to it.")
    if digest != _digest(paths, size):
        names = " or ".join(other.name for other in paths)
        raise ExportError(
            f"{path} is damaged: {names} is not what was written. Copy or export it again."
        )


def _digest(paths: Sequence[Path], size: int) -> bytes:
    """SHA-256 of the first `size` bytes of the first file and all of the others, in hex."""
    digest = hashlib.sha256()
    with paths[0].open("rb") as file:
        _update(digest, file, size)
    for path in paths[1:]:
        with path.open("rb") as file:
            _update(digest, file, path.stat().st_size)
    return digest.hexdigest().encode()


def _update(digest: "hashlib._Hash", file: BinaryIO, size: int) -> None:
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
