import threading
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import Stream, WindowResult, stream


def frame(value: int, size: tuple[int, int] = (4, 6)) -> Tensor:
    return torch.full((*size, 3), value, dtype=torch.uint8)


def values(clip: Tensor) -> list[int]:
    """The number that each frame of a window shows."""
    assert clip.dtype == torch.uint8
    assert len(clip) == 3
    return clip[0, :, 0, 0].tolist()


def push_all(live: Stream, times: list, end: object = None) -> list[WindowResult]:
    results = [got for i, moment in enumerate(times) for got in live.push(frame(i), moment)]
    return results + live.finish(end)


@pytest.mark.parametrize(
    ("hop", "expected"),
    [
        (Fraction(4, 10), [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (Fraction(1, 10), [[i, i + 1, i + 2, i + 3] for i in range(7)]),
        (Fraction(6, 10), [[0, 1, 2, 3], [6, 7, 8, 9]]),
    ],
)
@pytest.mark.parametrize("timed", [False, True])
def test_windows_follow_each_other_at_every_hop(
    hop: Fraction, expected: list[list[int]], timed: bool
) -> None:
    live = stream(values, Fraction(4, 10), hop, fps=10)
    times = [7.5 + i / 10 if timed else None for i in range(10)]
    results = push_all(live, times)
    assert [result.output for result in results] == expected
    assert [result.start_sec for result in results] == [i * hop for i in range(len(expected))]
    assert {result.num_frames for result in results} == {4}
    assert {result.end_sec - result.start_sec for result in results} == {Fraction(4, 10)}


def test_a_window_is_complete_as_soon_as_that_is_known() -> None:
    untimed = stream(values, 0.2, fps=10)
    assert [len(untimed.push(frame(i))) for i in range(4)] == [0, 1, 0, 1]
    timed = stream(values, 0.2, fps=10)
    assert [len(timed.push(frame(i), i / 10)) for i in range(4)] == [0, 0, 1, 0]
    assert len(timed.finish()) == 1
    assert len(timed.finish()) == 0


def test_the_end_can_be_said() -> None:
    times = [0.0, 0.1, 0.2, 0.3]
    assert len(push_all(stream(values, 0.4, fps=10), times)) == 1
    assert len(push_all(stream(values, 0.4, fps=10), times, 0.35)) == 0
    assert len(push_all(stream(values, 0.4, fps=10), times, 0.4)) == 1


def test_variable_rates_gaps_and_late_frames_go_by_their_times() -> None:
    live = stream(values, 1, fps=5)
    # 4 comes late, 6 repeats a time; nothing begins in [2, 3) nor in [3, 4).
    times = [0, 0.5, 0.9, 1.2, 0.95, 1.25, 1.25, 4.1]
    results = push_all(live, times, 5)
    assert [(result.start_sec, result.output) for result in results] == [
        (0, [0, 1, 2]),
        (1, [3, 5]),
        (4, [7]),
    ]
    assert (live.late, live.missed) == (2, 2)


def test_a_clock_that_jumps_costs_no_time() -> None:
    live = stream(values, 0.2, fps=10)
    live.push(frame(0), 0.0)
    begin = time.perf_counter()
    (result,) = live.push(frame(1), 1e9)
    assert time.perf_counter() - begin < 1
    assert result.output == [0]
    assert live.missed == 5 * 10**9 - 1
    assert live.push(frame(2), 1e9 + 0.2)[0].output == [1]


def test_float_times_fall_into_the_windows_of_exact_ones() -> None:
    for fps in (30, Fraction(30000, 1001), 24, 25):
        exact = [i / Fraction(fps) for i in range(200)]
        windows = [
            [result.output for result in push_all(stream(values, Fraction(16, 30), fps=30), times)]
            for times in (exact, list(map(float, exact)))
        ]
        assert windows[0] == windows[1]


def test_a_filter_chooses_frames_and_may_repeat_them() -> None:
    live = stream(values, 0.5, fps=10, frame_filter=lambda places: [places[0], places[-1]] * 2)
    (result,) = push_all(live, [None] * 5)
    assert result.output == [0, 4, 0, 4]
    assert result.num_frames == 5


def test_a_filter_keeps_frames_that_there_are_and_may_give_a_tensor() -> None:
    live = stream(values, 0.2, fps=10, frame_filter=lambda places: torch.tensor(places[:1]))
    assert [result.output for result in push_all(live, [None] * 4)] == [[0], [2]]
    live = stream(values, 0.2, fps=10, frame_filter=lambda places: [*places, 7])
    with pytest.raises(ValueError, match=r"frame_filter keeps \[0, 1, 7\]; there are 2 frames"):
        push_all(live, [None] * 2)


def test_memory_is_set_aside_once_and_holds_one_window() -> None:
    live = stream(values, Fraction(48, 30), Fraction(1, 30))
    live.push(frame(0))
    assert live._ring is not None
    memory = live._ring._frames
    assert memory.shape == (48, 4, 6, 3)
    begin = memory.data_ptr()
    for i in range(1, 200):
        for result in live.push(frame(i)):
            assert result.output == list(range(i - 47, i + 1))
    assert live._ring._frames is memory
    assert memory.data_ptr() == begin
    assert len(live._ring.times) <= 48


def test_frames_are_copied_and_of_either_layout() -> None:
    seen = stream(lambda clip: clip.clone(), 0.3, fps=10)
    one = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    expected = torch.from_numpy(one.copy())
    seen.push(one)
    one[:] = 0
    seen.push(expected.permute(2, 0, 1).contiguous())
    reversed_ = np.ascontiguousarray(expected.numpy()[:, :, ::-1])[:, :, ::-1]
    reversed_.flags.writeable = False
    (result,) = seen.push(reversed_)
    for number in range(3):
        assert torch.equal(result.output[:, number].permute(1, 2, 0), expected)


def test_transform_and_model_are_called_as_models_are() -> None:
    class Two(nn.Module):
        def forward(self, slow: Tensor, fast: Tensor) -> int:
            assert not self.training
            assert not torch.is_grad_enabled()
            return int(slow.sum() + 100 * fast.sum())

    both = stream(Two(), 0.2, fps=10, transform=lambda clip: (clip[0, :1, 0, 0], clip[0, 1:, 0, 0]))
    assert push_all(both, [None] * 4)[1].output == 302
    as_list = stream(len, 0.2, fps=10, transform=lambda clip: [clip, clip])
    assert push_all(as_list, [None] * 2)[0].output == 2


def test_reset_begins_with_another_source() -> None:
    live = stream(values, 0.2, fps=10)
    push_all(live, [None] * 3)
    with pytest.raises(ValueError, match="8 x 6 pixels, those before were 4 x 6; call reset"):
        live.push(frame(0, (8, 6)))
    live.reset()
    assert live.push(frame(1, (8, 6)), 100.0) == []
    assert live.push(frame(2, (8, 6)), 100.1) == []
    (result,) = live.push(frame(3, (8, 6)), 100.2)
    assert (result.start_sec, result.output) == (0, [1, 2])


def test_what_cannot_be_meant_is_an_error() -> None:
    for option in ("window_sec", "hop_sec", "fps"):
        with pytest.raises(ValueError, match=f"{option} is 0; it must be positive"):
            stream(values, **{"window_sec": 1, option: 0})
    live = stream(values, 1, fps=4)
    for bad in (torch.zeros(4, 6, 3), torch.zeros(4, 6, dtype=torch.uint8), frame(0, (0, 0))):
        with pytest.raises(ValueError, match="give \\(H, W, 3\\)"):
            live.push(bad)
    with pytest.raises(TypeError, match="the frame is a NoneType; give a tensor or an array"):
        live.push(None)
    with pytest.raises(ValueError, match="time_sec is nan"):
        live.push(frame(0), float("nan"))
    live.push(frame(0))
    with pytest.raises(ValueError, match="for every frame or for none"):
        live.push(frame(1), 0.1)
    with pytest.raises(ValueError, match="end_sec is 2; it must be a time as the frames have, Non"):
        live.finish(2)
    with pytest.raises(ValueError, match="end_sec is nan"):
        stream(values, 1, fps=4).finish(float("nan"))
    with pytest.raises(ValueError, match=r"window_sec is 1e-09; it must be positive, and no less"):
        stream(values, 1e-9)
    fast = stream(values, 1, fps=4)
    with pytest.raises(ValueError, match=r"more than 6 frames came in 0\.600 s; give the rate"):
        push_all(fast, [i / 10 for i in range(10)])


def test_an_error_of_the_model_costs_its_window_only() -> None:
    def fails_once(clip: Tensor) -> list[int]:
        if values(clip) == [0, 1]:
            raise RuntimeError("out of memory")
        return values(clip)

    live = stream(fails_once, 0.2, fps=10)
    live.push(frame(0))
    with pytest.raises(RuntimeError, match="out of memory"):
        live.push(frame(1))
    live.push(frame(2))
    assert live.push(frame(3))[0].output == [2, 3]


def test_a_thread_gives_what_the_loop_gives() -> None:
    direct = push_all(stream(values, 0.4, 0.1, fps=10), [None] * 10)
    with stream(values, 0.4, 0.1, fps=10, background=True) as live:
        results = []
        for i in range(10):
            results += live.push(frame(i))
            live.wait()
        assert results + live.finish() == direct
        assert live.dropped == 0
    live.close()


def test_a_slow_model_never_blocks_capture_and_sees_the_newest_window() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(clip: Tensor) -> list[int]:
        begun.set()
        assert go_on.wait(20)
        return values(clip)

    with stream(slow, 0.1, fps=10, background=True) as live:
        live.push(frame(0))
        assert begun.wait(20)  # the model is at the first window, and stays there
        begin = time.perf_counter()
        assert [got for i in range(1, 50) for got in live.push(frame(i))] == []
        assert time.perf_counter() - begin < 5
        go_on.set()
        assert [result.output for result in live.finish()] == [[0], [49]]
        assert live.dropped == 48


def test_a_reset_forgets_what_the_thread_computes() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(clip: Tensor) -> list[int]:
        begun.set()
        assert go_on.wait(20)
        return values(clip)

    with stream(slow, 0.1, fps=10, background=True) as live:
        live.push(frame(0))
        assert begun.wait(20)
        live.push(frame(1))
        live.reset()
        live.push(frame(2))
        go_on.set()
        assert [result.output for result in live.finish()] == [[2]]


def test_an_error_in_the_thread_is_raised_by_the_next_call() -> None:
    def fails(clip: Tensor) -> None:
        raise RuntimeError("out of memory")

    live = stream(fails, 0.1, fps=10, background=True)
    live.push(frame(0))
    with pytest.raises(RuntimeError, match="out of memory"):
        live.finish()
    live.close()
    assert not live._worker._thread.is_alive()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="the stream is closed"):
        live.push(frame(1))
