"""What public projects import, subclass or read: a test for each row of the page of kept names.

The other files of this folder hold what such projects do, as functions, and the page,
`website/docs/kept_names.md`, says which names each of them shows. To keep a name, write a function
and a row.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "website" / "docs" / "kept_names.md"
PACKAGE = "pytorchvideo_clone"


class Row(NamedTuple):
    name: str  # "data.utils.thwc_to_cthw", "data.x.f(argument)", "data.x.Class.attribute"
    kept: str
    users: str
    test: str  # "file.function"


def rows() -> list[Row]:
    lines = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| `(.+?)` \|$", PAGE.read_text(), re.M)
    return [Row(*cells) for cells in lines]


def functions_of(path: Path) -> list[str]:
    """Public functions of a file of idioms, by `file.function`."""
    body = ast.parse(path.read_text()).body
    names = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    return [f"{path.stem}.{name}" for name in names if not name.startswith("_")]


FILES = [
    path
    for path in sorted(FOLDER.glob("*.py"))
    if not path.stem.startswith("test_") and path.stem != "conftest"
]
FUNCTIONS = [name for path in FILES for name in functions_of(path)]


def idiom(name: str) -> Any:
    file, _, function = name.partition(".")
    return getattr(importlib.import_module(f"tests.kept_names.{file}"), function)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_projects_do_works(name: str, request: pytest.FixtureRequest) -> None:
    function = idiom(name)
    arguments = inspect.signature(function).parameters
    function(**{argument: request.getfixturevalue(argument) for argument in arguments})


def test_the_page_and_the_functions_name_one_another() -> None:
    assert {row.test for row in rows()} == set(FUNCTIONS)
    assert len({row.name for row in rows()}) == len(rows()), "a name has two rows"
    table_lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(table_lines) == len(rows()), "a row is not of the form | `name` | … | … | `test` |"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_is_about_something_that_is_there(row: Row) -> None:
    path, _, argument = row.name.removesuffix(")").partition("(")
    leaf = argument or path.rpartition(".")[2]
    assert leaf in inspect.getsource(idiom(row.test)), f"{row.test} does not use {leaf}"
    found = find(path)
    if argument:
        parameters = inspect.signature(found).parameters
        takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
        assert argument in parameters or takes_any


def find(path: str) -> Any:
    """The object at a path; the last part may be an attribute that only instances have."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join([PACKAGE, *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        rest = parts[cut:]
        for place, part in enumerate(rest):
            if inspect.isclass(found) and place == len(rest) - 1 and not hasattr(found, part):
                return None  # set by the instance; its test reads it
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(path)
