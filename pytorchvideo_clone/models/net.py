"""What holds the blocks of a network together."""

from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models._fit import run_block
from pytorchvideo_clone.models.weight_init import init_net_weights

__all__ = ["DetectionBBoxNetwork", "MultiPathWayWithFuse", "Net"]


class Net(nn.Module):
    """Run blocks in order; draws their weights with `init_net_weights`.

    Args:
        blocks: the blocks; each takes what the one before gives.
        pack: turns the network's input into that of the first block, e.g. one clip into pathways;
            it has no parameters. Default: the input as it is.

    >>> net = Net(blocks=nn.ModuleList([nn.Conv3d(3, 4, 1), nn.ReLU()]))
    >>> net(torch.ones(1, 3, 2, 5, 5)).shape
    torch.Size([1, 4, 2, 5, 5])
    """

    def __init__(self, *, blocks: nn.ModuleList, pack: nn.Module | None = None) -> None:
        super().__init__()
        self.pack = pack
        self.blocks = blocks
        init_net_weights(self)

    def forward(self, x: Any) -> Any:
        """(B, C, T, H, W), or a list of pathways -> what the last block gives.

        Raises:
            RuntimeError: if the input has not as many channels as the first block takes, or is too
                short or too small for a pool.
        """
        if self.pack is not None:
            x = self.pack(x)
        for i, block in enumerate(self.blocks):
            x = run_block(block, x, name=f"blocks[{i}]")
        return x


class DetectionBBoxNetwork(nn.Module):
    """Classify what happens in given boxes of a clip.

    Args:
        model: gives features of the clip.
        detection_head: called as `detection_head(features, boxes)`.

    >>> from pytorchvideo_clone.models import create_res_roi_pooling_head
    >>> head = create_res_roi_pooling_head(
    ...     in_features=3, out_features=5, resolution=(7, 7), spatial_scale=1.0, pool=None
    ... )
    >>> network = DetectionBBoxNetwork(nn.Identity(), head)
    >>> network(torch.ones(1, 3, 1, 14, 14), torch.tensor([[0, 0.0, 0.0, 9.0, 8.0]])).shape
    torch.Size([1, 5])
    """

    def __init__(self, model: nn.Module, detection_head: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.detection_head = detection_head

    def forward(self, x: Tensor | list[Tensor], bboxes: Tensor) -> Tensor:
        """Score every box.

        Args:
            x: (B, C, T, H, W), or a list of pathways.
            bboxes: (K, 5), rows (index in the batch, x1, y1, x2, y2) in input pixels.

        Returns:
            (K, classes).

        Raises:
            RuntimeError: as in `Net`.
        """
        x = self.model(x)
        return run_block(self.detection_head, x, bboxes, name="detection_head").flatten(1)


class MultiPathWayWithFuse(nn.Module):
    """Apply one block to each pathway, then fuse the pathways.

    Args:
        multipathway_blocks: one block a pathway; None passes the pathway on.
        multipathway_fusion: takes and gives the list of pathways, or None.
        inplace: write the blocks' outputs into the list that was given, as PyTorchVideo does.

    >>> pathways = MultiPathWayWithFuse(
    ...     multipathway_blocks=nn.ModuleList([nn.Linear(2, 3), None]), multipathway_fusion=None
    ... )
    >>> [x.shape[1] for x in pathways([torch.ones(1, 2), torch.ones(1, 2)])]
    [3, 2]
    """

    def __init__(
        self,
        *,
        multipathway_blocks: nn.ModuleList,
        multipathway_fusion: nn.Module | None,
        inplace: bool = True,
    ) -> None:
        super().__init__()
        self.multipathway_blocks = multipathway_blocks
        self.multipathway_fusion = multipathway_fusion
        self.inplace = inplace

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        """List of (B, C, T, H, W) -> the same number of (B, C', T', H', W')."""
        if torch.is_tensor(x):
            raise TypeError("the input is one tensor; expected a list with one a pathway.")
        if len(x) != len(self.multipathway_blocks):
            raise ValueError(
                f"the input has {len(x)} pathways; expected {len(self.multipathway_blocks)}."
            )
        outputs = x if self.inplace else list(x)
        for i, block in enumerate(self.multipathway_blocks):
            if block is not None:
                outputs[i] = block(outputs[i])
        return outputs if self.multipathway_fusion is None else self.multipathway_fusion(outputs)
