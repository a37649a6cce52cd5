"""Make networks of residual stages shorter."""

from torch import nn

__all__ = ["keep_kinds_of_blocks"]

SHAPE = ("kernel_size", "stride", "padding", "dilation")


def keep_kinds_of_blocks(model: nn.Module) -> nn.Module:
    """Keep the first block of each stage, and of the others in a pathway one of each kind.

    What differs in nothing but its widths is of one kind.
    """
    seen = set()
    for name, stage in model.named_modules():
        if isinstance(blocks := getattr(stage, "res_blocks", None), nn.ModuleList):
            pathway = name.partition("multipathway_blocks.")[2]
            for index in reversed(range(1, len(blocks))):
                kind = pathway, _kind(blocks[index])
                if kind in seen or kind in [(pathway, _kind(block)) for block in blocks[1:index]]:
                    del blocks[index]
            seen |= {(pathway, _kind(block)) for block in blocks[1:]}
    return model


def _kind(block: nn.Module) -> tuple:
    return tuple(
        (name, type(part), *(getattr(part, setting, None) for setting in SHAPE))
        for name, part in block.named_modules()
    )
