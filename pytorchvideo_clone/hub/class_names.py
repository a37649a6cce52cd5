"""Names of the classes of published weights."""

import json
import os
import re
from pathlib import Path

from pytorchvideo_clone.hub.downloads import CheckpointError, cached_path, discard, fetch

__all__ = ["read_class_names"]

_ITEM = re.compile(r'name:\s*"(?P<name>[^"]*)"\s*(?:label_)?id:\s*(?P<id>\d+)')


def read_class_names(
    source: str | os.PathLike[str], *, progress: bool = True, count: int | None = None
) -> dict[int, str]:
    """Read a list of class names; a broken one in the cache is fetched again.

    Args:
        source: path or URL (downloaded once) of a .json file, {name: number} as for Kinetics or a
            list of names, or of a .pbtxt label map, as for AVA, whose numbers begin at 1.
        progress: show a bar while downloading.
        count: how many names there must be, with numbers that follow one another.

    Returns:
        Number -> name.

    Raises:
        CheckpointError: if it cannot be fetched, or holds no names, or others than `count`.
        FileNotFoundError: if it does not exist.
    """
    kept = cached_path(source)
    if kept is not None and kept.exists():
        try:
            return _read(source, progress, count)
        except CheckpointError:
            discard(source)
    try:
        return _read(source, progress, count)
    except CheckpointError:
        discard(source)
        raise


def _read(source: str | os.PathLike[str], progress: bool, count: int | None) -> dict[int, str]:
    path = fetch(source, progress=progress)
    try:
        names = _parse(path)
    except (ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{source} is no list of class names ({error}).") from error
    if not names:
        raise CheckpointError(f"{source} is no list of class names: it holds none.")
    first, last = min(names), max(names)
    if count is not None and not (len(names) == count == last - first + 1):
        raise CheckpointError(
            f"{source} holds {len(names)} class names, numbered {first} to {last}; expected "
            f"{count} that follow one another."
        )
    return names


def _parse(path: Path) -> dict[int, str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".pbtxt":
        if text.count("{") != text.count("}"):
            raise ValueError("it is cut off")
        return {int(item["id"]): item["name"] for item in _ITEM.finditer(text)}
    content = json.loads(text)
    if isinstance(content, list):
        return dict(enumerate(map(str, content)))
    # The published Kinetics list has some names in quotation marks of their own.
    return {int(number): name.strip('"') for name, number in content.items()}
