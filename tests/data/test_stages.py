import threading
import time

from pytorchvideo_clone.data.stages import STAGES, stage, start, stop, sums


def test_nothing_is_counted_before_the_start_and_after_the_end() -> None:
    with stage("decode"):
        assert sums() == {}
    start()
    stop()
    assert sums() == {}


def test_a_stage_inside_another_is_not_counted_twice() -> None:
    begin = time.perf_counter()
    start()
    try:
        with stage("other"):
            time.sleep(0.02)
            with stage("decode"):
                time.sleep(0.06)
            time.sleep(0.02)
        found = sums()
        whole = time.perf_counter() - begin
    finally:
        stop()
    assert list(found) == list(STAGES)
    assert 0.06 <= found["decode"].wall_sec < 0.06 + whole - 0.1 + 0.005
    assert found["other"].wall_sec >= 0.04
    assert abs(sum(spent.wall_sec for spent in found.values()) - whole) < 0.005
    assert found["decode"].cpu_sec < 0.03


def test_other_threads_do_not_disturb() -> None:
    start()
    try:
        with stage("decode"):
            threads = [threading.Thread(target=_work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sums()["transform"].wall_sec == 0
        assert sums()["decode"].wall_sec > 0.01
    finally:
        stop()


def _work() -> None:
    with stage("transform"):
        time.sleep(0.02)
