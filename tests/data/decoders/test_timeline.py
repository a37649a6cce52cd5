from collections.abc import Sequence
from fractions import Fraction

import pytest

from pytorchvideo_clone.data.decoders.timeline import PacketTimes, Timeline


def times(*stamps: tuple[int | None, int | None]) -> list[PacketTimes]:
    return [PacketTimes(pts, dts, place == 0) for place, (pts, dts) in enumerate(stamps)]


def repaired_times(
    shown: Sequence[int], stamps: Sequence[PacketTimes], gap: Fraction
) -> list[int | None]:
    """Ticks at which frames begin, in the order of showing."""
    timeline = Timeline.of(stamps, shown, gap)
    return [timeline.pts[number] for number in shown]


@pytest.mark.parametrize(
    ("shown", "stamps", "repaired"),
    [
        # Times that fit stay, uneven ones too.
        ([0, 2, 1], [(0, -9), (50, 0), (10, 10)], [0, 10, 50]),
        # The writer forgot that frames are reordered.
        ([0, 2, 3, 1], [(0, 0), (10, 10), (20, 20), (30, 30)], [0, 10, 20, 30]),
        # Some are missing, at the begin, between and at the end.
        ([0, 1, 2, 3, 4], [(None, None), (10, 10), (None, None), (50, 30), (None, None)],
         [0, 10, 30, 50, 60]),
        # One comes too early to be right.
        ([0, 1, 2], [(0, 0), (None, None), (1, 20)], [0, 10, 20]),
        # Two files joined.
        ([0, 1, 2, 3], [(700, 700), (710, 710), (300, 300), (310, 310)], [700, 710, 720, 730]),
        # Only decoding times.
        ([0, 2, 1], [(None, 0), (None, 10), (None, 20)], [0, 10, 20]),
    ],
)  # fmt: skip
def test_times_are_repaired_to_the_order_of_showing(shown, stamps, repaired) -> None:
    assert repaired_times(shown, times(*stamps), Fraction(10)) == repaired


def test_decoding_begins_at_a_key_frame_shown_before_all_that_is_wanted() -> None:
    # Keys are packets 0 and 3; packet 4 is shown before the key frame that it follows.
    pts = [0, 20, 10, 50, 40, 30, 60]
    stamps = [PacketTimes(begin, None, place in (0, 3)) for place, begin in enumerate(pts)]
    timeline = Timeline.of(stamps, [0, 2, 1, 5, 4, 3, 6], Fraction(10))
    assert timeline.pts == pts and timeline.end == 70
    assert timeline.dts == [0, 10, 10, 30, 30, 30, 60]
    assert timeline.entry([6]) == 3
    assert timeline.entry([4]) == 0
    assert timeline.entry([1, 2]) == 0


def _ticks(*numbers: int) -> list[PacketTimes]:
    """Packets of frames that are not reordered, ten ticks each, from their numbers."""
    return times(*((10 * number, 10 * number) for number in numbers))


def test_one_wrong_time_moves_no_other_frame() -> None:
    whole = [10 * number for number in range(40)]
    for wrong in (5000, -700, 60):
        stamps = _ticks(*range(40))
        stamps[20] = PacketTimes(wrong, wrong, False)
        assert repaired_times(range(40), stamps, Fraction(10)) == whole


def test_frames_at_another_place_than_their_times_say_are_damaged() -> None:
    # 4 to 6 and 30 to 32 changed places, as where two blocks of a disk did.
    numbers = [*range(4), 30, 31, 32, *range(7, 30), 4, 5, 6, *range(33, 40)]
    timeline = Timeline.of(_ticks(*numbers), range(40), Fraction(10))
    assert timeline.pts == [10 * number for number in range(40)]
    assert set(timeline.damage) == {40, 50, 60, 300, 310, 320}


def test_streams_begin_anew_only_where_none_goes_on_later() -> None:
    joined = _ticks(*range(30), *range(30))
    assert repaired_times(range(60), joined, Fraction(10)) == [10 * n for n in range(60)]
    copied = _ticks(*range(30), 5, 6, 7, *range(33, 60))
    timeline = Timeline.of(copied, range(60), Fraction(10))
    assert timeline.pts[33:] == [10 * n for n in range(33, 60)]
    assert set(timeline.damage) == {300, 310, 320}


def test_video_whose_begin_was_lost_keeps_its_zero() -> None:
    timeline = Timeline.of(_ticks(3, 4, 5), range(3), Fraction(10), lost=[0], zero=0)
    assert timeline.start == 0 and timeline.end == 60
    assert set(timeline.damage) == {30}
