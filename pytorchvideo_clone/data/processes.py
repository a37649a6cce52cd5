"""Processes that work on many videos, for commands that may be interrupted."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

import torch

__all__ = ["start_pool"]


def start_pool(num_workers: int, preload: str) -> ProcessPoolExecutor:
    """Start worker processes that answer no Ctrl-C and end when this process does, however it does.

    Args:
        num_workers: how many.
        preload: the module whose functions they will run; it is imported once for all of them.

    >>> with start_pool(1, preload="math") as pool:
    ...     pool.submit(abs, -1).result()
    1
    """
    # Not forked from here: threads, of decoders and of OpenMP, and forks do not go together.
    has_server = "forkserver" in multiprocessing.get_all_start_methods()  # Windows has none
    context = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload([preload])
    return ProcessPoolExecutor(num_workers, mp_context=context, initializer=_follow_parent)


def _follow_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)  # there is a worker for each core


def _end_with_parent() -> None:
    # A killed process cannot tell its workers, which would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
