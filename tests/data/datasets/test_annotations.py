import pytest

from pytorchvideo_clone.data.datasets.annotations import open_text, read_json, under


def test_text_is_utf_8_with_or_without_a_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.txt").write_text("é 1\n", encoding=encoding)
        with open_text(tmp_path / "a.txt") as text:
            assert list(text) == ["é 1\n"]


def test_another_kind_of_file_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\x00\x9c\xff")
    with pytest.raises(ValueError, match=r"a\.mp4 is no text"), open_text(tmp_path / "a.mp4") as f:
        f.read()
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json is no json file: .*line 1"):
        read_json(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


def test_a_prefix_goes_before_relative_paths_only():
    paths = ["a.mp4", "/b.mp4", "s3://c/d.mp4"]
    assert [under("/v", path) for path in paths] == ["/v/a.mp4", "/b.mp4", "s3://c/d.mp4"]
    assert [under("", path) for path in paths] == paths
