"""SimCLR: tell the other view of a clip from the other clips of the batch."""

from torch import Tensor, nn

from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.losses.contrastive import info_nce_in_batch
from pytorchvideo_clone.models.ssl.gather import gather_rows

__all__ = ["SimCLR"]


class SimCLR(nn.Module):
    """Cross entropy of finding each clip's second view among those of the whole batch.

    The batch is that of all processes, and gradients flow through the views of the others. As in
    PyTorchVideo the loss goes one way, from the first views to the second; `losses.nt_xent` is the
    paper's for one process.

    Args:
        mlp: turns the backbone's features into those that are compared.
        backbone: turns a clip into features (B, D); None leaves them to `mlp`.
        temperature: of the similarities.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
    ICML 2020, https://arxiv.org/abs/2002.05709; for video Feichtenhofer et al., "A Large-Scale
    Study on Unsupervised Spatiotemporal Representation Learning", CVPR 2021,
    https://arxiv.org/abs/2104.14558.

    >>> model = SimCLR(mlp=nn.Linear(4, 2), backbone=nn.Linear(8, 4))
    >>> model(torch.randn(3, 8), torch.randn(3, 8)).shape
    torch.Size([])
    """

    def __init__(
        self, mlp: nn.Module, backbone: nn.Module | None = None, temperature: float = 0.07
    ) -> None:
        super().__init__()
        self.mlp = mlp
        self.backbone = backbone
        self.temperature = temperature

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two views of the same clips, each (B, ...) -> the loss, a scalar."""
        queries = self._features(x1)
        keys, first = gather_rows(self._features(x2))
        return info_nce_in_batch(queries, keys, self.temperature, first)

    def _features(self, x: Tensor) -> Tensor:
        return self.mlp(x if self.backbone is None else self.backbone(x))
