from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest

from pytorchvideo_clone.data.decoders.sound_walk import (
    SoundWalk,
    must_be_walked,
    remembers_all,
    stamps_contradict,
)

RATE = 1000


def frame(samples: int) -> av.AudioFrame:
    found = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.float32), "fltp", "mono")
    found.sample_rate = RATE
    return found


def frames(*parts: tuple[int, int]) -> Iterator[tuple[int, av.AudioFrame]]:
    return iter([(pts, frame(samples)) for pts, samples in parts])


def positions(walk: SoundWalk) -> list[int]:
    return [placed.position for placed in walk]


def test_samples_are_counted_and_stamps_tell_of_gaps() -> None:
    # A tick is ten samples: stamps are rounded, but for the gap before the last frame.
    parts = [(5, 64), (11, 64), (18, 64), (90, 64)]
    assert positions(SoundWalk(frames(*parts), Fraction(10), RATE, False)) == [50, 114, 178, 900]
    assert positions(SoundWalk(frames(*parts), Fraction(10), RATE, True)) == [50, 114, 178, 242]


def test_the_last_second_is_held_and_what_is_before_is_not() -> None:
    walk = SoundWalk(frames(*((100 * n, 100) for n in range(30))), Fraction(1), RATE, False)
    given = iter(walk)
    for _ in range(10):
        next(given)
    given.close()  # as a window that ends
    assert walk.reaches(0) and walk.position == 1000
    assert next(iter(walk)).position == 0
    assert positions(walk)[-1] == 2900
    assert not walk.reaches(0) and walk.reaches(1950)


def test_an_error_stands_where_it_happened() -> None:
    error = av.InvalidDataError(1, "broken")
    walk = SoundWalk(
        iter([(0, frame(100)), (0, error), (100, frame(100))]), Fraction(1), RATE, False
    )
    assert [(placed.position, placed.frame is error) for placed in walk] == [
        (0, False),
        (100, True),
        (100, False),
    ]


@pytest.mark.parametrize(
    ("codec", "container", "per_tick", "walks"),
    [
        ("aac", "mov,mp4,m4a,3gp,3g2,mj2", 1, False),
        ("vorbis", "matroska,webm", Fraction(441, 10), True),
        ("vorbis", "ogg", 1, False),
        ("flac", "ogg", 1, True),
        ("pcm_dvd", "mpeg", Fraction(1, 2), True),
        ("mp2", "mpeg", Fraction(1, 2), False),
    ],
)
def test_what_must_be_walked(codec: str, container: str, per_tick: Fraction, walks: bool) -> None:
    assert must_be_walked(codec, container, Fraction(per_tick)) == walks


def test_what_remembers_all() -> None:
    assert remembers_all("aac", "matroska,webm") and remembers_all("mp2", "mpeg")
    assert not remembers_all("opus", "matroska,webm")


def test_stamps_that_count_bytes_are_told_from_rounded_ones() -> None:
    rounded = [(pts, one) for pts, one in frames((0, 64), (6, 64), (13, 64), (19, 64))]
    assert not stamps_contradict(rounded, Fraction(10))
    bytes_ = [(pts, one) for pts, one in frames((0, 64), (64, 64), (128, 64))]
    assert stamps_contradict(bytes_, Fraction(10))
    assert not stamps_contradict([], Fraction(10))
