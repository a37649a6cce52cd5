"""MoCo: tell the other view of a clip from keys that a slow copy of the network made."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch import distributed as dist

from pytorchvideo_clone.layers.distributed import cat_all_gather, get_world_size
from pytorchvideo_clone.losses.contrastive import info_nce, info_nce_in_batch
from pytorchvideo_clone.models.ssl.gather import gather_rows
from pytorchvideo_clone.models.ssl.momentum import momentum_copy, update_momentum_

__all__ = ["MoCo"]


class MoCo(nn.Module):
    """Find each clip's other view among the keys of a queue (v2) or of the batch (v3).

    Both views serve as queries; the loss is the mean of the two ways. In training every forward
    first moves the copy of the network that makes the keys, that is after the optimizer's last
    step; in eval mode nothing changes. `mmt` may be set while training, e.g. to `cosine_momentum`.
    Where gradients are accumulated over n batches, `mmt ** (1 / n)` is the momentum of one.

    - v2: a `projector`, no `predictor`, a queue. In training the keys of all processes enter every
      process's queue, so that the queues stay equal. The queue starts empty; rows that hold no key
      yet do not count. With `shuffle_batch` the clips are dealt to other processes for their
      keys, so that the statistics of a plain batch norm do not give a clip's key away.
    - v3: a `projector` and a `predictor`, `queue_size=0`: the other keys of the batch, over all
      processes, are the negatives. The paper's loss is 4 * temperature times this one.

    Args:
        backbone: turns a clip into features (B, D).
        projector: follows the backbone, also in the copy; None for none.
        predictor: follows them for the queries alone; None for none.
        dim: width of the keys.
        queue_size: keys that the queue holds; 0 for none.
        mmt: momentum of the copy.
        temperature: of the similarities.
        shuffle_batch: see above; all processes then need batches of the same size.

    Source: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR
    2020, https://arxiv.org/abs/1911.05722; v2 https://arxiv.org/abs/2003.04297; v3
    https://arxiv.org/abs/2104.02057; for video https://arxiv.org/abs/2104.14558.

    >>> model = MoCo(nn.Linear(8, 4), dim=4, queue_size=12)
    >>> model(torch.randn(3, 8), torch.randn(3, 8)).shape
    torch.Size([])
    >>> model.queued.item()
    6
    """

    queue: Tensor
    queued: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        projector: nn.Module | None = None,
        predictor: nn.Module | None = None,
        *,
        dim: int = 128,
        queue_size: int = 65536,
        mmt: float = 0.994,
        temperature: float = 0.1,
        shuffle_batch: bool = True,
    ) -> None:
        super().__init__()
        self.mmt = mmt
        self.temperature = temperature
        self.shuffle_batch = shuffle_batch
        self.backbone = backbone if projector is None else nn.Sequential(backbone, projector)
        self.backbone_mmt = momentum_copy(self.backbone)
        self.predictor = predictor
        self.register_buffer("queue", torch.zeros(queue_size, dim))
        # Keys that ever entered: where the next go, and how many rows hold one.
        self.register_buffer("queued", torch.zeros((), dtype=torch.long))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two views of the same clips, each (B, ...) -> the loss, a scalar.

        Raises:
            ValueError: if the keys have another width than `dim`, the queue cannot hold the keys of
                one step, or clips are to be dealt out and the processes' batches differ in size.
        """
        if self.training:
            update_momentum_(self.backbone_mmt, self.backbone, self.mmt)
        (keys1, first), (keys2, _) = self._keys(x1), self._keys(x2)
        loss = self._loss(self._query(x1), keys2, first) + self._loss(self._query(x2), keys1, first)
        if self.training and len(self.queue):
            self._enqueue(torch.cat([keys1, keys2]))
        return loss / 2

    def _query(self, x: Tensor) -> Tensor:
        features = self.backbone(x)
        return features if self.predictor is None else self.predictor(features)

    def _loss(self, query: Tensor, keys: Tensor, first: int) -> Tensor:
        if not len(self.queue):
            return info_nce_in_batch(query, keys, self.temperature, first)
        filled = torch.arange(len(self.queue), device=self.queue.device) < self.queued
        own = keys[first : first + len(query)]
        return info_nce(query, own, self.queue, self.temperature, filled)

    @torch.no_grad()
    def _keys(self, x: Tensor) -> tuple[Tensor, int]:
        """Keys of all processes, and the number of the first of this one."""
        if self.shuffle_batch and get_world_size() > 1:
            keys, first = self._shuffled_keys(x)
        else:
            keys, first = gather_rows(self.backbone_mmt(x))
        if len(self.queue) and keys.shape[1:] != self.queue.shape[1:]:
            raise ValueError(
                f"the keys have shape {tuple(keys.shape)}; expected (B, {self.queue.shape[1]}): "
                "dim is their width."
            )
        return F.normalize(keys, dim=1), first

    def _shuffled_keys(self, x: Tensor) -> tuple[Tensor, int]:
        sizes = cat_all_gather(torch.tensor([len(x)], device=x.device)).tolist()
        if len(set(sizes)) > 1:
            raise ValueError(
                f"the processes have batches of {sizes}; shuffle_batch needs equal ones: "
                "load them with drop_last=True, or pass shuffle_batch=False."
            )
        order = torch.randperm(sum(sizes), device=x.device)
        dist.broadcast(order, 0)
        first = dist.get_rank() * len(x)
        dealt = cat_all_gather(x)[order[first : first + len(x)]]
        return cat_all_gather(self.backbone_mmt(dealt))[order.argsort()], first

    @torch.no_grad()
    def _enqueue(self, keys: Tensor) -> None:
        if len(keys) > len(self.queue):
            raise ValueError(
                f"queue_size is {len(self.queue)}; "
                f"expected at least the {len(keys)} keys of a step."
            )
        rows = (self.queued + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.queue.index_copy_(0, rows, keys.to(self.queue.dtype))
        self.queued += len(keys)
