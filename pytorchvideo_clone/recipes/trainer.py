"""Lightning's Trainer as the recipes need it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from pytorchvideo_clone.recipes.cpu import FastConvolutions
from pytorchvideo_clone.recipes.launch import Launch, find_launch
from pytorchvideo_clone.recipes.quiet import quiet_lightning

__all__ = ["SeedSteps", "answering_signals", "make_trainer"]

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")
# Lightning's other words for them.
_ALIASES = {"32": "32-true", "64": "64-true", "16": "16-mixed", "bf16": "bf16-mixed"}


def make_trainer(**options: Any) -> Trainer:
    """Make a Trainer as the recipes need it.

    Data modules shard, progress is shown on standard error, CPUs are fast, and the processes that
    torchrun or SLURM's srun started, on CPUs as well, share the work instead of all doing it.

    Args:
        **options: of `lightning.pytorch.Trainer`; they win over the recipes' own. Callbacks, one or
            a list, come after those of the recipes.

    Raises:
        ValueError: if they do not fit this machine, how it was started, or one another.
    """
    quiet_lightning()
    defaults: dict[str, Any] = {
        "logger": False,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
    }
    if options.get("precision") is not None:
        options["precision"] = _known_precision(str(options["precision"]))
    options["callbacks"] = [FastConvolutions(), *_listed(options.get("callbacks"))]
    if options.get("enable_progress_bar", not options.get("barebones")):
        bar = RichProgressBar(leave=False, console_kwargs={"stderr": True})
        options["callbacks"].insert(0, bar)
    _join_launch(options)
    try:
        return Trainer(**{**defaults, **options})
    except (MisconfigurationException, TypeError) as error:
        if isinstance(error, TypeError) and "devices" not in str(error):
            raise  # a name that Trainer does not have, say
        raise ValueError(str(error)) from error


class SeedSteps(Callback):
    """Let the chance of a training step, dropout for one, follow from its number alone.

    So a resumed run goes on as the one that was not stopped. What samples draw has seeds of its
    own.

    Args:
        seed: of all chance.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed torch's generators."""
        step = f"step {self.seed} {trainer.current_epoch} {batch_idx} {trainer.global_rank}"
        torch.manual_seed(random.Random(step).getrandbits(63))


@contextmanager
def answering_signals() -> Iterator[None]:
    """Let the run of a Trainer end as others do that are interrupted or terminated.

    Raises:
        KeyboardInterrupt: for SIGINT, where Lightning exits.
        SystemExit: with status 143 for SIGTERM, where Lightning exits with 0.
    """
    try:
        yield
    except SIGTERMException as error:
        raise SystemExit(143) from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


def _known_precision(name: str) -> str:
    if (known := _ALIASES.get(name, name)) not in PRECISIONS:
        raise ValueError(f"precision is {name!r}; choose one of {', '.join(PRECISIONS)}.")
    return known


def _listed(given: Any) -> list[Any]:
    """What Lightning takes as one or as several."""
    return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]


def _join_launch(options: dict[str, Any]) -> None:
    """Let a Trainer have the processes that were started, and start none itself."""
    plugins = _listed(options.get("plugins"))
    if any(isinstance(plugin, ClusterEnvironment) for plugin in plugins):
        return
    launch = find_launch()
    options["plugins"] = [*plugins, _environment(launch)]
    if launch is None:
        return
    wanted = {"devices": launch.on_each, "num_nodes": launch.machines}
    for name, number in wanted.items():
        given = str(options.get(name, "auto"))
        if given not in ("auto", "-1", str(number)):
            raise ValueError(
                f"{name} is {given}, but {launch.by} started {launch.processes} processes, "
                f"{launch.on_each} on each of {launch.machines}; leave {name} away."
            )
    options.update(wanted)


def _environment(launch: Launch | None) -> ClusterEnvironment:
    # Not found by Lightning: it takes a batch script of SLURM for one of many processes, and those
    # of an interactive session for processes that were started alone.
    if launch is None:
        return LightningEnvironment()
    return TorchElasticEnvironment() if launch.by == "torchrun" else _Srun(auto_requeue=False)


class _Srun(SLURMEnvironment):
    @staticmethod
    def _validate_srun_variables() -> None:
        """Take any number of tasks: Lightning wants it written as tasks per node."""
