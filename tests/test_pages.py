"""Every page of the documentation shows what it includes, and what it shows runs."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import PAGES, ROOT, site

INCLUDE = re.compile(r"-+\s*8\s*<\s*-")


def shown(text: str) -> str:
    """A page as a reader sees it, without its marks."""
    return html.unescape(re.sub(r"<[^>]+>", "", site().reset().convert(text)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_shows_an_include_instead_of_what_it_includes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the site is the same wherever it is built
    assert not INCLUDE.search(shown(page.read_text(encoding="utf-8")))


def test_the_formatter_of_code_leaves_includes_alone(tmp_path: Path) -> None:
    page = shutil.copy(ROOT / "website/docs/quickstart.md", tmp_path)
    command = [sys.executable, "-m", "ruff", "format", "--config", str(ROOT / "pyproject.toml")]
    subprocess.run([*command, str(page)], check=True, capture_output=True)
    text = shown(Path(page).read_text(encoding="utf-8"))
    assert "trainer.fit(module, datamodule=data)" in text
    assert "with EncodedVideo.from_path(path) as video:" in text
    assert not INCLUDE.search(text)
