"""Seconds to and from the time stamps (pts) of a stream, and which of a window's frames to keep."""

import math
from fractions import Fraction

from pytorchvideo_clone.data.video import FrameFilter, Seconds

__all__ = ["pts_to_secs", "secs_to_pts", "select_frames", "window_to_pts"]


def secs_to_pts(
    time_in_seconds: Seconds, time_base: Seconds, start_pts: int, round_mode: str = "floor"
) -> float:
    """Convert seconds after a stream's start to its ticks.

    Args:
        time_in_seconds: seconds; infinity stays infinity.
        time_base: seconds a tick.
        start_pts: ticks at the stream's start.
        round_mode: "floor" or "ceil". A float within a ten-thousandth of a tick is taken as
            that tick, so that 3 * 0.1 s at ten ticks a second is tick 3.

    Raises:
        AssertionError: if `round_mode` is another word.
        ValueError: if the time is not a number.

    >>> secs_to_pts(Fraction(1, 3), Fraction(1, 30), start_pts=5, round_mode="ceil")
    15
    """
    if round_mode not in ("floor", "ceil"):
        # PyTorchVideo's exception, raised so that python -O keeps it.
        raise AssertionError(f"round_mode is {round_mode!r}; it must be 'floor' or 'ceil'.")
    if math.isnan(time_in_seconds):
        raise ValueError("the time is nan; it must be a number of seconds.")
    if math.isinf(time_in_seconds):
        return float(time_in_seconds)
    ticks = time_in_seconds / time_base
    if isinstance(ticks, float) and abs(ticks - round(ticks)) < 1e-4:
        return round(ticks) + start_pts
    return (math.floor if round_mode == "floor" else math.ceil)(ticks) + start_pts


def pts_to_secs(pts: float, time_base: Seconds, start_pts: int) -> Seconds:
    """Convert ticks of a stream to seconds after its start; infinity stays infinity.

    >>> pts_to_secs(45, Fraction(1, 30), start_pts=15)
    Fraction(1, 1)
    """
    if math.isinf(pts):
        return pts
    return (pts - start_pts) * time_base


def window_to_pts(
    start_sec: Seconds,
    end_sec: Seconds,
    time_base: Fraction,
    start_pts: int,
    rate: Fraction | None,
) -> tuple[float, float]:
    """Convert the window [start_sec, end_sec) to ticks: first <= pts < last.

    Matroska, WebM, FLV and MPEG-TS round the time of a frame to their tick: at 30 frames a second,
    frame 1 is stamped 33 ms, before 1/30 s. Where the tick does not divide the frame time, and is
    fine, the ends of the window are therefore cut to whole ticks as well; otherwise they are
    compared exactly.

    Args:
        start_sec: seconds from the start of the stream, included.
        end_sec: seconds, excluded.
        time_base: seconds a tick.
        start_pts: ticks at the stream's start.
        rate: frames a second as the container states them, None if it does not.

    >>> window_to_pts(Fraction(1, 30), Fraction(2, 30), Fraction(1, 1000), 0, Fraction(30))
    (33, 66)
    >>> window_to_pts(0.05, 0.35, Fraction(1, 10), 0, Fraction(10))
    (1, 4)
    """
    rounded = (
        time_base <= Fraction(1, 1000) and rate is not None and (rate * time_base).numerator != 1
    )
    mode = "floor" if rounded else "ceil"
    return (
        secs_to_pts(start_sec, time_base, start_pts, mode),
        secs_to_pts(end_sec, time_base, start_pts, mode),
    )


def select_frames(count: int, frame_filter: FrameFilter | None) -> list[int]:
    """Give the positions of the frames to keep, out of the `count` frames of a window.

    Raises:
        ValueError: if `frame_filter` answers with a position outside the window.

    >>> select_frames(8, lambda indices: indices[::4])
    [0, 4]
    """
    if frame_filter is None:
        return list(range(count))
    kept = [int(index) for index in frame_filter(list(range(count)))]
    for index in kept:
        if not 0 <= index < count:
            raise ValueError(
                f"frame_filter kept frame {index}, which is not among the {count} frames of the "
                "window: it must return entries of the list that it is given."
            )
    return kept
