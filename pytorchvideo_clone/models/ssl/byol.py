"""BYOL: predict what a slow copy of the network sees in another view."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pytorchvideo_clone.losses.contrastive import similarity_loss
from pytorchvideo_clone.models.ssl.momentum import momentum_copy, update_momentum_

__all__ = ["BYOL"]


class BYOL(nn.Module):
    """Predict the features that a slow copy of the network has of another view of the clip.

    Every forward, in training or not, first moves the copy towards the network, that is after the
    optimizer's last step and before the targets are made. Set `mmt` to 1.0 to leave the copy alone,
    e.g. while validating; to a schedule such as `cosine_momentum` while training. Where gradients
    are accumulated over n batches, `mmt ** (1 / n)` is the momentum of one.

    In several processes nothing is to be gathered: there are no negatives. The norm of the
    predictor has to see the whole batch, as the default does.

    Args:
        backbone: turns a clip into features (B, D).
        projector: follows the backbone, also in the copy; None for none.
        predictor: of the network alone; default two linear layers with a norm and ReLU between.
        feature_dim: width of the features after the projector.
        predictor_inner: width between the layers of the default predictor.
        mmt: momentum of the copy.
        norm: makes the norm of the default predictor from its width.

    Source: Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning",
    NeurIPS 2020, https://arxiv.org/abs/2006.07733.

    >>> model = BYOL(nn.Linear(8, 4), feature_dim=4, predictor_inner=16, norm=nn.BatchNorm1d)
    >>> model(torch.randn(3, 8), torch.randn(3, 8)).shape
    torch.Size([])
    """

    def __init__(
        self,
        backbone: nn.Module,
        projector: nn.Module | None = None,
        predictor: nn.Module | None = None,
        feature_dim: int = 2048,
        predictor_inner: int = 4096,
        mmt: float = 0.99,
        norm: Callable[[int], nn.Module] = nn.SyncBatchNorm,
    ) -> None:
        super().__init__()
        self.mmt = mmt
        self.feature_dim = feature_dim
        self.backbone = backbone if projector is None else nn.Sequential(backbone, projector)
        self.backbone_mmt = momentum_copy(self.backbone)
        if predictor is None:
            predictor = nn.Sequential(
                nn.Linear(feature_dim, predictor_inner, bias=False),
                norm(predictor_inner),
                nn.ReLU(inplace=True),
                nn.Linear(predictor_inner, feature_dim),
            )
        self.predictor = predictor

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two views of the same clips, each (B, ...) -> the loss, a scalar from -1 to 1."""
        update_momentum_(self.backbone_mmt, self.backbone, self.mmt)
        with torch.no_grad():
            target1, target2 = self.backbone_mmt(x1), self.backbone_mmt(x2)
        prediction1 = self.predictor(self.backbone(x1))
        prediction2 = self.predictor(self.backbone(x2))
        return (similarity_loss(prediction1, target2) + similarity_loss(prediction2, target1)) / 2
