"""What a command takes, read from the source of its function: nothing is imported for it."""

import ast
import importlib.util
import re
from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Literal, NamedTuple

__all__ = ["Argument", "Command", "arguments_of", "read_function", "summary_of"]

# What annotations of commands may name besides the built-in types.
_NAMES = {"Any": Any, "Callable": Callable, "Literal": Literal, "Path": Path}
_PACKAGE = __package__.partition(".")[0]


class Command(NamedTuple):
    """A command.

    Attributes:
        module: where its function is, below the package.
        function: name of the function.
        options: dotted name of the function, below the package, that gets its `**options`.
    """

    module: str
    function: str
    options: str = ""

    @property
    def home(self) -> str:
        """The full name of its module."""
        return f"{_PACKAGE}.{self.module}"


class Argument(NamedTuple):
    """A parameter of a command, as it is given on the command line.

    Attributes:
        name: of the parameter.
        kind: its annotation.
        default: `Parameter.empty` where it has none.
        about: what its docstring says about it.
        positional: whether it is given without a name.
    """

    name: str
    kind: Any
    default: Any
    about: str
    positional: bool


def arguments_of(command: Command) -> list[Argument]:
    """The arguments of a command: required ones, and those before a `/`, are positional."""
    found: dict[str, Argument] = {}
    sources = [(command.home, command.function)]
    if command.options:
        module, _, function = command.options.rpartition(".")
        sources.append((f"{_PACKAGE}.{module}", function))
    for source in sources:
        function_read = read_function(*source)
        for name, parameter in signature(function_read).parameters.items():
            if parameter.kind is Parameter.VAR_KEYWORD or name in found:
                continue
            bare = parameter.kind is Parameter.POSITIONAL_ONLY
            found[name] = Argument(
                name,
                parameter.annotation,
                parameter.default,
                _about(name, function_read.__doc__ or ""),
                bare or parameter.default is Parameter.empty,
            )
    return list(found.values())


def summary_of(command: Command) -> str:
    """The first line of a command's docstring."""
    return (read_function(command.home, command.function).__doc__ or "").partition("\n")[0]


def read_function(module: str, name: str) -> Callable[..., Any]:
    """Make a function with the signature and the docstring of another, from its source.

    Args:
        module: full name of the module; only the packages above it are imported.
        name: of a function of that module, whose annotations name built-in types, `Path`,
            `Literal`, `Callable` and `Any` alone, and whose defaults are literals.

    Returns:
        A function that does nothing.

    >>> read_function("pytorchvideo_clone.cli.data", "verify").__annotations__
    {'store': <class 'str'>, 'return': None}
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    (found,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name
    )
    found.body, found.decorator_list = found.body[:1], []
    names: dict[str, Any] = dict(_NAMES)
    exec(compile(ast.Module([found], []), spec.origin, "exec"), names)
    return names[name]


def _about(argument: str, docstring: str) -> str:
    """What the `Args:` of a docstring say about an argument, in one line."""
    text = re.search(rf"^ +{argument}: (.+(?:\n {{12}}.+)*)$", docstring, re.M)
    return " ".join(text[1].split()) if text else ""
