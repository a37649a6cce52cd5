"""Run a model over a live source, window by window."""

import math
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Stream", "WindowResult", "stream"]

Seconds = float | Fraction
FrameFilter = Callable[[list[int]], list[int]]
Span = tuple[Fraction, Fraction, int]


class WindowResult(NamedTuple):
    """What a model says of the frames that begin in [start_sec, end_sec).

    Attributes:
        start_sec: seconds from the first frame of the source.
        end_sec: seconds from the first frame of the source.
        num_frames: how many frames the source gave in that time.
        output: what the model gave.
    """

    start_sec: Fraction
    end_sec: Fraction
    num_frames: int
    output: Any


def stream(
    model: Callable[..., Any],
    window_sec: Seconds,
    hop_sec: Seconds | None = None,
    *,
    transform: Callable[[Tensor], Any] | None = None,
    frame_filter: FrameFilter | None = None,
    fps: Seconds = 30,
    background: bool = False,
) -> "Stream":
    """Wrap a model for a source whose frames come one at a time.

    Window n holds the frames that begin in [n * hop_sec, n * hop_sec + window_sec), as a clip of
    that time of a file does, and the model gets what it gets of that clip.
    `recipes.stream_predictions` makes a stream of a hub model's input specification.

    Args:
        model: gets one window; a module is put into evaluation mode. A list is one argument, a
            tuple all of them.
        window_sec: seconds that a window spans.
        hop_sec: seconds between the beginnings of windows; None puts one after another.
        transform: makes the model's input of a window (C, T, H, W) uint8; None leaves it so.
        frame_filter: maps the positions 0, 1, ... of the frames in a window to those to keep.
        fps: frames a second of the source, or the most there can be where frames come with times.
        background: run the model in a thread, so that `push` never waits for it: if it is slower
            than the windows come, the newest one waits and older ones are dropped.

    Raises:
        ValueError: if a number is not positive, or less than a millionth.

    >>> mean = stream(lambda clip: clip.float().mean().item(), window_sec=0.2, fps=10)
    >>> for value in range(4):
    ...     for result in mean.push(torch.full((4, 6, 3), value, dtype=torch.uint8)):
    ...         print(float(result.start_sec), result.output)
    0.0 0.5
    0.2 2.5
    """
    hop_sec = window_sec if hop_sec is None else hop_sec
    for name, value in (("window_sec", window_sec), ("hop_sec", hop_sec), ("fps", fps)):
        if not (math.isfinite(value) and _exact(value) > 0):
            raise ValueError(f"{name} is {value}; it must be positive, and no less than 1e-6.")
    if isinstance(model, nn.Module):
        model.eval()

    @torch.no_grad()
    def compute(clip: Tensor) -> Any:
        x = clip if transform is None else transform(clip)
        return model(*x) if isinstance(x, tuple) else model(x)

    worker = _Worker(compute) if background else None
    return Stream(compute, _exact(window_sec), _exact(hop_sec), _exact(fps), frame_filter, worker)


class Stream:
    """Windows of a live source, made by `stream`; a context that ends its thread, if it has one.

    Attributes:
        late: frames that came after a later one, or at its time; they are left out.
        missed: windows without any frame.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Any],
        window_sec: Fraction,
        hop_sec: Fraction,
        fps: Fraction,
        frame_filter: FrameFilter | None,
        worker: "_Worker | None",
    ) -> None:
        self.window_sec, self.hop_sec, self.fps = window_sec, hop_sec, fps
        self._compute, self._filter, self._worker = compute, frame_filter, worker
        self.reset()

    @property
    def dropped(self) -> int:
        """Windows that the model had no time for; 0 without a thread."""
        return self._worker.dropped if self._worker else 0

    def push(
        self, frame: Tensor | np.ndarray, time_sec: Seconds | None = None
    ) -> list[WindowResult]:
        """Take the next frame.

        Args:
            frame: (H, W, 3) or (3, H, W), uint8; it is copied.
            time_sec: when the frame begins, in seconds from any moment. A window is then complete
                when a frame at its end or later comes; frames may be missing. Without times the
                frames follow each other at the rate `fps`.

        Returns:
            Results of the windows that are now complete, oldest first; with a thread, those that it
            has finished since the last call.

        Raises:
            TypeError: if the frame is neither a tensor nor an array.
            ValueError: if the frame has no pixels, or is of another size than those before; if only
                some frames have times; if more frames come than `fps` says; if the filter keeps
                frames that a window does not have.
            Exception: what the model raised in the thread.
        """
        pixels = _pixels(frame)
        time = self._since_first(time_sec)
        self._check_size(pixels)
        self._count += 1
        if self._times and time <= self._times[-1]:
            self.late += 1
            return self._take([])
        self._times.append(time)
        results = self._complete(time)
        if time >= self._number * self.hop_sec:  # else it lies between two windows
            assert self._ring is not None
            self._ring.append(pixels, time)
        if not self._timed:  # when the next frame begins is known
            results += self._complete(self._count / self.fps)
        return self._take(results)

    def finish(self, end_sec: Seconds | None = None) -> list[WindowResult]:
        """Say that no more frames come; waits for the thread.

        Args:
            end_sec: when the last frame ends, on the clock of the frames' times; None takes it to
                be as long as the one before it.

        Returns:
            The results that are left. A window that ends after the last frame has none.

        Raises:
            ValueError: if `end_sec` is no number, or the frames came without times.
            Exception: as in `push`.
        """
        if end_sec is not None and (self._timed is False or not math.isfinite(end_sec)):
            raise ValueError(
                f"end_sec is {end_sec}; it must be a time as the frames have, None if none."
            )
        results: list[WindowResult] = []
        if self._timed and self._times:
            last = self._times[-1]
            end = 2 * last - self._times[0] if end_sec is None else _exact(end_sec) - self._origin
            results = self._complete(max(last, end))
        self.wait()
        return self._take(results)

    def wait(self) -> None:
        """Wait until the thread has computed the windows that are complete, if there is one."""
        if self._worker:
            self._worker.wait()

    def reset(self) -> None:
        """Begin anew, with the next frame as the first, of any size."""
        self.late = self.missed = 0
        self._number = self._count = 0  # next window, next frame
        self._timed: bool | None = None
        self._origin = Fraction(0)
        self._times: deque[Fraction] = deque(maxlen=2)  # of the last frames
        self._ring: _Ring | None = None
        if self._worker:
            self._worker.forget()

    def close(self) -> None:
        """End the thread, if there is one; more calls do nothing."""
        if self._worker:
            self._worker.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _since_first(self, time_sec: Seconds | None) -> Fraction:
        timed = time_sec is not None
        if self._timed not in (None, timed):
            raise ValueError(
                f"time_sec is {time_sec}, unlike for the frames before; give a time for every "
                "frame or for none, and call reset() when the source changes."
            )
        if time_sec is None:
            time = self._count / self.fps
        elif not math.isfinite(time_sec):
            raise ValueError(f"time_sec is {time_sec}; it must be a number of seconds.")
        else:
            time = _exact(time_sec)
            if self._timed is None:
                self._origin = time
            time -= self._origin
        self._timed = timed
        return time

    def _check_size(self, pixels: Tensor) -> None:
        if self._ring is None:
            frames = math.ceil(self.window_sec * self.fps)
            # Times jitter; a source that is really faster still fills this within a window.
            self._ring = _Ring(frames + frames // 4 + 1 if self._timed else frames, pixels)
        elif self._ring.size != pixels.shape[:2]:
            old, new = (
                f"{height} x {width}" for height, width in (self._ring.size, pixels.shape[:2])
            )
            raise ValueError(
                f"the frame is {new} pixels, those before were {old}; call reset() when the source "
                "changes."
            )

    def _complete(self, until: Fraction) -> list[WindowResult]:
        """Run the windows that end by then."""
        results = []
        while (start := self._number * self.hop_sec) + self.window_sec <= until:
            assert self._ring is not None
            count, clip = self._ring.window(start, start + self.window_sec, self._filter)
            if clip is None:
                empty = 1
                if not self._ring.times:  # all windows up to then are
                    empty += (until - self.window_sec - start) // self.hop_sec
                self.missed += empty
                self._number += empty
                continue
            self._number += 1
            self._ring.drop_before(self._number * self.hop_sec)
            span = (start, start + self.window_sec, count)
            if self._worker:
                self._worker.offer(span, clip)
            else:
                results.append(WindowResult(*span, self._compute(clip)))
        return results

    def _take(self, results: list[WindowResult]) -> list[WindowResult]:
        return self._worker.take() if self._worker else results


class _Ring:
    """The last frames of a source, in memory that is set aside once.

    Args:
        capacity: of frames.
        like: (H, W, 3), a frame.
    """

    def __init__(self, capacity: int, like: Tensor) -> None:
        self.size = like.shape[:2]
        self.times: deque[Fraction] = deque()
        self._frames = torch.empty((capacity, *like.shape), dtype=torch.uint8)
        self._first = 0  # slot of the oldest

    def append(self, frame: Tensor, time: Fraction) -> None:
        capacity = len(self._frames)
        if len(self.times) == capacity:
            raise ValueError(
                f"more than {capacity} frames came in {float(time - self.times[0]):.3f} s; give "
                "the rate of the source as fps."
            )
        self._frames[(self._first + len(self.times)) % capacity].copy_(frame)
        self.times.append(time)

    def drop_before(self, time: Fraction) -> None:
        """Forget the frames before a time."""
        while self.times and self.times[0] < time:
            self.times.popleft()
            self._first = (self._first + 1) % len(self._frames)

    def window(
        self, start: Fraction, end: Fraction, frame_filter: FrameFilter | None
    ) -> tuple[int, Tensor | None]:
        """How many frames begin in [start, end), and those that are kept: (3, T, H, W)."""
        inside = [place for place, time in enumerate(self.times) if start <= time < end]
        kept = list(range(len(inside)))
        if inside and frame_filter:
            kept = [int(place) for place in frame_filter(kept)]
            if any(not 0 <= place < len(inside) for place in kept):
                raise ValueError(f"frame_filter keeps {kept}; there are {len(inside)} frames.")
        if not kept:
            return len(inside), None
        slots = [(self._first + inside[place]) % len(self._frames) for place in kept]
        # Laid out as decoders do: transforms round alike.
        return len(inside), self._frames[torch.tensor(slots)].permute(3, 0, 1, 2)


class _Worker:
    """A thread that computes windows; at most one waits, the newest."""

    def __init__(self, compute: Callable[[Tensor], Any]) -> None:
        self.dropped = 0
        self._compute = compute
        self._changed = threading.Condition()
        self._waiting: tuple[Span, Tensor] | None = None
        self._busy = self._closed = False
        self._source = 0  # results of an earlier one are thrown away
        self._done: list[WindowResult] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def offer(self, span: Span, clip: Tensor) -> None:
        with self._changed:
            if self._closed:
                raise ValueError("the stream is closed; make another one.")
            self.dropped += self._waiting is not None
            self._waiting = (span, clip)
            self._changed.notify_all()

    def take(self) -> list[WindowResult]:
        with self._changed:
            if self._error:
                error, self._error = self._error, None
                raise error
            done, self._done = self._done, []
            return done

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and self._waiting is None)

    def forget(self) -> None:
        with self._changed:
            self.dropped, self._waiting, self._done, self._error = 0, None, [], None
            self._source += 1

    def close(self) -> None:
        with self._changed:
            self._closed, self._waiting = True, None
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting is not None)
                if self._waiting is None:
                    return
                (span, clip), self._waiting = self._waiting, None
                self._busy, source = True, self._source
            result: WindowResult | Exception
            try:
                result = WindowResult(*span, self._compute(clip))
            except Exception as error:  # the model's; `take` raises it
                result = error
            with self._changed:
                self._busy = False
                if source == self._source and isinstance(result, Exception):
                    self._error = result
                elif source == self._source:
                    self._done.append(result)  # type: ignore[arg-type]  # no exception here
                self._changed.notify_all()


def _exact(seconds: Seconds) -> Fraction:
    """Read 0.5333333333333333 as 8/15, so that a frame there is not before a window there."""
    value = Fraction(seconds)
    return value.limit_denominator(1_000_000) if isinstance(seconds, float) else value


def _pixels(frame: Tensor | np.ndarray) -> Tensor:
    """A frame as (H, W, 3)."""
    if not isinstance(frame, Tensor | np.ndarray):
        raise TypeError(f"the frame is a {type(frame).__name__}; give a tensor or an array.")
    if isinstance(frame, np.ndarray):  # torch takes no reversed and no read-only arrays
        frame = np.require(frame, requirements=["C", "W"])
    pixels = torch.as_tensor(frame)
    colours = pixels.dim() == 3 and 3 in (pixels.shape[-1], len(pixels))
    if colours and pixels.dtype == torch.uint8 and pixels.numel():
        return pixels if pixels.shape[-1] == 3 else pixels.permute(1, 2, 0)
    raise ValueError(
        f"the frame is {tuple(pixels.shape)} of {pixels.dtype}; give (H, W, 3) or (3, H, W) uint8."
    )
