"""What can be said against a command line before torch is there, which takes seconds."""

import ast
import difflib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

__all__ = ["check_given", "model_names"]

_HUB = f"{__package__.partition('.')[0]}.hub"
_READ = ("data_path", "source", "store", "calibration")
_MODELS = ("model", "checkpoint")


def check_given(values: Mapping[str, Any]) -> None:
    """Refuse files and models that do not exist.

    Args:
        values: name of each argument of a command -> its value.

    Raises:
        FileNotFoundError: if there is no such file or folder on this machine.
        ValueError: if there is no such model.

    >>> check_given({"model": "x3d_s", "data_path": "s3://bucket/videos"})
    """
    for name, value in values.items():
        if not isinstance(value, str) or "://" in value or _exists(value):
            continue
        if name in _READ:
            raise FileNotFoundError(f"{value} is not there; {name} must be a folder or a file.")
        if name in _MODELS:
            if name == "checkpoint" or PurePath(value).suffix or os.sep in value:
                raise FileNotFoundError(f"{value} is not there; give the path or URL of a file.")
            _check_model(value)


def model_names() -> list[str]:
    """Name the models of the hub, from its source, and those that were registered besides."""
    spec = importlib.util.find_spec(_HUB.partition(".")[0])
    assert spec is not None and spec.origin is not None
    found = []
    for file in sorted((Path(spec.origin).parent / "hub").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "\n@register(" in text:
            functions = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef))
            found += [function.name for function in functions if function.decorator_list]
    registry = sys.modules.get(f"{_HUB}.registry")
    return [*dict.fromkeys([*found, *getattr(registry, "MODELS", ())])]


def _check_model(name: str) -> None:
    names = model_names()
    if name in names:
        return
    near = difflib.get_close_matches(re.sub(r"[\s-]+", "_", name.lower()), names, n=3)
    raise ValueError(
        f"there is no model {name!r}{'; did you mean ' + ' or '.join(near) + '?' if near else '.'}"
        " `pytorchvideo-clone models` lists them all."
    )


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have
        return False
