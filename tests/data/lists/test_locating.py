import os
from pathlib import Path

import fsspec
import pytest

from pytorchvideo_clone.data import LabeledVideoPaths


def paths_of(file: Path | str) -> list[str]:
    videos = LabeledVideoPaths.from_path(file)
    return [videos[index][0] for index in range(len(videos))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list's folder with videos beside it, which is not the working folder."""
    (tmp_path / "data" / "run").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "run" / "a.mp4").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "data"


def test_relative_paths_count_from_where_they_lead_to_something(folder: Path) -> None:
    (folder / "list.txt").write_text("gone.mp4 0\nrun/a.mp4 1\n", encoding="utf-8")
    assert paths_of(folder / "list.txt") == [str(folder / n) for n in ("gone.mp4", "run/a.mp4")]
    Path("run").mkdir()
    Path("run/a.mp4").touch()
    assert paths_of(folder / "list.txt") == ["gone.mp4", "run/a.mp4"]  # as PyTorchVideo's
    videos = LabeledVideoPaths.from_path(folder / "list.txt")
    videos.path_prefix = "/videos"
    assert videos[1][0] == "/videos/run/a.mp4"


def test_a_list_whose_videos_are_nowhere_is_left_as_it_is(folder: Path) -> None:
    (folder / "list.txt").write_text("x/y.mp4 0\n/z.mp4 1\n", encoding="utf-8")
    assert paths_of(folder / "list.txt") == ["x/y.mp4", "/z.mp4"]


@pytest.mark.parametrize("written", ["run\\a.mp4", "/run/a.mp4", "{folder}\\run\\a.mp4"])
def test_windows_slashes_and_a_root_of_the_list_are_understood(folder: Path, written: str) -> None:
    text = written.format(folder=str(folder).replace("/", "\\"))
    (folder / "list.csv").write_text(f"path,label\n{text},0\n", encoding="utf-8")
    assert paths_of(folder / "list.csv") == [str(folder / "run/a.mp4")]


def test_a_backslash_in_a_name_stays(folder: Path) -> None:
    (folder / "run\\b.mp4").touch()
    (folder / "list.csv").write_text("run\\b.mp4 0\n", encoding="utf-8")
    assert paths_of(folder / "list.csv") == [str(folder / "run\\b.mp4")]


def test_letters_of_windows_or_of_an_old_disk_lead_to_what_is_there(folder: Path) -> None:
    (folder / "list.csv").write_bytes("café.mp4;0\n".encode("cp1252"))
    (folder / "café.mp4").touch()
    assert paths_of(folder / "list.csv") == [str(folder / "café.mp4")]
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.mp4")).touch()
    assert os.fsencode(paths_of(folder / "list.csv")[0]).endswith(b"caf\xe9.mp4")


def test_a_tilde_is_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "list.csv").write_text("~/run/a.mp4 0\n", encoding="utf-8")
    assert paths_of(folder / "list.csv") == [str(folder / "run/a.mp4")]


def test_a_list_behind_a_url_has_its_videos_beside_it() -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/locating/run/a.mp4", b"")
    store.pipe("/locating/list.txt", b"run/a.mp4 0\nhttp://other/b.mp4 1\n")
    assert paths_of("memory://locating/list.txt") == [
        "memory://locating/run/a.mp4",
        "http://other/b.mp4",
    ]
