"""Lists as people have them. What each must give was written by hand beside it."""

import json
from pathlib import Path

import pytest

from pytorchvideo_clone.data.lists.list_files import read_list, splits_in
from pytorchvideo_clone.data.lists.splits import find_splits

VIDEOS = ["run/a.mp4", "long jump/d e.MOV", "run/b, c.mp4"]


def rows_of(file: Path) -> list[tuple[str, str | None]]:
    return [(row.path, row.label) for row in read_list(file)]


NUMBERS = [("run/a.mp4", "1"), ("long jump/d e.MOV", "0")]
NAMES = [("run/a.mp4", "run"), ("long jump/d e.MOV", "long jump")]
COMMA = [("run/b, c.mp4", "1"), ("run/a.mp4", "0")]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("run/a.mp4 1\nlong jump/d e.MOV 0\n", NUMBERS),
        ("run/a.mp4\t1\nlong jump/d e.MOV\t0", NUMBERS),
        ("run/a.mp4 1\r\nlong jump/d e.MOV 0\r\n", NUMBERS),
        ("run/a.mp4 1\rlong jump/d e.MOV 0\r", NUMBERS),
        ("\ufeffrun/a.mp4 1\nlong jump/d e.MOV 0\n", NUMBERS),
        ("# my list\n\nrun/a.mp4 1\n   \n# and\nlong jump/d e.MOV 0\n\x1a", NUMBERS),
        ("'run/a.mp4' 1\n\"long jump/d e.MOV\" 0\n", NUMBERS),
        ("run/a.mp4,1\nlong jump/d e.MOV,0\n", NUMBERS),
        ("run/a.mp4, 1\nlong jump/d e.MOV , 0\n", NUMBERS),
        ('"run/a.mp4";"1"\n"long jump/d e.MOV";"0"\n', NUMBERS),
        ("path,label\nrun/a.mp4,1\nlong jump/d e.MOV,0\n", NUMBERS),
        ("Label;Video Path\n1;run/a.mp4\n0;long jump/d e.MOV\n", NUMBERS),
        ("path label\nrun/a.mp4 1\nlong jump/d e.MOV 0\n", NUMBERS),
        ("label path\n1 run/a.mp4\n0 long jump/d e.MOV\n", NUMBERS),
        (",file,fps,target\n0,run/a.mp4,25,1\n1,long jump/d e.MOV,30,0\n", NUMBERS),
        ("path,sport\nrun/a.mp4,1\nlong jump/d e.MOV,0,\n", NUMBERS),
        ("run/a.mp4 run\nlong jump/d e.MOV long jump\n", NAMES),
        ("run/a.mp4\trun\nlong jump/d e.MOV\tlong jump\n", NAMES),
        ("run/a.mp4,run\nlong jump/d e.MOV,long jump\n", NAMES),
        ("id,class,class_name,name\n1,7,run,run/a.mp4\n2,8,long jump,long jump/d e.MOV", NAMES),
        ("run/b, c.mp4 1\nrun/a.mp4 0\n", COMMA),
        ("run/b, c.mp4,1\nrun/a.mp4,0\n", COMMA),
        ('"run/b, c.mp4",1\n"run/a.mp4",0\n', COMMA),
        ("path;label\nrun/b, c.mp4;1\nrun/a.mp4;0\n", COMMA),
        ("run/a.mp4 1\nlong jump/d e.MOV\n", [("run/a.mp4", "1"), ("long jump/d e.MOV", None)]),
        ("path,label\nrun/a.mp4,1\nb.avi\n", [("run/a.mp4", "1"), ("b.avi", None)]),
        ("long jump/d e.MOV\nrun/b, c.mp4\n", [("long jump/d e.MOV", None), (COMMA[0][0], None)]),
        ("videos\nrun/a.mp4\n", [("run/a.mp4", None)]),
        ("frames/12 3\nframes/13 4\n", [("frames/12", "3"), ("frames/13", "4")]),
        ("s3://b/a.mp4 1\nhttp://c/d?e=f 0\n", [("s3://b/a.mp4", "1"), ("http://c/d?e=f", "0")]),
        ("", []),
    ],
)
def test_lists_are_read_as_they_are_meant(text: str, rows: list, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text, encoding="utf-8", newline="")
    assert rows_of(file) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_has_the_encoding_that_its_mark_says(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("path;label\r\nü/向上.mp4;läuft\r\n".encode(encoding))
    assert rows_of(file) == [("ü/向上.mp4", "läuft")]


def test_bytes_that_are_no_utf_8_stay_what_a_file_is_called(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"caf\xe9.mp4 3\n")
    assert [path.encode("utf-8", "surrogateescape") for path, _ in rows_of(file)] == [
        b"caf\xe9.mp4"
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.jsonl", "\n".join(json.dumps({"video": v, "label": n}) for n, v in enumerate(VIDEOS))),
        ("l.json", json.dumps([{"label": n, "path": v} for n, v in enumerate(VIDEOS)])),
        ("l.json", json.dumps({v: n for n, v in enumerate(VIDEOS)})),
        ("l.json", json.dumps({v: {"label": n} for n, v in enumerate(VIDEOS)})),
        ("l.json", json.dumps([[v, n] for n, v in enumerate(VIDEOS)])),
    ],
)
def test_json_lists_videos_too(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert rows_of(tmp_path / name) == [(v, str(n)) for n, v in enumerate(VIDEOS)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "a.mp4,25,1\nb.mp4,30,0\n", "line 1 has 3 columns, and none is named"),
        ("l.csv", "a.mp4 0 1\n", "line 1: 'a.mp4 0 1' has more than one number"),
        ("l.csv", "a.mp4 1\nb.mp4 0,1\n", "line 2: 'b.mp4 0,1' has more than one number"),
        ("l.csv", "path,label\na.mp4,1\nb,c.mp4,0\n", "line 3: .* has 3 columns where others"),
        ("l.csv", "label,youtube_id,split\nrun,x,train\n", "line 1: of the columns .* none is the"),
        ("l.csv", "path,height,width\na.mp4,1,2\n", "line 1: of the columns .* none is the label"),
        ("l.jsonl", '{"path": "a.mp4"}\nno json\n', "line 2 is no json"),
        ("l.json", '[{"path": "a.mp4", "label": [0, 1]}]', "line 1: .* is no video with one label"),
    ],
)
def test_what_is_no_list_is_refused_with_the_line(name, text, message, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        rows_of(tmp_path / name)


def test_a_column_of_splits_divides_a_list(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    rows = ["a.mp4,run,train", "b.mp4,run,Validation", "c.mp4,sit,train", "d.mp4,sit,test"]
    file.write_text("\n".join(["path,label,split", *rows]), encoding="utf-8")
    assert splits_in(file) == {"train", "val", "test"}
    found = find_splits(file)
    assert {name: [p for p, _ in videos] for name, videos in found.items()} == {
        "train": ["a.mp4", "c.mp4"],
        "val": ["b.mp4"],
        "test": ["d.mp4"],
    }
    file.write_text("path,label,split\na.mp4,run,fold 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: the split is 'fold 1'"):
        find_splits(file)
