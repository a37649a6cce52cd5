"""What several processes of torch.distributed, each with workers, read together."""

import json
import multiprocessing
import os
import signal
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler

from pytorchvideo_clone.data import (
    ClipDataset,
    EpochSampler,
    LabeledVideoDataset,
    LabeledVideoPaths,
    RandomClipSampler,
    ResumableLoader,
    UniformClipSampler,
)
from tests.data.coded_video import write_video

# torch warns about more workers than cores.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.slow,  # four processes that import torch
]

RANKS, GOOD, BAD = 2, 38, ("text.mp4", "empty.mp4")
HALF = Fraction(1, 2)


def brief(sample):
    """The number of the video, whether it counts, and its frames as one number."""
    shown = int(sample["video"].sum()) if "video" in sample else 0
    return sample["label"], sample.get("valid", True), shown


def damaged_list(folder: Path) -> LabeledVideoPaths:
    names = [*(f"{n:02}.mp4" for n in range(GOOD)), *BAD]
    return LabeledVideoPaths([(str(folder / n), i) for i, n in enumerate(names)])


def loader_of(videos, workers: int, **options) -> ResumableLoader:
    dataset = ClipDataset(videos, RandomClipSampler(HALF), brief, **options)
    return ResumableLoader(
        dataset,
        EpochSampler(dataset),
        batch_size=3,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        collate_fn=list,
    )


def good_list(folder: Path) -> LabeledVideoPaths:
    return LabeledVideoPaths([(str(folder / f"{n:02}.mp4"), n) for n in range(23)])


def run_damaged(folder: Path) -> dict:
    loader = loader_of(damaged_list(folder), 2, faults="substitute")
    steps = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        steps.append([])
        for batch in loader:
            dist.all_reduce(torch.ones(1))  # hangs unless all ranks take the same steps
            steps[-1].append(batch)
    log = loader.dataset.fault_log
    return {
        "steps": steps,
        "own": sorted(log.report(0).causes),
        "all": log.report(0, all_ranks=True).causes,
    }


def run_plans(folder: Path) -> list:
    found = []
    for epoch, workers in ((0, 0), (0, 2), (1, 1)):
        loader = loader_of(good_list(folder), workers)
        loader.set_epoch(epoch)
        found.append([sample for batch in loader for sample in batch])
    return found


def run_iterable(folder: Path) -> list:
    videos = [(str(folder / f"{n:02}.mp4"), {"label": n}) for n in range(5)]

    def labels(**options):
        dataset = LabeledVideoDataset(
            videos, UniformClipSampler(HALF), transform=brief, decode_audio=False, **options
        )
        loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="fork")
        return dataset.num_videos, sorted({label for label, _, _ in loader})

    return [labels(), labels(video_sampler=DistributedSampler)]


def run_other_lists(folder: Path) -> str:
    names = ["00.mp4", "01.mp4"] if dist.get_rank() else ["01.mp4", "00.mp4"]
    videos = LabeledVideoPaths([(str(folder / name), 0) for name in names])
    try:
        return str(list(loader_of(videos, 0)))
    except RuntimeError as error:
        return str(error)


def run_other_epochs(folder: Path) -> str:
    loader = loader_of(good_list(folder), 0)
    loader.set_epoch(1)
    next(iter(loader))
    loader.set_epoch(2 + dist.get_rank())
    try:
        return str(next(iter(loader)))
    except RuntimeError as error:
        return str(error)


def first_life(rank: int, folder: Path) -> None:
    """All that two ranks do together; in the end both are killed in the middle of an epoch."""
    join(rank, folder / "first")
    answers = {
        "damaged": run_damaged(folder),
        "plans": run_plans(folder),
        "iterable": run_iterable(folder),
        "other lists": run_other_lists(folder),
        "other epochs": run_other_epochs(folder),
    }
    (folder / f"answers{rank}.json").write_text(json.dumps(answers))
    go_on(rank, folder, "killed", None, 2)
    dist.barrier()
    os.kill(os.getpid(), signal.SIGKILL)


def second_life(rank: int, folder: Path) -> None:
    join(rank, folder / "second")
    go_on(rank, folder, "resumed", folder / "killed0.json", 1)
    dist.destroy_process_group()


def go_on(rank: int, folder: Path, name: str, state: Path | None, batches: int) -> None:
    """Read some batches, with more read ahead; write them and the state."""
    loader = loader_of(good_list(folder), 2)
    loader.set_epoch(5)
    if state is not None:
        loader.load_state_dict(json.loads(state.read_text())["state"])
    running = iter(loader)
    seen = [next(running) for _ in range(batches)]
    found = {"seen": seen, "state": loader.state_dict()}
    (folder / f"{name}{rank}.json").write_text(json.dumps(found))
    if name != "killed":
        list(running)  # lets the workers end


def join(rank: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=RANKS)


def launch(target, folder: Path, exit_code: int) -> None:
    context = multiprocessing.get_context("forkserver")
    processes = [context.Process(target=target, args=(rank, folder)) for rank in range(RANKS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [exit_code] * RANKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    content = Path(write_video(root / "00.mp4", 8, 8, size=(32, 32))).read_bytes()
    for number in range(1, GOOD):
        (root / f"{number:02}.mp4").write_bytes(content)
    (root / "text.mp4").write_text("this is no video")
    (root / "empty.mp4").touch()
    launch(first_life, root, -signal.SIGKILL)
    return root


@pytest.fixture(scope="module")
def answers(folder) -> list[dict]:
    return [json.loads((folder / f"answers{rank}.json").read_text()) for rank in range(RANKS)]


def test_damaged_files_change_no_number_of_steps_and_are_reported_once(answers, folder):
    ranks = [answer["damaged"] for answer in answers]
    for epoch in range(2):
        assert {len(rank["steps"][epoch]) for rank in ranks} == {7}
        samples = [s for rank in ranks for batch in rank["steps"][epoch] for s in batch]
        assert len(samples) == GOOD + len(BAD)
        assert {label for label, _, _ in samples} == set(range(GOOD))
    bad = sorted(str(folder / name) for name in BAD)
    assert sorted(ranks[0]["all"]) == sorted(ranks[1]["all"]) == bad
    assert sorted({path for rank in ranks for path in rank["own"]}) == bad
    assert "empty" in ranks[0]["all"][str(folder / "empty.mp4")]


def test_ranks_share_all_clips_and_only_padding_twice(answers):
    for plan in range(3):
        shares = [answer["plans"][plan] for answer in answers]
        assert {len(share) for share in shares} == {12}
        counted = [label for share in shares for label, valid, _ in share if valid]
        assert sorted(counted) == list(range(23))
        assert sum(not valid for share in shares for _, valid, _ in share) == 1


def test_the_plan_changes_with_the_epoch_and_not_with_the_workers(answers):
    for answer in answers:
        none, two, next_epoch = answer["plans"]
        assert none == two
        assert none != next_epoch


def test_an_iterable_data_set_is_divided_among_ranks(answers):
    own, distributed = zip(*(answer["iterable"] for answer in answers), strict=True)
    assert list(own) == [[3, [0, 2, 4]], [2, [1, 3]]]
    assert sorted({label for _, labels in distributed for label in labels}) == list(range(5))
    assert {count for count, _ in distributed} == {3}


@pytest.mark.parametrize("other", ["other lists", "other epochs"])
def test_ranks_with_another_plan_are_told_so(answers, other):
    assert all("rank 1 plans another epoch" in answer[other] for answer in answers)


def test_a_killed_epoch_goes_on_with_two_ranks_and_then_with_one(folder):
    launch(second_life, folder, 0)

    def found(name: str) -> list[dict]:
        return [json.loads((folder / f"{name}{rank}.json").read_text()) for rank in range(RANKS)]

    def in_order(ranks: list[dict]) -> list:
        """As the plan has it: sample by sample, rank by rank."""
        shares = [[sample for batch in rank["seen"] for sample in batch] for rank in ranks]
        return [list(sample) for together in zip(*shares, strict=True) for sample in together]

    assert found("killed")[0]["state"] == found("killed")[1]["state"]
    last = loader_of(good_list(folder), 0)
    last.load_state_dict(found("resumed")[1]["state"])
    rest = [list(sample) for batch in last for sample in batch]
    whole = loader_of(good_list(folder), 0)
    whole.set_epoch(5)
    assert len(rest) == 23 - 12 - 6
    assert in_order(found("killed")) + in_order(found("resumed")) + rest == [
        list(sample) for batch in whole for sample in batch
    ]
