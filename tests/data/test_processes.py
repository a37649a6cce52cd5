import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data.processes import start_pool

SCRIPT = """
import os, time
from pytorchvideo_clone.data.processes import start_pool
if __name__ == "__main__":
    pool = start_pool(2, "pytorchvideo_clone.data.processes")
    jobs = [pool.submit(time.sleep, 600), pool.submit(os.getpid)]
    print(jobs[1].result(), *pool._processes, flush=True)
    time.sleep(600)
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes as Linux shows them")
def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    workers = {int(pid) for pid in parent.stdout.readline().split()}
    parent.stdout.close()
    assert len(workers) == 2
    assert all(map(runs, workers))
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while any(map(runs, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(runs, workers))


def test_workers_answer_no_interrupt() -> None:
    with start_pool(1, "os") as pool:
        worker = pool.submit(os.getpid).result()
        os.kill(worker, signal.SIGINT)
        assert pool.submit(os.getpid).result() == worker


def test_workers_compute_with_one_thread() -> None:
    with start_pool(1, "torch") as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
