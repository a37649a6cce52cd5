from pathlib import Path

import pytest

from pytorchvideo_clone.data import LabeledVideoPaths
from pytorchvideo_clone.data.lists.list_files import ListRow
from pytorchvideo_clone.data.lists.numbering import Numbering, line_of, read_class_names


def test_names_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    rows = ["a.mp4,run", "b.mp4,long jump", "c.mp4,run", "d.mp4,", "e.mp4,Äpfel"]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    videos = LabeledVideoPaths.from_path(tmp_path / "list.csv")
    assert videos.class_names == ["long jump", "run", "Äpfel"]
    assert [info["label"] for _, info in videos] == [1, 0, 1, -1, 2]
    with pytest.raises(ValueError, match=r"list\.csv, line 2: 'run' is no label"):
        LabeledVideoPaths.from_csv(tmp_path / "list.csv")  # PyTorchVideo's takes numbers


def test_whole_numbers_of_tables_are_numbers() -> None:
    numbers = Numbering("list.csv")
    labels = ["3", "3.0", "+4", "-1", None]
    assert [numbers.number(ListRow("a", label, 1)) for label in labels] == [3, 3, 4, -1, -1]
    with pytest.raises(ValueError, match=r"line 9: '3\.5' is no label like that of line 1, '3'"):
        numbers.number(ListRow("a", "3.5", 9))


def test_a_number_among_names_is_refused_with_its_line() -> None:
    numbers = Numbering("list.csv")
    assert numbers.number(ListRow("a", "run", 2)) == 0
    with pytest.raises(ValueError, match="line 7: '3' is no label like that of line 2, 'run'"):
        numbers.number(ListRow("a", "3", 7))


@pytest.mark.parametrize("label", ["9223372036854775808", "-9223372036854775808", "1e300"])
def test_a_number_that_no_tensor_holds_is_refused_with_its_line(label: str) -> None:
    with pytest.raises(ValueError, match=r"list\.csv, line 4: label .* is too large"):
        Numbering("list.csv").number(ListRow("a", label, 4))


def test_the_line_of_a_row_is_found(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# mine\na.mp4 1\n\nb.mp4 2\nc.mp4\n", encoding="utf-8")
    assert line_of(file, lambda path, number: number == 2) == f"{file}, line 4"
    assert line_of(file, lambda path, number: number == -1) == f"{file}, line 5"
    assert line_of(tmp_path, lambda path, number: True) == str(tmp_path)


def test_names_of_classes_may_have_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "classInd.txt"
    file.write_text("1 ApplyEyeMakeup\r\n2 Archery\r\n", encoding="utf-8")
    assert read_class_names(file) == {1: "ApplyEyeMakeup", 2: "Archery"}
    file.write_text("long jump\n\n100 m\nrun\n", encoding="utf-8")
    assert read_class_names(file) == {0: "long jump", 1: "100 m", 2: "run"}
