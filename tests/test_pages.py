"""Every page of the documentation shows what it includes, and what it shows runs."""

import html
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.cli import COMMANDS
from pytorchvideo_clone.cli.parser import parse
from pytorchvideo_clone.hub.registry import MODELS
from tests.models.shallow import make_x3d_shallow
from tests.page_files import put_into_cache, put_into_store, write_page_files
from tests.pages import PAGES, ROOT, blocks, site

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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What pages name, and what readers have downloaded, of short networks. Not to be changed."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        make_x3d_shallow(patch)
        write_page_files(folder)
        put_into_cache(["x3d_s", "slow_r50"], folder / "cache")
        yield folder


@pytest.fixture
def reader(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, object]]:
    """The namespace of somebody who copies a page into a session of theirs."""
    for path in files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "runs").unlink()
    shutil.copytree(files / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(files / "cache"))
    put_into_store("s3://bucket/videos/dive.mp4", files)
    models, threads = dict(MODELS), torch.get_num_threads()
    yield {"__name__": "page"}
    torch.set_num_threads(threads)
    for name in MODELS.keys() - models:
        del MODELS[name]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem
)
def test_the_code_of_a_page_runs_as_it_is_copied(page: Path, reader: dict[str, object]) -> None:
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec"), reader)


def test_every_command_of_a_page_is_one() -> None:
    lines = [
        (page.name, line.partition("#")[0].strip())
        for page in [*PAGES, ROOT / "model_zoo/README.md"]
        for code in blocks(page, "bash", "sh", "shell")
        for line in code.replace("\\\n", " ").splitlines()
        if line.strip().startswith("pytorchvideo-clone ")
    ]
    assert len(lines) > 15
    for page, line in lines:
        words = shlex.split(line)[1:]
        assert not [word for word in words if word.startswith("--") and "_" in word], (page, line)
        command, _, _ = parse(COMMANDS, words)
        assert command.function in words


def test_readme_shows_training_in_few_lines() -> None:
    block = blocks(ROOT / "README.md", "python")[0]
    assert "trainer.fit(" in block
    assert len([line for line in block.splitlines() if line.strip()]) <= 15
