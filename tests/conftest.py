import gc
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import torch
from filelock import FileLock

from pytorchvideo_clone.data.motion import write_motion_dataset

# Two pytest workers share two cores.
torch.set_num_threads(1)
# Processes that begin anew are forked from one that has imported these: torch alone takes 2.5 s.
multiprocessing.set_forkserver_preload(
    ["torch", "pytorchvideo_clone.data", "pytorchvideo_clone.models"]
)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what modules and tests are made of, which stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def fresh_signals() -> Iterator[None]:
    """Handle signals as a process does that just began: Ray changes that, and `&` in a shell."""
    signals = (signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)
    before = [signal.signal(one, handler) for one, handler in signals]
    yield
    for (one, _), handler in zip(signals, before, strict=True):
        signal.signal(one, handler)


@pytest.fixture(scope="session")
def motion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real videos: 8 classes, 3 of each in `train` and 1 in `test`. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(shared / "motion.lock"):  # what one worker has written, the others find
        return write_motion_dataset(shared / "motion", 3, 1)
