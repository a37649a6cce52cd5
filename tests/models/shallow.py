"""Make networks of residual stages shorter."""

from torch import nn

__all__ = ["keep_two_blocks"]


def keep_two_blocks(model: nn.Module) -> nn.Module:
    """Cut the stages of a model: blocks after the second are like the first or the second."""
    for stage in model.modules():
        if isinstance(blocks := getattr(stage, "res_blocks", None), nn.ModuleList):
            del blocks[2:]
    return model
