"""Accuracy over videos whose clips are scored one by one."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

__all__ = ["MultiViewAccuracy"]


class MultiViewAccuracy(Metric):
    """Average the scores of a video's views, then count the videos that are right.

    A view counts once, whatever rank saw it and however often a distributed sampler repeated it;
    the sum is taken in float64 in the order of the views, so that the result does not depend on
    who saw what.

    Args:
        top_k: for each k the share of videos whose label is among the k best classes.
        **kwargs: of `torchmetrics.Metric`.

    Source: Wang et al., "Non-local Neural Networks", CVPR 2018, https://arxiv.org/abs/1711.07971,
        section 5.1 (clips of a video are averaged after softmax).

    >>> metric = MultiViewAccuracy(top_k=(1,))
    >>> scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> metric.update(scores, label=torch.tensor([0, 0, 1]), video=torch.tensor([4, 4, 7]),
    ...               view=torch.tensor([0, 1, 0]))
    >>> {name: float(value) for name, value in metric.compute().items()}
    {'top1': 1.0}
    """

    full_state_update = False
    scores: list[Tensor]
    label: list[Tensor]
    video: list[Tensor]
    view: list[Tensor]

    def __init__(self, top_k: tuple[int, ...] = (1, 5), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top_k = top_k
        for name in ("scores", "label", "video", "view"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, label: Tensor, video: Tensor, view: Tensor) -> None:
        """Take the scores of some views.

        Args:
            scores: (N, classes), e.g. softmax probabilities.
            label: (N,) class of the video.
            video: (N,) index of the video.
            view: (N,) index of the view within its video.
        """
        self.scores.append(scores.detach().float())
        self.label.append(label)
        self.video.append(video)
        self.view.append(view)

    def video_scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Average the views of each video seen by this process (or, while computing, by all).

        Returns:
            Scores (videos, classes) float64, labels (videos,), video indices (videos,) ascending,
            all on the CPU.
        """
        # On the CPU, where sums have an order and float64 always exists.
        states = (self.scores, self.label, self.video, self.view)
        scores, label, video, view = (dim_zero_cat(state).cpu() for state in states)
        scores = scores.double()
        keys, inverse = torch.unique(torch.stack([video, view], 1), dim=0, return_inverse=True)
        # The first occurrence of each key; later ones are repetitions of the same view.
        place = torch.arange(len(inverse), device=inverse.device)
        first = place.new_full((len(keys),), len(inverse)).scatter_reduce(
            0, inverse, place, reduce="amin"
        )
        index, group, views = torch.unique_consecutive(
            keys[:, 0], return_inverse=True, return_counts=True
        )
        total = scores.new_zeros(len(index), scores.shape[1]).index_add(0, group, scores[first])
        labels = label.new_zeros(len(index)).index_copy(0, group, label[first])
        return total / views[:, None], labels, index

    def compute(self) -> dict[str, Tensor]:
        """Give {"top<k>": share of videos}, over the views of all ranks."""
        scores, label, _ = self.video_scores()
        best = scores.argsort(dim=1, descending=True, stable=True)
        hits = best == label[:, None]
        return {f"top{k}": hits[:, :k].any(dim=1).float().mean() for k in self.top_k}
