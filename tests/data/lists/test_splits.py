import tracemalloc
from pathlib import Path

import fsspec
import pytest

from pytorchvideo_clone.data.lists.scanned import ScannedVideo, write_manifest
from pytorchvideo_clone.data.lists.splits import (
    check_numbers,
    find_splits,
    find_videos,
    read_labeled_videos,
)
from tests.data.lists.test_folders import make_files
from tests.data.packed.stores import forge_index, make_store


def found(path: Path | str) -> dict[str, tuple[int, list[str] | None]]:
    splits = find_splits(path)
    return {name: (len(videos), videos.class_names) for name, videos in splits.items()}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "Val", "Test"),
        ("TRAIN", "valid", "eval"),
        ("train", "dev", "evaluation"),
        ("train_256", "val_256", "test_256"),
        ("MySet-Train", "MySet-Valid", "MySet-Test"),
    ],
)
def test_splits_go_by_several_names(names: tuple[str, str, str], tmp_path: Path) -> None:
    for count, name in enumerate(names, 1):
        make_files(tmp_path, *(f"{name}/{c}/{n}.MOV" for c in ("run", "sit") for n in range(count)))
    classes = ["run", "sit"]
    assert found(tmp_path) == {"train": (2, classes), "val": (4, classes), "test": (6, classes)}


def test_a_split_without_the_one_for_training_is_found(tmp_path: Path) -> None:
    make_files(tmp_path, "validation/run/a.mp4")
    assert found(tmp_path) == {"val": (1, ["run"])}


def test_lists_may_be_splits_and_folders_go_first(tmp_path: Path) -> None:
    make_files(tmp_path, "train/run/a.mp4", "train/run/b.mp4")
    for name in ("train.csv", "Val.tsv", "test.jsonl", "notes.txt"):
        (tmp_path / name).write_text(
            '{"path": "a.mp4", "label": "run"}' if "json" in name else "a.mp4\trun\n",
            encoding="utf-8",
        )
    assert found(tmp_path) == {"train": (2, ["run"]), "val": (1, ["run"]), "test": (1, ["run"])}


def test_a_flat_folder_of_a_split_gives_way_to_its_list(tmp_path: Path) -> None:
    make_files(tmp_path, "train/a.mp4", "train/b.mp4")  # as Kinetics comes
    (tmp_path / "train.csv").write_text("train/a.mp4,run\ntrain/b.mp4,sit\n", encoding="utf-8")
    assert found(tmp_path) == {"train": (2, ["run", "sit"])}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    make_files(tmp_path, "bus/a.mp4", "car/a.mp4", "train/a.mp4")
    assert found(tmp_path) == {"train": (3, ["bus", "car", "train"])}


def test_classes_with_words_of_splits_are_classes(tmp_path: Path) -> None:
    make_files(tmp_path, "train_station/a.mp4", "test_drive/a.mp4")
    assert found(tmp_path) == {"train": (2, ["test_drive", "train_station"])}


def test_two_places_for_one_split_are_refused(tmp_path: Path) -> None:
    make_files(tmp_path, "train/run/a.mp4", "val/run/a.mp4", "validation/run/a.mp4")
    with pytest.raises(ValueError, match=r"val and .*validation are both for val"):
        find_splits(tmp_path)


def test_what_works_on_all_videos_takes_one_split(tmp_path: Path) -> None:
    make_files(tmp_path, "Train/run/a.mp4", "Val/run/a.mp4")
    with pytest.raises(ValueError, match=r"holds .*Train and .*Val; take one at a time"):
        read_labeled_videos(tmp_path)
    assert len(read_labeled_videos(tmp_path / "Train")) == 1


def test_what_works_on_all_videos_takes_a_folder_without_classes(tmp_path: Path) -> None:
    make_files(tmp_path, "IMG_1.MOV", "b.mp4", "._b.mp4", "notes.txt")
    videos = read_labeled_videos(tmp_path)
    assert [(Path(path).name, info["label"]) for path, info in videos] == [
        ("IMG_1.MOV", None),
        ("b.mp4", None),
    ]
    with pytest.raises(FileNotFoundError, match="holds no folders"):
        find_splits(tmp_path)


@pytest.mark.parametrize(
    ("labels", "line"),
    [([1, 2, 101], 1), ([0, 2, 1, 150], 4), ([3, 2, 1], 3), ([0, 5], 2), ([0, 10**18], 2)],
)
def test_numbers_that_are_no_classes_are_asked_about(
    labels: list[int], line: int, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("".join(f"{n}.mp4 {label}\n" for n, label in enumerate(labels)), "utf-8")
    with pytest.raises(
        ValueError, match=rf"list\.txt, line {line}: label \d+, but no .*classes\.txt"
    ):
        check_numbers(find_splits(file)["train"])
    names = [f"{label} class {label}" for label in sorted(labels)]
    (tmp_path / "classes.txt").write_text("\n".join(names), "utf-8")
    videos = find_splits(file)["train"]
    check_numbers(videos)
    assert [videos.class_names[info["label"]] for _, info in videos] == [
        f"class {label}" for label in labels
    ]


@pytest.mark.parametrize("form", ["csv", "manifest", "store"])
def test_a_huge_label_costs_no_memory(form: str, tmp_path: Path) -> None:
    make_files(tmp_path, "a.mp4", "b.mp4")
    path = tmp_path / "list.csv"
    if form == "store":
        path = make_store(tmp_path / "packed")
        forge_index(path, label=[0, 1_700_000_000, 0, 0])
    elif form == "manifest":
        rows = [ScannedVideo("a.mp4", 0), ScannedVideo("b.mp4", 1_700_000_000)]
        write_manifest(path, rows)
    else:
        path.write_text("a.mp4 0\nb.mp4 1700000000\n", "utf-8")
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"label 1700000000"):
        check_numbers(find_splits(path)["train"])
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_ucf101s_own_lists_are_read_with_its_classes(tmp_path: Path) -> None:
    (tmp_path / "classInd.txt").write_bytes(b"1 ApplyEyeMakeup\r\n2 Archery\r\n")
    (tmp_path / "trainlist01.txt").write_bytes(
        b"Archery/v_Archery_g08_c01.avi 2\r\nApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\n"
    )
    videos = find_splits(tmp_path / "trainlist01.txt")["train"]
    assert videos.class_names == ["ApplyEyeMakeup", "Archery"]
    assert [info["label"] for _, info in videos] == [1, 0]
    (tmp_path / "trainlist01.txt").write_bytes(b"a.avi 1\r\nb.avi 3\r\n")
    with pytest.raises(ValueError, match=r"line 2: label 3 has no name in .*classInd\.txt"):
        find_splits(tmp_path / "trainlist01.txt")


def test_hmdb51s_own_lists_are_told_from_lists_of_labels(tmp_path: Path) -> None:
    file = tmp_path / "wave_test_split1.txt"
    file.write_text("x_wave_f_cm_np1_ba_med_0.avi 1\n", "utf-8")
    with pytest.raises(ValueError, match="is a split of HMDB51"):
        find_splits(file)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4 0\nb.mp4\n", r"line 2: b\.mp4 has no label"),
        ("a.mp4 0\nb.mp4 1\na.mp4 1\n", r"line 1: a\.mp4 has two labels, 0 and 1"),
    ],
)
def test_a_video_has_one_label(rows: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(rows, "utf-8")
    with pytest.raises(ValueError, match=message):
        check_numbers(find_splits(tmp_path / "list.txt")["train"])


def test_splits_of_a_url_are_found() -> None:
    store = fsspec.filesystem("memory")
    for name in ("Training/run/a.mp4", "Training/sit/b.MOV", "validation/run/c.mp4"):
        store.pipe(f"/found/{name}", b"")
    assert found("memory://found") == {"train": (2, ["run", "sit"]), "val": (1, ["run"])}
    assert find_splits("memory://found")["val"][0][0] == "memory://found/validation/run/c.mp4"
    assert find_videos(["memory://found/Training", "http://127.0.0.1:9/x.mp4"]) == [
        "memory://found/Training/run/a.mp4",
        "memory://found/Training/sit/b.MOV",
        "http://127.0.0.1:9/x.mp4",
    ]


def test_folders_and_lists_are_searched_as_training_does(tmp_path: Path) -> None:
    make_files(
        tmp_path, "v/run/a.MOV", "v/run/._a.mp4", "v/.Trash/b.mp4", "v/c.mp4/d.avi", "w/e.ts"
    )
    (tmp_path / "v" / "linked").symlink_to(tmp_path / "w")
    (tmp_path / "list.csv").write_text("path,label\nw/e.ts,x\n", "utf-8")
    names = [
        str(Path(path).relative_to(tmp_path))
        for path in find_videos([tmp_path / "v", tmp_path / "list.csv"])
    ]
    assert names == ["v/c.mp4/d.avi", "v/linked/e.ts", "v/run/a.MOV", "w/e.ts"]
