"""Functions, classes and methods keep the arguments and defaults of PyTorchVideo.

tests/reference/signatures.txt has one line for each of them, at its path.
"""

import ast
import enum
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

SIGNATURES = (Path(__file__).parent / "reference" / "signatures.txt").read_text().splitlines()
# Functions of our own in the place of PyTorchVideo's defaults; they do the same.
STAND_INS = {"_trivial_sum": "add", "RoIAlign": "_make_roi_align"}


def default_of(node: ast.expr) -> Any:
    """What a default is, or the names of the functions and classes in it."""
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(map(default_of, node.elts))
    if isinstance(node, ast.Name | ast.Attribute):
        name = ast.unparse(node).rpartition(".")[2]
        return STAND_INS.get(name, name)
    return eval(ast.unparse(node), {})  # numbers, such as 1/16


def named(default: Any) -> Any:
    """The same of a default of ours."""
    if isinstance(default, tuple | list):
        return tuple(map(named, default))
    if isinstance(default, enum.Enum):
        return default.name
    return getattr(default, "__name__", default)


def found_at(path: str) -> Any:
    """The function, class or method at PyTorchVideo's path."""
    module, _, name = path.rpartition(".")
    try:
        owner = importlib.import_module(f"pytorchvideo_clone.{module}")
    except ModuleNotFoundError:
        owner = found_at(module)
    return getattr(owner, name)


@pytest.mark.parametrize("line", SIGNATURES, ids=lambda line: line.partition("(")[0])
def test_arguments_and_defaults_are_those_of_pytorchvideo(line: str) -> None:
    path, _, arguments = line.partition("(")
    ours = dict(inspect.signature(found_at(path)).parameters)
    ours.pop("self", None)
    function = ast.parse(f"def f({arguments}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    positional, keywords = function.args.args, function.args.kwonlyargs
    assert list(ours)[: len(positional)] == [argument.arg for argument in positional]
    defaults = dict(
        zip(reversed(positional), reversed(function.args.defaults), strict=False)
    ) | dict(zip(keywords, function.args.kw_defaults, strict=True))
    for argument in positional + keywords:
        parameter, default = ours[argument.arg], defaults.get(argument)
        if default is None:
            assert parameter.default is inspect.Parameter.empty, argument.arg
        elif ast.unparse(default) != "...":
            assert named(parameter.default) == default_of(default), argument.arg
