from pathlib import Path

import pytest

from pytorchvideo_clone.data.datasets.epic_kitchen.manifest import (
    build_encoded_manifest_from_nested_directory,
    build_frame_manifest_from_flat_directory,
    build_frame_manifest_from_nested_directory,
)
from pytorchvideo_clone.data.lists.manifest import EncodedVideoInfo, VideoDataset


def touch(root: Path, *names: str) -> str:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return str(root)


@pytest.mark.parametrize("multithreaded", [False, True])
def test_listed_frames_are_the_files_that_are_there(tmp_path: Path, multithreaded: bool) -> None:
    flat = touch(tmp_path / "flat", *(f"P01_01/frame_{k:010}.jpg" for k in range(1, 4)))
    nested = touch(tmp_path / "nested", *(f"P01/P01_01_{k:010}.jpg" for k in range(7, 9)))
    touch(tmp_path / "flat", "notes.txt", "P01_01/.hidden")
    for build, root, count in (
        (build_frame_manifest_from_flat_directory, flat, 3),
        (build_frame_manifest_from_nested_directory, nested, 2),
    ):
        found = build(root, multithreaded)
        paths = VideoDataset._frame_number_to_filepaths("P01_01", found)
        assert len(paths) == count and all(Path(path).exists() for path in paths)


@pytest.mark.parametrize(
    "names, message",
    [
        (["frame_01.jpg", "frame_03.jpg"], "gaps"),
        (["frame_1.jpg", "frame_02.jpg"], "one stem, length"),
        (["frame_1.jpg", "frame_2.png"], "one stem, length"),
        (["frame.jpg"], "no number"),
    ],
)
def test_other_names_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    root = touch(tmp_path, *(f"P01_01/{name}" for name in names))
    with pytest.raises(AssertionError, match=message):
        build_frame_manifest_from_flat_directory(root, True)


def test_files_of_both_releases_have_their_id(tmp_path: Path) -> None:
    root = touch(tmp_path, "P01/P01_01.MP4", "P01/P01_101.MP4", "P01/P01_102.MP4")
    assert build_encoded_manifest_from_nested_directory(root) == {
        name: EncodedVideoInfo(name, f"{root}/P01/{name}.MP4")
        for name in ("P01_01", "P01_101", "P01_102")
    }
    touch(tmp_path, "P01/P01_01.avi")
    with pytest.raises(AssertionError, match="both P01_01"):
        build_encoded_manifest_from_nested_directory(root)
