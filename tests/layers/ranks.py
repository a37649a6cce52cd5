"""Run a test in several processes that talk to each other."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

__all__ = ["on_ranks"]


def on_ranks(function: Callable[..., Any], folder: Path, size: int = 2) -> list[Any]:
    """What `function(rank)` returns in each of `size` processes, joined by gloo.

    Args:
        function: a module's function, so that it can be pickled; its result is saved with torch.
        folder: an empty folder.
        size: number of processes.
    """
    # The server that forks has the environment of its own start.
    arguments = (function, str(folder), size, dict(os.environ))
    torch.multiprocessing.start_processes(_run, arguments, size, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt") for rank in range(size)]


def _run(
    rank: int, function: Callable[..., Any], folder: str, size: int, environment: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=size
    )
    try:
        torch.save(function(rank), f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()
