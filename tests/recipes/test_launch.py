import pytest

from pytorchvideo_clone.recipes.launch import Launch, find_launch, refuse_copies

TORCHRUN = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
SRUN = {"SLURM_PROCID": "1", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        (TORCHRUN, Launch("torchrun", 4, 2)),
        ({**TORCHRUN, "WORLD_SIZE": "2"}, Launch("torchrun", 2, 1)),
        ({**TORCHRUN, "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, Launch("torchrun", 1, 1)),
        (SRUN, Launch("srun", 4, 1)),
        ({**SRUN, "SLURM_STEP_NUM_NODES": "2"}, Launch("srun", 4, 2)),
        # One torchrun a machine, started by srun.
        ({**SRUN, **TORCHRUN}, Launch("torchrun", 4, 2)),
        # srun tells MPI's libraries too.
        ({**SRUN, "PMI_SIZE": "4"}, Launch("srun", 4, 1)),
        # A batch script, and a shell from `srun --pty bash` in an allocation of four tasks.
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "batch.sh"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "", "PMI_SIZE": ""}, None),  # set to nothing
        # What Lightning leaves behind in a process that has started another.
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0", "NODE_RANK": "0"}, None),
    ],
)
def test_who_started_this_process_is_told_by_its_environment(
    told: dict[str, str], expected: Launch | None
) -> None:
    assert find_launch(told) == expected


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "one of 2 of mpirun"),
        ({"PMI_SIZE": "many"}, "has PMI_SIZE='many'"),
        ({**TORCHRUN, "LOCAL_WORLD_SIZE": "0"}, "has LOCAL_WORLD_SIZE='0'"),
        ({"PMI_SIZE": "3"}, "one of 3 of mpirun"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a"}, "sets RANK and WORLD_SIZE"),
        ({**TORCHRUN, "WORLD_SIZE": "3"}, "every machine must have as many"),
        ({**SRUN, "SLURM_STEP_NUM_NODES": "3"}, "every machine must have as many"),
    ],
)
def test_copies_of_others_are_refused(told: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_launch(told)


def test_what_knows_no_ranks_is_refused_as_one_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_copies("predict")
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="predict runs in one process, but torchrun started 4"):
        refuse_copies("predict")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    refuse_copies("predict")
