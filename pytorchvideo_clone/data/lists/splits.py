"""What a command finds at a path: one list of labelled videos, or one for each split."""

import os
import re
from collections.abc import Iterable
from functools import partial

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.lists.folders import (
    SPLITS,
    STORE,
    VIDEO_EXTENSIONS,
    class_folders,
    files_below,
    is_video,
    split_of,
    splits_within,
    visible,
)
from pytorchvideo_clone.data.lists.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.lists.list_files import LIST_ENDINGS, splits_in
from pytorchvideo_clone.data.lists.numbering import line_of, read_class_names

__all__ = [
    "check_numbers",
    "find_splits",
    "find_videos",
    "labelled_rows",
    "read_labeled_videos",
]

_OF_HMDB51 = re.compile(r"_test_split\d\.txt$")
_NAMES = ("classes.txt", "classInd.txt")  # of classes, beside a list


def find_splits(data_path: files.PathLike) -> dict[str, LabeledVideoPaths]:
    """Read the labelled videos at a path, by split.

    Splits are the folders (of class folders), packed stores or lists that are named "train" or
    "training", "val", "valid", "validation" or "dev", "test", "testing", "eval" or "evaluation", in
    any case, in the folder `data_path`; or the folders there whose names all have one of these
    words, such as "train_256" and "val_256"; or the values of a column "split" of a list.
    Everything else is all "train". A folder goes before a store and a store before a list of one
    split.

    The classes of a list with numbers get the names in a file `classes.txt`, a name a line, or
    `classInd.txt`, a number and a name a line, that lies beside it.

    Args:
        data_path: path or URL of a folder of class folders, list or store, or of a folder of those.

    Returns:
        "train", "val" and "test", those that there are.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if a split has two places, or a list is not what one is.
    """
    path = os.fspath(data_path)
    places = _places(path)
    if places:
        return {split: _read(place) for split, place in places.items()}
    if _is_list(path) and (found := splits_in(path)):
        return {split: _read(path, split) for split in SPLITS if split in found}
    return {"train": _read(path)}


def read_labeled_videos(source: files.PathLike) -> LabeledVideoPaths:
    """Read the one list of videos at a path, for what works on all of them.

    Args:
        source: path or URL of a folder of class folders, a folder of videos without classes, a list
            or a store.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if there are several splits, or a list is not what one is.
    """
    path = os.fspath(source)
    places = _places(path)
    if len(places) > 1:
        raise ValueError(
            f"{path} holds {' and '.join(places.values())}; take one at a time, as they are for "
            "different purposes."
        )
    if places:
        return _read(next(iter(places.values())))
    if files.is_dir(path) and not path.rstrip("/").endswith(STORE) and not class_folders(path):
        # Of no class, such as recordings to be checked.
        loose = [files.join(path, name) for name in visible(path) if is_video(name)]
        if loose:
            videos = LabeledVideoPaths((video, None) for video in loose)
            videos.source = path
            return videos
    return _read(path)


def find_videos(sources: Iterable[files.PathLike]) -> list[str]:
    """List the videos that are named, and those in the folders and lists that are named.

    Args:
        sources: videos, URLs, lists and folders; folders are searched to the bottom.

    Raises:
        ValueError: if a folder or list holds no video.
    """
    found: list[str] = []
    for source in (os.fspath(source) for source in sources):
        if source.lower().endswith(LIST_ENDINGS) and _is_list(source):
            listed = _read(source)
            found += [listed[index][0] for index in range(len(listed))]
        elif not _is_folder(source):
            found.append(source)
        else:
            videos = list(filter(is_video, files_below(source)))
            if not videos:
                raise ValueError(f"no video in {source}; looked for {', '.join(VIDEO_EXTENSIONS)}.")
            found += videos
    return found


def labelled_rows(videos: LabeledVideoPaths) -> list[tuple[str, int]]:
    """Give (path, label) pairs, every label at least 0.

    Raises:
        ValueError: if a video has none, or two, or one that is not among the names of classes.
    """
    names = videos.class_names
    rows = [(path, info["label"]) for path, info in (videos[i] for i in range(len(videos)))]
    first: dict[str, int] = {}
    for path, label in rows:
        if label is None or label < 0:
            where = line_of(videos.source, lambda _, number: number is not None and number < 0)
            raise ValueError(
                f"{where}: {path} has no label; training and evaluation need one for each video."
            )
        if names is not None and label >= len(names):
            where = line_of(videos.source, partial(_has_number, label))
            raise ValueError(
                f"{where}: {path} has label {label}, but there are {len(names)} names of classes, "
                "which count from 0."
            )
        if first.setdefault(path, label) != label:
            where = line_of(videos.source, partial(_ends_with, path))
            raise ValueError(
                f"{where}: {path} has two labels, {first[path]} and {label}; keep one of its lines."
            )
    return rows


def check_numbers(videos: LabeledVideoPaths) -> None:
    """Refuse labels that have no names and cannot be the numbers of classes.

    Raises:
        ValueError: if they do not go from 0 on without gaps.
    """
    found = sorted({label for _, label in labelled_rows(videos)})
    # Not by counting to the largest label, which may be anything.
    missing = next((number for number, label in enumerate(found) if label != number), None)
    if videos.class_names or missing is None:
        return
    odd = found[missing]
    where = line_of(videos.source, lambda _, number: number == odd)
    raise ValueError(
        f"{where}: label {odd}, but no video has {missing}: the labels are {len(found)} "
        f"numbers from {found[0]} to {found[-1]}, and classes count from 0 without gaps. Write "
        "the names of the classes in their place, or list them in a file classes.txt beside the "
        "list: a name a line from 0 on, or a number and a name a line."
    )


def _places(path: str) -> dict[str, str]:
    """Split -> its folder, store or list in a folder."""
    if not files.is_dir(path) or path.rstrip("/").endswith(STORE):
        return {}
    found: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    endings = ("", STORE, *LIST_ENDINGS)
    for name in visible(path):
        stem, dot, ending = name.partition(".")
        ending = (dot + ending).lower()
        split, place = split_of(stem), files.join(path, name)
        if split is None or ending not in endings:
            continue
        # A class may be called "train": as a split it would hold folders.
        if class_folders(place) if files.is_dir(place) and not ending else ending:
            found[split].setdefault(ending, []).append(place)
    places: dict[str, str] = {}
    for split, by_ending in found.items():
        best = next((by_ending[ending] for ending in endings if ending in by_ending), [])
        if len(best) > 1:
            raise ValueError(f"{' and '.join(best)} are both for {split}; keep one of them there.")
        if best:
            places[split] = best[0]
    if not places and (words := splits_within(class_folders(path))):
        places = {split: files.join(path, name) for split, name in words.items()}
        if not all(map(class_folders, places.values())):
            return {}
    return places


def _read(place: str, split: str | None = None) -> LabeledVideoPaths:
    if _OF_HMDB51.search(place):
        raise ValueError(
            f"{place} is a split of HMDB51: its numbers are no classes, but 1 for training, 2 for "
            "testing and 0 for neither. Use pytorchvideo_clone.data.Hmdb51, or write a list of "
            "paths and classes."
        )
    try:
        videos = LabeledVideoPaths.from_path(place, VIDEO_EXTENSIONS, split)
    except AssertionError as error:  # PyTorchVideo's answer to an empty list
        raise ValueError(str(error)) from error
    if _is_list(place) and not videos.class_names:
        _name_classes(videos)
    return videos


def _name_classes(videos: LabeledVideoPaths) -> None:
    folder = os.path.dirname(videos.source)  # noqa: PTH120 (of a URL too)
    names = next((p for n in _NAMES if files.exists(p := files.join(folder, n))), None)
    if names is None:
        return
    named = read_class_names(names)
    labels = {videos[index][1]["label"] for index in range(len(videos))} - {None, -1}
    if unknown := labels - named.keys():
        raise ValueError(
            f"{line_of(videos.source, lambda _, number: number in unknown)}: label {min(unknown)} "
            f"has no name in {names}, which names {min(named)} to {max(named)}."
        )
    order = {number: place for place, number in enumerate(sorted(named))}
    videos.renumber(order, [named[number] for number in sorted(named)])


def _is_list(path: str) -> bool:
    return not path.rstrip("/").endswith(STORE) and not files.is_dir(path) and files.exists(path)


def _ends_with(path: str, written: str, number: int | None) -> bool:
    return path.endswith(written)


def _has_number(wanted: int, path: str, number: int | None) -> bool:
    return number == wanted


def _is_folder(path: str) -> bool:
    try:
        return files.is_dir(path)
    except Exception:  # of a store's own package: who opens the path names what is wrong
        return False
