from pathlib import Path

import pytest

from pytorchvideo_clone.cli import main
from pytorchvideo_clone.data.scan import read_manifest
from tests.data.coded_video import write_video


def test_scan_names_what_is_bad_and_ends_with_status_1(capsys, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_video(tmp_path / "run" / "good.mp4", frames=6)
    manifest = tmp_path / "videos.csv"
    command = ["data", "scan", str(tmp_path), "--manifest", str(manifest), "--num-workers", "1"]
    main(command)
    assert "1 videos of 0.00 hours can be read, 0 cannot" in capsys.readouterr().out
    assert [row.num_frames for row in read_manifest(manifest)] == [6]
    (tmp_path / "run" / "bad.mp4").write_text("no video")
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "bad.mp4" in shown
    assert "no video file" in shown
    assert "1 were known from before" in shown


def test_a_source_that_is_not_there_is_one_sentence(capsys, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "scan", str(tmp_path / "nowhere")])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip().startswith("error: ")
