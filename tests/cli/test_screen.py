from pathlib import Path

import pytest

from pytorchvideo_clone.cli.screen import file_writer, print_table


def test_a_table_in_a_pipe_is_not_folded(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_table(["name", "text"], [["a", "word " * 40]])
    assert ("word " * 40).strip() in capsys.readouterr().out


def test_the_folder_of_a_file_is_made_at_once(tmp_path: Path) -> None:
    write = file_writer(str(tmp_path / "new" / "out.txt"))
    assert (tmp_path / "new").is_dir()
    write("text")
    assert (tmp_path / "new" / "out.txt").read_text() == "text"
    with pytest.raises(ValueError, match="a folder; give the name of a file"):
        file_writer(str(tmp_path))
