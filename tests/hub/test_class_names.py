from pathlib import Path

import pytest

from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.class_names import read_class_names


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
