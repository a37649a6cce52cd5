"""Every public name has its entry on the API pages, which the documentation's tool reads.

It reads sources and runs nothing, so it does not see a name that a package gives on first use, nor
a function named as the module that it comes from: the page has to name these by their homes.
"""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "website" / "docs" / "api"


def needs_its_own_entry(package: Path, name: str) -> bool:
    imported = {
        alias.asname or alias.name
        for node in ast.parse((package / "__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return name not in imported or (package / f"{name}.py").exists() or (package / name).is_dir()


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_names_that_the_tool_does_not_see_are_named_on_their_page(page: Path) -> None:
    package = importlib.import_module(f"pytorchvideo_clone.{page.stem}")
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    hidden = [
        name
        for name in package.__all__
        if needs_its_own_entry(ROOT / "pytorchvideo_clone" / page.stem, name)
    ]
    homes = [f"::: {getattr(package, name).__module__}.{name}\n" for name in hidden]
    assert [home for home in homes if home not in text] == []
