import logging
import pickle
from fractions import Fraction
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import ClipDataset, UniformClipSampler
from pytorchvideo_clone.data.lists.labeled_video_paths import VIDEO_EXTENSIONS, LabeledVideoPaths
from pytorchvideo_clone.data.lists.scanned import ScannedVideo, write_manifest
from pytorchvideo_clone.data.packed import PackedStore
from pytorchvideo_clone.data.scan import scan_videos
from tests.data.coded_video import numbers, write_video
from tests.data.packed.stores import make_store


def make_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_classes_are_the_folders_in_sorted_order(tmp_path):
    make_files(tmp_path, "run/b.mp4", "jump/a.mp4", "run/deep/er/c.AVI", "loose.mp4")
    videos = LabeledVideoPaths.from_path(tmp_path)
    assert videos.class_names == ["jump", "run"]
    found = [(path.removeprefix(f"{tmp_path}/"), info["label"]) for path, info in videos]
    assert found == [("jump/a.mp4", 0), ("run/b.mp4", 1), ("run/deep/er/c.AVI", 1)]


def test_files_are_sorted_by_folder_then_name(tmp_path):
    make_files(tmp_path, "x/b/1.mp4", "x/b-c/2.mp4", "x/9.mp4", "x/10.mp4")
    found = [
        path.removeprefix(f"{tmp_path}/x/") for path, _ in LabeledVideoPaths.from_path(tmp_path)
    ]
    assert found == ["10.mp4", "9.mp4", "b/1.mp4", "b-c/2.mp4"]


def test_videos_with_other_extensions_are_named_in_the_log(tmp_path, caplog):
    make_files(tmp_path, "run/a.mp4", "run/b.mkv", "run/notes.txt")
    with caplog.at_level(logging.WARNING):
        assert len(LabeledVideoPaths.from_directory(tmp_path)) == 1
    assert "2 files are not .mp4 or .avi" in caplog.text
    assert "b.mkv" in caplog.text and "extensions=VIDEO_EXTENSIONS" in caplog.text


def test_all_extensions_can_be_asked_for(tmp_path, caplog):
    make_files(tmp_path, "run/a.mp4", "run/b.MKV", "run/c.webm")
    with caplog.at_level(logging.WARNING):
        assert len(LabeledVideoPaths.from_directory(tmp_path, VIDEO_EXTENSIONS)) == 3
    assert caplog.text == ""


def test_hidden_names_do_not_count(tmp_path, caplog):
    make_files(tmp_path, "run/a.mp4", "run/._a.mp4", ".checkpoints/x.txt")
    videos = LabeledVideoPaths.from_directory(tmp_path)
    assert (len(videos), videos.class_names, caplog.text) == (1, ["run"], "")


def test_a_class_without_videos_is_named(tmp_path):
    make_files(tmp_path, "run/a.mp4", "jump/a.mkv")
    with pytest.raises(FileNotFoundError, match=r"no video for jump; looked for \.mp4, \.avi"):
        LabeledVideoPaths.from_directory(tmp_path)


def test_a_folder_without_class_folders_says_what_is_expected(tmp_path):
    make_files(tmp_path, "a.mp4")
    with pytest.raises(FileNotFoundError, match="videos of each class into a folder of its own"):
        LabeledVideoPaths.from_directory(tmp_path)


def test_a_missing_path_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere not found.*'path label' lines"):
        LabeledVideoPaths.from_path(tmp_path / "nowhere")


def test_lines_may_hold_spaces_and_be_empty(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("a b.mp4\t3\n\n  \nc.mp4\n")
    videos = LabeledVideoPaths.from_path(file)
    assert list(videos) == [("a b.mp4", {"label": 3}), ("c.mp4", {"label": -1})]
    assert videos.class_names is None


def test_lists_are_utf_8_with_or_without_a_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "list.csv").write_text("é/ü 1.mp4 3\n", encoding=encoding)
        assert LabeledVideoPaths.from_csv(tmp_path / "list.csv")[0][0] == "é/ü 1.mp4"


def test_a_video_in_place_of_a_list_says_what_is_expected(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\x00\x00\x9c\xff")
    with pytest.raises(ValueError, match=r"a\.mp4 is no text.*'path label' lines"):
        LabeledVideoPaths.from_path(tmp_path / "a.mp4")


def test_a_label_that_is_no_number_is_named_with_its_line(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("a.mp4 1\nb.mp4 cat\n")
    with pytest.raises(ValueError, match=r"list\.csv, line 2: 'cat' is no label"):
        LabeledVideoPaths.from_csv(file)


def test_a_comma_may_stand_before_a_label_or_in_a_path(tmp_path):
    (tmp_path / "list.csv").write_text("a.mp4,1\nb.mp4,2\n")
    videos = LabeledVideoPaths.from_path(tmp_path / "list.csv")
    assert list(videos) == [("a.mp4", {"label": 1}), ("b.mp4", {"label": 2})]
    (tmp_path / "list.csv").write_text("a, b.mp4 1\nc,d.mp4\n")
    videos = LabeledVideoPaths.from_path(tmp_path / "list.csv")
    assert [videos[n] for n in range(2)] == [("a, b.mp4", {"label": 1}), ("c,d.mp4", {"label": -1})]


def test_the_prefix_goes_before_relative_paths_only():
    videos = LabeledVideoPaths([("a.mp4", 0), ("/b.mp4", 0), ("s3://c/d.mp4", 0)])
    videos.path_prefix = "/videos"
    assert [path for path, _ in videos] == ["/videos/a.mp4", "/b.mp4", "s3://c/d.mp4"]


def test_samples_cannot_change_the_list():
    videos = LabeledVideoPaths([("a.mp4", 1)])
    videos[0][1]["label"] = 7
    assert videos[0] == ("a.mp4", {"label": 1})


def test_labels_that_are_no_numbers_are_kept_as_they_are():
    rows = [("a", 1), ("b", None), ("c", "run"), ("d", [1, 2]), ("e", 2**70), ("f", -1)]
    videos = LabeledVideoPaths(rows)
    assert [(path, info["label"]) for path, info in videos] == rows
    assert videos[-4] == ("c", {"label": "run"})


def test_the_fingerprint_tells_lists_apart_and_leaves_the_prefix_out():
    rows = [("a", 1), ("b", 2)]
    same = [LabeledVideoPaths(rows), LabeledVideoPaths(rows, path_prefix="/videos")]
    assert len({videos.fingerprint() for videos in same}) == 1
    others = [rows[::-1], [("a", 1), ("b", None)], [("ab", 1), ("", 2)], [("a", 1), ("b", "2")]]
    assert len({LabeledVideoPaths(other).fingerprint() for other in [rows, *others]}) == 5


def test_a_list_may_be_a_generator_and_can_be_pickled():
    videos = LabeledVideoPaths((f"{n}.mp4", n) for n in range(3))
    assert list(pickle.loads(pickle.dumps(videos))) == [
        (f"{n}.mp4", {"label": n}) for n in range(3)
    ]


@pytest.mark.parametrize("label", [5, 1_700_000_000, -2])
def test_a_label_of_a_manifest_may_count_so_many_classes(label: int, tmp_path: Path) -> None:
    rows = [ScannedVideo("a.mp4", 0, "run"), ScannedVideo("b.mp4", label, "sit")]
    write_manifest(tmp_path / "videos.csv", rows)
    with pytest.raises(ValueError, match=rf"videos\.csv, line 3: label {label} .* 0 to 4\."):
        LabeledVideoPaths.from_manifest(tmp_path / "videos.csv", max_classes=5)
    if label == 5:
        videos = LabeledVideoPaths.from_path(tmp_path / "videos.csv")
        assert videos.class_names == ["run", "1", "2", "3", "4", "sit"]
    else:
        with pytest.raises(ValueError, match="max_classes"):
            LabeledVideoPaths.from_path(tmp_path / "videos.csv")


def test_a_manifest_is_a_list_with_lengths(tmp_path: Path) -> None:
    for name in ("run", "sit"):
        (tmp_path / "videos" / name).mkdir(parents=True)
    write_video(tmp_path / "videos" / "run" / "a.mp4", 40, rate=Fraction(30000, 1001))
    write_video(tmp_path / "videos" / "sit" / "b.mp4", 60)
    (tmp_path / "videos" / "run" / "bad.mp4").write_text("no video")
    scan_videos(tmp_path / "videos", tmp_path / "videos.csv", num_workers=1)
    videos = LabeledVideoPaths.from_path(tmp_path / "videos.csv")
    assert [videos[index][1]["label"] for index in range(len(videos))] == [0, 1]
    assert videos.class_names == ["run", "sit"]
    assert videos.duration(0) == 40 / Fraction(30000, 1001)
    data = ClipDataset(videos, UniformClipSampler(Fraction(1, 2)))
    (tmp_path / "videos" / "run" / "a.mp4").unlink()
    assert len(data) == 2 + 4  # counted without a look at the files


def test_a_packed_store_is_a_list_with_lengths(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    videos = LabeledVideoPaths.from_path(f"{store}/")
    assert videos[2] == (f"{store}#2", {"label": 1})
    assert videos.class_names == ["run", "sit"]
    assert videos.duration(0) == 2
    data = ClipDataset(videos, UniformClipSampler(1))
    packed = data[1]
    assert (packed["video_name"], packed["label"]) == ("a.mp4", 0)
    direct = ClipDataset([(PackedStore(store).name(0), {"label": 0})], UniformClipSampler(1))
    assert numbers(packed["video"]) == numbers(direct[1]["video"])
    loader = DataLoader(data, batch_size=None, num_workers=2)
    read = [numbers(sample["video"]) for sample in loader]
    assert read == [numbers(data[index]["video"]) for index in range(len(data))]
    assert len(read) > 4
