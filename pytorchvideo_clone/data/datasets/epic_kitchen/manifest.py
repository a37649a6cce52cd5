"""Make the lists of EPIC-Kitchens' videos and frames from the folders that they lie in."""

import re
from pathlib import PurePath

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.manifest import (
    EncodedVideoInfo,
    VideoFrameInfo,
    optional_threaded_foreach,
)

__all__ = [
    "build_encoded_manifest_from_nested_directory",
    "build_frame_manifest_from_flat_directory",
    "build_frame_manifest_from_nested_directory",
]

# P01_01 in the first release, P01_101 in the second.
_VIDEO_ID = re.compile(r"P\d+_\d+|.{1,6}")


def build_frame_manifest_from_flat_directory(
    data_directory_path: files.PathLike, multithreaded: bool
) -> dict[str, VideoFrameInfo]:
    """List the images in root/video_id/stem_number.ext, by video id.

    Args:
        data_directory_path: the root.
        multithreaded: list the folders in parallel.

    Raises:
        AssertionError: if a video's numbers have gaps, or its names different lengths or endings.
    """
    found: dict[str, VideoFrameInfo] = {}

    def add(folder: str) -> None:
        video_id = PurePath(folder).name
        found[video_id] = _describe(video_id, folder, _visible(folder))

    optional_threaded_foreach(
        add, [(path,) for path in _folders(data_directory_path)], multithreaded
    )
    return found


def build_frame_manifest_from_nested_directory(
    data_directory_path: files.PathLike, multithreaded: bool
) -> dict[str, VideoFrameInfo]:
    """List the images in root/participant/participant_video_number.ext, by video id.

    Args:
        data_directory_path: the root.
        multithreaded: list the folders in parallel.

    Raises:
        AssertionError: as in `build_frame_manifest_from_flat_directory`.
    """
    found: dict[str, VideoFrameInfo] = {}

    def add(folder: str) -> None:
        by_video: dict[str, list[str]] = {}
        for name in _visible(folder):
            by_video.setdefault(name.rpartition("_")[0], []).append(name)
        for video_id, names in by_video.items():
            found[video_id] = _describe(video_id, folder, names)

    optional_threaded_foreach(
        add, [(path,) for path in _folders(data_directory_path)], multithreaded
    )
    return found


def build_encoded_manifest_from_nested_directory(
    data_directory_path: files.PathLike,
) -> dict[str, EncodedVideoInfo]:
    """List the videos in root/participant/file, by video id.

    That is what the file's name begins with: P, digits, _, digits, or else its first six
    characters.

    Raises:
        AssertionError: if two files have one id.
    """
    found = {}
    for folder in _folders(data_directory_path):
        for name in _visible(folder):
            match = _VIDEO_ID.match(name)
            assert match is not None  # of any name
            video_id = match[0]
            if video_id in found:
                raise AssertionError(f"{folder}/{name} and another file are both {video_id}.")
            found[video_id] = EncodedVideoInfo(video_id, f"{folder}/{name}")
    return found


def _describe(video_id: str, folder: str, names: list[str]) -> VideoFrameInfo:
    parts = [re.fullmatch(r"(.*?)(\d+)\.([^.]+)", name) for name in names]
    strange = [name for name, part in zip(names, parts, strict=True) if part is None]
    # PyTorchVideo's exception, raised so that python -O keeps it.
    if strange or not names:
        what = f"{strange[0]} has no number" if strange else "there are no images"
        raise AssertionError(f"{folder}: {what}; frames must be named stem_number.ext.")
    numbers = sorted(int(part[2]) for part in parts if part)
    forms = {(part[1], part.end(2), part[3]) for part in parts if part}
    if len(forms) > 1:
        raise AssertionError(
            f"{folder}: the images of {video_id} must have one stem, length and ending; found "
            f"{sorted(forms)[:2]}."
        )
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise AssertionError(f"{folder}: the numbers of the images of {video_id} have gaps.")
    ((stem, length, extension),) = forms
    return VideoFrameInfo(video_id, folder, stem, length, numbers[0], numbers[-1], extension)


def _folders(root: files.PathLike) -> list[str]:
    paths = [f"{str(root).rstrip('/')}/{name}" for name in _visible(str(root))]
    return [path for path in paths if files.is_dir(path)]


def _visible(folder: str) -> list[str]:
    return [name for name in files.list_dir(folder) if not name.startswith(".")]
