import csv
from dataclasses import replace
from pathlib import Path

import pytest

from pytorchvideo_clone.data import LabeledVideoPaths
from pytorchvideo_clone.data.lists.scanned import (
    ScannedVideo,
    append_row,
    is_manifest,
    open_manifest,
    read_manifest,
    write_manifest,
)

ROW = ScannedVideo("a.mp4", 1, "run", 2.5, 25, 48, 64, "h264", 62, "aac", 100, 7)
NAMES = ["a.mp4", "two\nlines.mp4", 'say "hi", b.mp4', "caf\udce9.mp4", "向\r.mp4", "12:30.mp4"]


def test_a_manifest_gives_back_every_name(tmp_path: Path) -> None:
    rows = [replace(ROW, path=name) for name in NAMES]
    write_manifest(tmp_path / "videos.csv", rows)
    assert is_manifest(tmp_path / "videos.csv")
    assert read_manifest(tmp_path / "videos.csv") == rows
    with open_manifest(tmp_path / "slow.csv", "ab") as file:
        for row in rows:
            append_row(file, row)
    assert (tmp_path / "slow.csv").read_bytes() == (tmp_path / "videos.csv").read_bytes()
    # As other programs read it.
    text = (tmp_path / "videos.csv").read_bytes().decode("utf-8", "surrogateescape")
    assert [row[0] for row in csv.reader(text.splitlines(keepends=True))][1] == "a.mp4"
    videos = LabeledVideoPaths.from_path(tmp_path / "videos.csv")
    assert [path for path, _ in videos] == NAMES


def test_another_file_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.mp4 1\n", "utf-8")
    assert not is_manifest(tmp_path / "list.txt")
    with pytest.raises(ValueError, match=r"list\.txt, line 1 is no row of a manifest"):
        read_manifest(tmp_path / "list.txt")


def test_paths_of_a_manifest_count_from_it_where_that_leads_to_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "run").mkdir(parents=True)
    (tmp_path / "data" / "run" / "a.mp4").touch()
    write_manifest(tmp_path / "data" / "videos.csv", [replace(ROW, path="run/a.mp4")])
    monkeypatch.chdir(tmp_path)
    assert LabeledVideoPaths.from_path("data/videos.csv")[0][0] == "data/run/a.mp4"
    monkeypatch.chdir(tmp_path / "data")
    assert LabeledVideoPaths.from_path("videos.csv")[0][0] == "run/a.mp4"
