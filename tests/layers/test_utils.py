import pytest

from pytorchvideo_clone.layers.utils import round_repeats, round_width, set_attributes


@pytest.mark.parametrize("width", range(1, 200, 7))
@pytest.mark.parametrize("multiplier", [0.3, 1.0, 2.25])
def test_rounded_width_is_a_multiple_not_far_below(width: int, multiplier: float) -> None:
    rounded = round_width(width, multiplier)
    assert rounded % 8 == 0
    assert rounded >= 0.9 * width * multiplier


def test_ceil_rounds_up() -> None:
    assert round_width(17, 1.0, ceil=True) == 24
    assert round_width(17, 1.0) == 16


def test_multiplier_zero_changes_nothing() -> None:
    assert round_width(13, 0) == 13
    assert round_repeats(3, 0) == 3


def test_set_attributes_takes_everything_but_self() -> None:
    class Thing:
        def __init__(self, width: int, depth: int = 2) -> None:
            set_attributes(self, locals())

    assert vars(Thing(5)) == {"width": 5, "depth": 2}
