"""What started this process, and as one of how many: torchrun, or SLURM's srun."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Launch", "find_launch", "refuse_copies"]

# What torchrun tells each of its processes; other launchers that tell as much are taken for it.
_OF_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
# Launchers that tell too little: variable with the number of processes -> name.
_OTHERS = {
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "PMI_SIZE": "mpirun",
    "JSM_NAMESPACE_SIZE": "jsrun",
    "WORLD_SIZE": "a launcher that sets RANK and WORLD_SIZE, but not LOCAL_WORLD_SIZE",
}


@dataclass(frozen=True)
class Launch:
    """The processes that were started together.

    Attributes:
        by: what started them.
        processes: how many, on all machines.
        machines: on how many machines.
    """

    by: Literal["torchrun", "srun"]
    processes: int
    machines: int

    @property
    def on_each(self) -> int:
        """How many on each machine."""
        return self.processes // self.machines


def find_launch(environment: Mapping[str, str] | None = None) -> Launch | None:
    """Say what started this process as one of several; None if it was started alone.

    Args:
        environment: variables; None takes those of this process.

    Raises:
        ValueError: if it is one of several of a launcher that does not say all that is needed, if
            the machines have different numbers of processes, or a number is none.

    >>> find_launch({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2"})
    Launch(by='srun', processes=4, machines=2)
    """
    told = os.environ if environment is None else environment
    if all(told.get(name) for name in _OF_TORCHRUN):
        processes, local = _count(told, "WORLD_SIZE"), _count(told, "LOCAL_WORLD_SIZE")
        return _even("torchrun", processes, -(-processes // local), local)
    # SLURM_NTASKS is set in a batch script too, which is one process: srun alone sets the step's.
    if (processes := _count(told, "SLURM_STEP_NUM_TASKS")) > 1 and "SLURM_PROCID" in told:
        machines = _count(told, "SLURM_STEP_NUM_NODES")
        return _even("srun", processes, machines, processes // machines)
    for name, launcher in _OTHERS.items():
        if name == "WORLD_SIZE" and "RANK" not in told:
            continue  # what Lightning leaves in a process that has started others
        if _count(told, name) > 1:
            raise ValueError(
                f"this process is one of {told[name]} of {launcher}, which would all do the same; "
                "start them with torchrun or srun, or start one."
            )
    return None


def refuse_copies(what: str) -> None:
    """Refuse to run something as one of several processes, which would all do the same.

    Args:
        what: a command.

    Raises:
        ValueError: if this process is one of several.
    """
    launch = find_launch()
    if launch is not None and launch.processes > 1:
        raise ValueError(
            f"{what} runs in one process, but {launch.by} started {launch.processes}, which would "
            f"all do the same; start it without {launch.by}."
        )


def _count(told: Mapping[str, str], name: str) -> int:
    """A number that a launcher tells; 1 where it tells none."""
    value = told.get(name) or "1"
    if not value.isdecimal() or not int(value):
        raise ValueError(
            f"the environment has {name}={value!r}; launchers set it to a number of processes or "
            "machines. Unset it where none is used."
        )
    return int(value)


def _even(by: Literal["torchrun", "srun"], processes: int, machines: int, local: int) -> Launch:
    if machines * local != processes:
        raise ValueError(
            f"{by} started {processes} processes, {local} of them on this machine; every machine "
            "must have as many."
        )
    return Launch(by, processes, machines)
