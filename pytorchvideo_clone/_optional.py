"""Import a package that only some users install, or say how to get it."""

import importlib
from types import ModuleType

__all__ = ["optional_import", "require_torch"]


def optional_import(name: str, extra: str) -> ModuleType:
    """Import the module `name`, which the extra `extra` of this package installs.

    Args:
        name: dotted module name, e.g. "lightning.pytorch".
        extra: name of the extra in `setup.py`, e.g. "train".

    Returns:
        The module.

    Raises:
        ImportError: if it is missing or does not load, with the command that installs it.

    >>> optional_import("json", extra="train").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(name)
    except Exception as error:  # a broken shared library raises OSError or RuntimeError
        if isinstance(error, ModuleNotFoundError):  # of the module, or of one that it imports
            state = f"{error.name} is not installed"
        else:
            state = f"{name} does not load ({error})"
        raise ImportError(
            f"{state}. Install it with: pip install 'pytorchvideo_clone[{extra}]'", name=name
        ) from error


def require_torch(version: str, extra: str) -> None:
    """Refuse a torch that is too old for one use, which the core of this package still works with.

    Args:
        version: the oldest that works.
        extra: name of the extra in `setup.py` that asks for it.

    Raises:
        ImportError: if torch is older, with the command that installs a newer one.

    >>> require_torch("2.0", extra="onnx")
    """
    torch = importlib.import_module("torch")
    if torch.__version__ < version:
        raise ImportError(
            f"torch is {torch.__version__}; this needs {version} or later. Install it with: "
            f"pip install 'pytorchvideo_clone[{extra}]'",
            name="torch",
        )
