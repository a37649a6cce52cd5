from pathlib import Path

import pytest

from pytorchvideo_clone.cli import screen
from pytorchvideo_clone.cli.screen import file_writer, progress


def test_the_folder_of_a_file_is_made_at_once(tmp_path: Path) -> None:
    write = file_writer(str(tmp_path / "new" / "out.txt"))
    assert (tmp_path / "new").is_dir()
    write("text")
    assert (tmp_path / "new" / "out.txt").read_text() == "text"
    with pytest.raises(ValueError, match="a folder; give the name of a file"):
        file_writer(str(tmp_path))


def test_progress_in_a_file_is_a_line_now_and_then(capsys, monkeypatch) -> None:
    clock = iter(range(0, 100, 4))
    monkeypatch.setattr(screen.time, "monotonic", lambda: next(clock))
    with progress() as on_progress:
        for done in range(1, 7):
            on_progress(done, 6)
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.splitlines() == ["3 of 6 videos", "6 of 6 videos"]


def test_progress_in_a_file_ends_with_the_count(capsys) -> None:
    with progress() as on_progress:
        on_progress(1, 2)
        on_progress(2, 2)
    assert capsys.readouterr().err.splitlines() == ["2 of 2 videos"]
