"""Instance discrimination: tell a clip from clips that a memory holds."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorchvideo_clone.layers.distributed import get_world_size
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.losses.contrastive import info_nce
from pytorchvideo_clone.models.ssl.gather import gather_rows

__all__ = ["MemoryBank"]


class MemoryBank(nn.Module):
    """Tell each clip's row of a memory from random rows; the memory follows the features.

    In training the rows of the batch move towards its features, after the loss. In several
    processes all rows move in all of them, so that the memories stay equal.

    Args:
        backbone: turns a clip into features (B, D).
        mlp: follows the backbone; None for none.
        neg_size: random rows for each clip.
        temperature: of the similarities.
        bank_size: rows of the memory, one a video of the data set.
        dim: width of the features.
        mmt: momentum of a row.

    Source: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
    CVPR 2018, https://arxiv.org/abs/1805.01978.

    >>> model = MemoryBank(nn.Linear(8, 4), neg_size=5, bank_size=10, dim=4)
    >>> model(torch.randn(2, 8), torch.tensor([3, 7])).shape
    torch.Size([])
    """

    memory: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        mlp: nn.Module | None = None,
        neg_size: int = 4096,
        temperature: float = 0.07,
        bank_size: int = 1280000,
        dim: int = 2048,
        mmt: float = 0.999,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.mlp = mlp
        self.neg_size = neg_size
        self.temperature = temperature
        self.mmt = mmt
        self.bank_size = bank_size
        self.dim = dim
        self.register_buffer("memory", F.normalize(torch.randn(bank_size, dim), dim=1))

    def forward(self, x: Tensor, x_ind: Tensor) -> Tensor:
        """Compare clips with the memory.

        Args:
            x: (B, ...), the clips.
            x_ind: (B,), int, their rows in the memory: the numbers of the videos.

        Returns:
            The loss, a scalar.
        """
        features = self.backbone(x)
        if self.mlp is not None:
            features = self.mlp(features)
        others = torch.randint(
            len(self.memory), (len(features), self.neg_size), device=self.memory.device
        )
        loss = info_nce(features, self.memory[x_ind], self.memory[others], self.temperature)
        if self.training:
            self._remember(features.detach(), x_ind)
        return loss

    @torch.no_grad()
    def _remember(self, features: Tensor, x_ind: Tensor) -> None:
        features = F.normalize(features, dim=1).to(self.memory.dtype)
        if get_world_size() > 1:
            features, _ = gather_rows(features)
            x_ind, _ = gather_rows(x_ind)
        # A video that is there twice counts with its mean: the order of rows must not matter.
        rows, place = x_ind.unique(return_inverse=True)
        total = features.new_zeros(len(rows), features.shape[1]).index_add_(0, place, features)
        mean = total / place.bincount(minlength=len(rows))[:, None]
        updated = self.mmt * self.memory[rows] + (1 - self.mmt) * mean
        self.memory.index_copy_(0, rows, F.normalize(updated, dim=1))
