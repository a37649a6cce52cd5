import dataclasses
from pathlib import Path

import pytest

from pytorchvideo_clone.data.lists.csv_rows import (
    DataclassFieldCaster,
    load_dataclass_dict_from_csv,
    save_dataclass_objs_to_headered_csv,
)

list_field = DataclassFieldCaster.complex_initialized_dataclass_field


@dataclasses.dataclass
class Action(DataclassFieldCaster):
    name: str
    start_sec: float
    classes: list[int] = list_field(  # noqa: RUF009 (a field)
        lambda text: [int(part) for part in str(text).strip("[]").split(",")]
    )


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = str(tmp_path / "actions.csv")
    rows = [Action("cut, then stir", "1.5", "[3,4]"), Action("gießen", 2, "5")]
    rows.append(Action("caf\udce9\n", 3, "6"))  # bytes that are no UTF-8, in a name of a file
    save_dataclass_objs_to_headered_csv(rows, path)
    assert load_dataclass_dict_from_csv(path, Action, "name") == {row.name: row for row in rows}
    assert rows[0].start_sec == 1.5 and rows[0].classes == [3, 4]


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_text("\ufeffclasses,remark,start_sec,name\n7,x,3,a\n8,y,4,a\n", encoding="utf-8")
    rows = load_dataclass_dict_from_csv(path, Action, "name", list_per_key=True)
    assert rows == {"a": [Action("a", 3.0, "7"), Action("a", 4.0, "8")]}


def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_text("name,start_sec,classes\na,1,1\nb,soon,1\n")
    with pytest.raises(ValueError, match=r"actions\.csv, line 3: no Action .*'soon'"):
        load_dataclass_dict_from_csv(path, Action, "name")
    path.write_text("name,start_sec,classes\na,1\n")
    with pytest.raises(ValueError, match="line 2"):
        load_dataclass_dict_from_csv(path, Action, "name")
    path.write_text("name,classes\na,1\n")
    with pytest.raises(ValueError, match="no column start_sec"):
        load_dataclass_dict_from_csv(path, Action, "name")
    path.write_text("")
    with pytest.raises(ValueError, match="header"):
        load_dataclass_dict_from_csv(path, Action, "name")


def test_an_initializer_must_give_the_declared_type() -> None:
    @dataclasses.dataclass
    class Wrong(DataclassFieldCaster):
        classes: list[int] = list_field(str)  # noqa: RUF009 (a field)

    with pytest.raises(TypeError, match="no list"):
        Wrong([1])


def test_no_rows_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no row"):
        save_dataclass_objs_to_headered_csv([], str(tmp_path / "none.csv"))
