from pathlib import Path

import pytest

from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.class_names import read_class_names
from pytorchvideo_clone.hub.downloads import cached_path


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        (
            "kinetics.json",
            '{"\\"air drumming\\"": 1, "abseiling": 0}',
            ["abseiling", "air drumming"],
        ),
        ("list.json", '["jump", "run"]', ["jump", "run"]),
    ],
)
def test_json_lists_are_read(name: str, text: str, names: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    found = read_class_names(path.as_uri())
    assert [found[number] for number in range(2)] == names


def test_label_maps_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "ava.pbtxt"
    path.write_text(
        'item {\n  name: "bend/bow (at the waist)"\n  id: 1\n}\n'
        'label {\n  name: "dance"\n  label_id: 5\n  label_type: PERSON_MOVEMENT\n}\n'
    )
    assert read_class_names(path) == {1: "bend/bow (at the waist)", 5: "dance"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", "not json"), ("a.json", "3"), ("a.json", "{}"), ("a.pbtxt", "item {}")],
)
def test_what_is_no_list_is_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CheckpointError, match=rf"{name} is no list of class names"):
        read_class_names(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="missing"):
        read_class_names(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("names.json", '{"air drumming": 1, "abseiling": 0, "yoga": 2}'),
        ("list.json", '["abseiling", "air drumming", "yoga"]'),
        ("ava.pbtxt", "".join(f'item {{\n  name: "c{n}"\n  id: {n}\n}}\n' for n in (1, 2, 3))),
    ],
)
@pytest.mark.parametrize("share", [0.4, 0.55, 0.7, 0.98])
def test_a_truncated_list_does_not_stay_in_the_cache(
    name: str, whole: str, share: float, server: tuple[str, Path]
) -> None:
    url, folder = server
    (folder / name).write_text(whole[: int(share * len(whole))])
    for _ in range(2):
        with pytest.raises(CheckpointError):
            read_class_names(f"{url}/{name}", progress=False, count=3)
    (folder / name).write_text(whole)
    names = read_class_names(f"{url}/{name}", progress=False, count=3)
    (folder / name).unlink()
    assert read_class_names(f"{url}/{name}", progress=False, count=3) == names and len(names) == 3
    (folder / name).write_text(whole)
    cached = cached_path(f"{url}/{name}")
    cached.write_bytes(cached.read_bytes()[:20])  # as an interrupted write of another program
    assert read_class_names(f"{url}/{name}", progress=False, count=3) == names


@pytest.mark.parametrize("text", ['{"a": 0, "b": 2}', '{"a": 0}', '["a", "b", "c"]'])
def test_names_must_be_as_many_as_classes(text: str, tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(CheckpointError, match="expected 2 that follow one another"):
        read_class_names(tmp_path / "names.json", count=2)
