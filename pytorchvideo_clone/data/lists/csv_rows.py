"""Csv files with a header whose rows are dataclass objects with typed fields."""

import csv
import dataclasses
import io
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pytorchvideo_clone.data import files

__all__ = [
    "DataclassFieldCaster",
    "load_dataclass_dict_from_csv",
    "save_dataclass_objs_to_headered_csv",
]

_Row = TypeVar("_Row")


class DataclassFieldCaster:
    """Mix-in for dataclasses: fields declared as a class, such as int, become that, from text say.

    Fields declared otherwise, such as `list[int]` or `int | None`, stay as they are.

    >>> @dataclasses.dataclass
    ... class Part(DataclassFieldCaster):
    ...     name: str
    ...     start_sec: float
    >>> Part("chop", "12.5").start_sec
    12.5
    """

    COMPLEX_INITIALIZER = "field_initializer"

    def __post_init__(self) -> None:
        """Cast the fields.

        Raises:
            ValueError: if a value cannot be cast.
            TypeError: if a converter's result has another type than the field.
        """
        types = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            declared, value = types[field.name], getattr(self, field.name)
            kind = typing.get_origin(declared) or declared
            if self.COMPLEX_INITIALIZER in field.metadata:
                value = field.metadata[self.COMPLEX_INITIALIZER](value)
                if isinstance(kind, type) and not isinstance(value, kind):
                    raise TypeError(
                        f"{field.name} became {value!r}, which is no {kind.__name__}; its "
                        "initializer must give the declared type."
                    )
            elif kind is declared is not Any and isinstance(kind, type):
                value = value if isinstance(value, kind) else kind(value)
            object.__setattr__(self, field.name, value)  # the dataclass may be frozen

    @staticmethod
    def complex_initialized_dataclass_field(
        field_initializer: Callable[[Any], Any], **kwargs: Any
    ) -> Any:
        """Declare a field with a converter of its own.

        Args:
            field_initializer: maps what is passed, for example text, to the field's type.
            kwargs: as for `dataclasses.field`.
        """
        metadata = {
            **kwargs.pop("metadata", {}),
            DataclassFieldCaster.COMPLEX_INITIALIZER: field_initializer,
        }
        return dataclasses.field(metadata=metadata, **kwargs)


def load_dataclass_dict_from_csv(
    input_csv_file_path: files.PathLike,
    dataclass_class: type[_Row],
    dict_key_field: str,
    list_per_key: bool = False,
) -> dict[Any, Any]:
    """Read a csv file with a header into dataclass objects by key.

    Args:
        input_csv_file_path: path or URL; columns in any order, others than the fields are left out.
        dataclass_class: made from each row.
        dict_key_field: the field that is the key.
        list_per_key: whether the values are lists of objects, in the order of the rows.

    Raises:
        ValueError: if a column is missing, or a row does not fit the fields.
        AssertionError: if a key comes twice without `list_per_key`.
    """
    name = str(input_csv_file_path)
    wanted = [field.name for field in dataclasses.fields(dataclass_class)]  # type: ignore[arg-type]
    rows: dict[Any, Any] = {}
    binary = files.open_file(input_csv_file_path)
    # Names of files that are no UTF-8 pass through as they are.
    with io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        missing = [field for field in wanted if field not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"{name} has no column {', '.join(missing)}; it needs a header line.")
        for values in reader:
            try:
                row = dataclass_class(**{field: values[field] for field in wanted})
            except (TypeError, ValueError, SyntaxError) as error:
                raise ValueError(
                    f"{name}, line {reader.line_num}: no {dataclass_class.__name__} ({error})."
                ) from error
            key = getattr(row, dict_key_field)
            if list_per_key:
                rows.setdefault(key, []).append(row)
            elif key in rows:
                # PyTorchVideo's exception, raised so that python -O keeps it.
                raise AssertionError(f"{name} has two rows with {dict_key_field} {key!r}.")
            else:
                rows[key] = row
    return rows


def save_dataclass_objs_to_headered_csv(dataclass_objs: Sequence[Any], file_name: str) -> None:
    """Write dataclass objects of one kind as a csv file with a header.

    Raises:
        ValueError: if there are none.
    """
    if not dataclass_objs:
        raise ValueError(f"there is no row to write to {file_name}.")
    names = [field.name for field in dataclasses.fields(dataclass_objs[0])]
    binary = files.open_file(file_name, "wb")
    with io.TextIOWrapper(binary, "utf-8", "surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in dataclass_objs)
