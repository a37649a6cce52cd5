import inspect
from typing import Any

import pytest

from pytorchvideo_clone.models._defaults import with_defaults


def create_box(*, width: int, height: int = 1, colour: str = "red") -> dict[str, Any]:
    return {"width": width, "height": height, "colour": colour}


@with_defaults(create_box, height=3)
def create_tower(*, height: int, floors: int = 2, **kwargs: Any) -> dict[str, Any]:
    return {"floors": floors, **create_box(height=height * floors, **kwargs)}


def test_variant_gets_every_argument_filled_in() -> None:
    assert create_tower(width=4) == {"floors": 2, "width": 4, "height": 6, "colour": "red"}
    assert create_tower(width=4, colour="blue", height=1)["colour"] == "blue"


def test_published_signature_is_the_union() -> None:
    parameters = inspect.signature(create_tower).parameters
    assert {name: p.default for name, p in parameters.items()} == {
        "width": inspect.Parameter.empty,
        "height": 3,
        "colour": "red",
        "floors": 2,
    }
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())


def test_a_variant_of_a_variant_inherits_all() -> None:
    @with_defaults(create_tower, colour="white")
    def create_lighthouse(**kwargs: Any) -> dict[str, Any]:
        return create_tower(**kwargs)

    expected = {"floors": 5, "width": 1, "height": 15, "colour": "white"}
    assert create_lighthouse(width=1, floors=5) == expected


def test_unknown_argument_names_the_builder_and_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"create_tower\(\) has no argument 'hieght'.*'height'"):
        create_tower(width=4, hieght=2)


def test_unknown_default_is_refused_when_the_variant_is_made() -> None:
    with pytest.raises(TypeError, match=r"create_box\(\) has no argument 'depth'"):
        with_defaults(create_box, depth=3)


def test_missing_argument_is_named() -> None:
    with pytest.raises(TypeError, match="width"):
        create_tower()
