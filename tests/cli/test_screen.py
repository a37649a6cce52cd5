from pathlib import Path

import pytest

from pytorchvideo_clone.cli.screen import file_writer


def test_the_folder_of_a_file_is_made_at_once(tmp_path: Path) -> None:
    write = file_writer(str(tmp_path / "new" / "out.txt"))
    assert (tmp_path / "new").is_dir()
    write("text")
    assert (tmp_path / "new" / "out.txt").read_text() == "text"
    with pytest.raises(ValueError, match="a folder; give the name of a file"):
        file_writer(str(tmp_path))
