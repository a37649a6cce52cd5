import math
from fractions import Fraction

import pytest

from pytorchvideo_clone.data.decoders.timestamps import (
    pts_to_secs,
    secs_to_pts,
    select_frames,
    window_to_pts,
)


def test_rounding_noise_of_floats_does_not_move_a_frame() -> None:
    assert 3 * 0.1 > 0.3
    for tick in range(1, 2000):
        for rate in (10, 12800, 90000):
            assert secs_to_pts(tick * (1 / rate), Fraction(1, rate), 0, "ceil") == tick
            assert secs_to_pts(tick * (1 / rate), Fraction(1, rate), 0, "floor") == tick


def test_fractions_are_compared_exactly() -> None:
    tick = Fraction(1, 1000)
    assert secs_to_pts(5 * tick + Fraction(1, 10**9), tick, 7, "ceil") == 13
    assert secs_to_pts(5 * tick - Fraction(1, 10**9), tick, 7, "floor") == 11


def test_infinity_stays_infinity() -> None:
    assert secs_to_pts(math.inf, Fraction(1, 30), 5) == math.inf
    assert pts_to_secs(math.inf, Fraction(1, 30), 5) == math.inf


def test_unknown_rounding_is_refused() -> None:
    with pytest.raises(AssertionError, match="'round'"):
        secs_to_pts(1, Fraction(1, 30), 0, "round")


@pytest.mark.parametrize("rate", [24, 25, 30, 60, Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("ticks", [1000, 90000])
@pytest.mark.parametrize("rounding", [math.floor, round])
def test_frames_stamped_in_whole_ticks_keep_to_their_windows(
    rate: Fraction, ticks: int, rounding
) -> None:
    stamps = [rounding(Fraction(number) / rate * ticks) for number in range(300)]
    for number in range(0, 290, 7):
        first, last = window_to_pts(
            number / Fraction(rate), (number + 8) / Fraction(rate), Fraction(1, ticks), 0, rate
        )
        found = [k for k, stamp in enumerate(stamps) if first <= stamp < last]
        assert found == list(range(number, number + 8))


def test_coarse_ticks_are_not_rounded() -> None:
    # An AVI file counts in frames: [0.04 s, ...) must not hold the frame at 0 s.
    assert window_to_pts(0.04, 0.35, Fraction(1, 10), 0, Fraction(10)) == (1, 4)
    assert window_to_pts(0.04, 0.35, Fraction(1, 10), 0, Fraction(9)) == (1, 4)


def test_frame_filter_must_answer_with_frames_of_the_window() -> None:
    assert select_frames(4, None) == [0, 1, 2, 3]
    assert select_frames(4, lambda indices: [indices[-1], indices[0], indices[0]]) == [3, 0, 0]
    assert select_frames(4, lambda indices: []) == []
    for wrong in (4, -1):
        with pytest.raises(ValueError, match=f"kept frame {wrong}"):
            select_frames(4, lambda indices, wrong=wrong: [wrong])


def test_a_time_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="nan; it must be a number of seconds"):
        secs_to_pts(float("nan"), Fraction(1, 30), 0)
