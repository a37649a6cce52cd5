import logging
from pathlib import Path

import pytest

from pytorchvideo_clone.data import LabeledVideoPaths
from pytorchvideo_clone.data.lists.folders import (
    class_folders,
    files_below,
    is_video,
    split_of,
    splits_within,
    visible,
)


def make_files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize("name", ["a.mp4", "IMG_1.MOV", "v/x.Mkv", "12:30.m2ts", "a.b.3GP"])
def test_a_file_is_a_video_by_its_ending(name: str) -> None:
    assert is_video(name)


@pytest.mark.parametrize("name", ["mp4", "a.mp4.part", "v/._a.mp4", ".mp4", "a.txt", "b.mp4/x"])
def test_other_files_are_none(name: str) -> None:
    assert not is_video(name)


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ["train", "training", "Train", "TRAINING"]),
        ("val", ["val", "Val", "valid", "validation", "validate", "dev"]),
        ("test", ["test", "testing", "eval", "evaluation", "Test"]),
        (None, ["trainlist01", "testcase", "trains", ""]),
    ],
)
def test_a_split_has_several_names(split: str | None, names: list[str]) -> None:
    assert {split_of(name) for name in names} == {split}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train_256", "val_256"], ["train", "val"]),
        (["k400_train", "k400_validation", "k400_test"], ["train", "val", "test"]),
        (["TrainSet", "Testset"], ["train", "test"]),
        (["train2017", "val2017"], ["train", "val"]),
        (["TRAIN_DATA", "Test Data"], ["train", "test"]),
        (["train_station", "airport"], []),  # classes
        (["train_1", "train_2"], []),
        (["train_val", "test"], []),
        (["trainer", "tester"], []),
        (["train_256"], []),
    ],
)
def test_names_of_splits_are_found_among_other_words(names: list[str], splits: list[str]) -> None:
    assert splits_within(names) == dict(zip(splits, names, strict=False))


def test_hidden_names_and_those_of_systems_do_not_count(tmp_path: Path) -> None:
    names = [".Trash/a.mp4", "__MACOSX/run/b.mp4", "@eaDir/c.mp4", "run/._d.mp4", "run/d.mp4"]
    make_files(tmp_path, *names)
    assert visible(str(tmp_path)) == ["run"]
    assert files_below(str(tmp_path)) == [str(tmp_path / "run" / "d.mp4")]


def test_a_folder_named_like_a_video_is_a_folder(tmp_path: Path) -> None:
    make_files(tmp_path, "run/clip.mp4/inner.mp4")
    videos = LabeledVideoPaths.from_path(tmp_path)
    assert [path for path, _ in videos] == [str(tmp_path / "run/clip.mp4/inner.mp4")]


def test_links_are_followed_each_folder_once(tmp_path: Path) -> None:
    make_files(tmp_path, "store/1.mp4", "v/run/a.mp4", "v/sit/b.mp4")
    (tmp_path / "v/jump").symlink_to(tmp_path / "store", target_is_directory=True)
    for name in ("again", "more"):
        (tmp_path / "v/run" / name).symlink_to(".", target_is_directory=True)
    (tmp_path / "v/sit/up").symlink_to("../..", target_is_directory=True)
    (tmp_path / "v/all").symlink_to(".", target_is_directory=True)
    (tmp_path / "v/above").symlink_to("..", target_is_directory=True)
    assert class_folders(str(tmp_path / "v")) == ["jump", "run", "sit"]
    found = [str(Path(path).relative_to(tmp_path)) for path in files_below(str(tmp_path / "v/run"))]
    assert found == ["v/run/a.mp4"]
    # `up` leads to all there is: the others' videos are none of this class.
    assert [Path(path).name for path in files_below(str(tmp_path / "v/sit"))] == ["b.mp4"]
    (tmp_path / "store/back").symlink_to(tmp_path / "v", target_is_directory=True)
    assert [Path(path).name for path in files_below(str(tmp_path / "v/jump"))] == ["1.mp4"]


def test_a_folder_that_cannot_be_listed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_files(tmp_path, "run/locked/a.mp4", "run/b.mp4")
    original = visible

    def refuse(folder: str) -> list[str]:  # a superuser, as in CI, may list every folder
        if folder.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return original(folder)

    monkeypatch.setattr("pytorchvideo_clone.data.lists.folders.visible", refuse)
    with caplog.at_level(logging.WARNING):
        assert files_below(str(tmp_path)) == [str(tmp_path / "run" / "b.mp4")]
    assert "locked cannot be listed (Permission denied)" in caplog.text


def test_videos_in_no_class_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_files(tmp_path, "run/a.mp4", "loose.MOV", "notes.txt")
    with caplog.at_level(logging.WARNING):
        assert len(LabeledVideoPaths.from_path(tmp_path)) == 1
    assert "in no class, and left out: loose.MOV" in caplog.text
