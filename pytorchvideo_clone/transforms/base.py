"""What our transforms share: they print as the call that makes them, and draw chance one way.

A random transform takes `generator: torch.Generator | None = None` as its last argument and hands
it to every draw. None means torch's own generator, which `torch.manual_seed` seeds, loaders seed in
each worker, and `ClipDataset` for each sample: the right choice within a loader. A generator of
your own travels to workers as a copy, so that all of them would draw the same.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["Transform"]


class Transform(nn.Module):
    """A module that keeps each argument of its constructor under the argument's name.

    So it can print the call that makes it, without arguments at their default.

    >>> class Add(Transform):
    ...     def __init__(self, amount: float = 1.0, times: int = 1) -> None:
    ...         super().__init__()
    ...         self.amount = amount
    ...         self.times = times
    >>> Add(times=3)
    Add(times=3)
    """

    def __getattr__(self, name: str) -> Any:
        # PyTorchVideo keeps the settings behind an underscore, where subclasses read them.
        setting = name.removeprefix("_")
        if setting != name and setting in self.__dict__:
            return self.__dict__[setting]
        return super().__getattr__(setting if setting in self._modules else name)

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters.values()
        settings = [
            f"{one.name}={_print(getattr(self, one.name))}"
            for one in parameters
            if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            and not _same(getattr(self, one.name), one.default)
        ]
        return f"{type(self).__name__}({', '.join(settings)})"


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _print(value: Any) -> str:
    """Print a setting as it would be written; torch prints modules over several lines."""
    if isinstance(value, nn.Sequential):
        return f"Sequential({', '.join(_print(one) for one in value)})"
    if isinstance(value, tuple):
        return f"({', '.join(_print(one) for one in value)}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(_print(one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_print(one)}" for key, one in value.items()) + "}"
    if isinstance(value, torch.Generator):
        # The state has no short form; what is printed makes another one.
        return "Generator()"
    if isinstance(value, functools.partial):
        parts = [value.func, *value.args]
        named = [f"{name}={_print(one)}" for name, one in value.keywords.items()]
        return f"partial({', '.join([*map(_print, parts), *named])})"
    if isinstance(value, Callable) and hasattr(value, "__name__"):  # type: ignore[arg-type]
        return value.__name__
    return repr(value)
