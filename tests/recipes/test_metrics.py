from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from torch import Tensor

from pytorchvideo_clone.recipes.metrics import MultiViewAccuracy


def views(videos: int = 7, views_each: int = 3, classes: int = 6) -> dict[str, Tensor]:
    """Random scores of every view, in order."""
    generator = torch.Generator().manual_seed(1)
    video = torch.arange(videos).repeat_interleave(views_each)
    label = torch.randint(classes, (videos,), generator=generator)
    return {
        "scores": torch.rand(len(video), classes, generator=generator).softmax(1),
        "label": label[video],
        "video": video,
        "view": torch.arange(views_each).repeat(videos),
    }


def take(rows: dict[str, Tensor], index: list[int]) -> dict[str, Tensor]:
    return {name: values[index] for name, values in rows.items()}


def expected(rows: dict[str, Tensor], k: int) -> float:
    """Plain loop over videos."""
    right = []
    for video in rows["video"].unique():
        mine = rows["video"] == video
        best = rows["scores"][mine].double().mean(0).topk(k).indices
        right.append(bool((best == rows["label"][mine][0]).any()))
    return sum(right) / len(right)


def test_clips_of_a_video_are_averaged_before_the_decision() -> None:
    rows = views()
    metric = MultiViewAccuracy(top_k=(1, 2, 3))
    metric.update(**rows)
    for k in (1, 2, 3):
        assert float(metric.compute()[f"top{k}"]) == pytest.approx(expected(rows, k))
    assert 0 < expected(rows, 2) < 1  # the numbers above can differ


def test_order_batches_and_repetitions_do_not_matter() -> None:
    rows = views()
    straight, shuffled = MultiViewAccuracy(), MultiViewAccuracy()
    straight.update(**rows)
    order = torch.randperm(len(rows["video"])).tolist()
    for start in range(0, len(order), 4):
        shuffled.update(**take(rows, order[start : start + 4]))
    shuffled.update(**take(rows, order[:5]))
    for one, other in zip(straight.video_scores(), shuffled.video_scores(), strict=True):
        assert torch.equal(one, other)


def test_reset_forgets_everything() -> None:
    metric = MultiViewAccuracy(top_k=(1,))
    metric.update(torch.tensor([[1.0, 0.0]]), *(torch.tensor([n]) for n in (1, 0, 0)))
    assert float(metric.compute()["top1"]) == 0
    metric.reset()
    metric.update(torch.tensor([[1.0, 0.0]]), *(torch.tensor([n]) for n in (0, 0, 0)))
    assert float(metric.compute()["top1"]) == 1


def _score_on_a_rank(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    rows = views()
    metric = MultiViewAccuracy()
    # Views of one video on both ranks, unequal shares, and a padded repetition of the first rows.
    mine = [list(range(0, 21, 2)), [*range(1, 21, 2), 0, 1, 2]][rank]
    metric.update(**take(rows, mine))
    result = {name: float(value) for name, value in metric.compute().items()}
    torch.save(result, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_ranks_give_the_result_of_one(tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(
        _score_on_a_rank, (str(tmp_path),), 2, start_method="forkserver"
    )
    single = MultiViewAccuracy()
    single.update(**views())
    whole = {name: float(value) for name, value in single.compute().items()}
    assert torch.load(tmp_path / "0.pt") == torch.load(tmp_path / "1.pt") == whole
