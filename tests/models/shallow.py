"""Make networks of residual stages shorter."""

from dataclasses import replace
from functools import partial

import pytest
from torch import nn

from pytorchvideo_clone.hub.registry import MODELS

__all__ = ["keep_kinds_of_blocks", "make_x3d_shallow"]

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


def make_x3d_shallow(patch: pytest.MonkeyPatch) -> None:
    """Let the hub make X3D of one block a stage, for what takes a name and no depth."""
    for name in ("x3d_tiny", "x3d_xs", "x3d_s"):
        entry = MODELS[name]
        short = replace(entry, build=partial(entry.build, depth_factor=0.2))
        patch.setitem(MODELS, name, short)


def _kind(block: nn.Module) -> tuple:
    return tuple(
        (name, type(part), *(getattr(part, setting, None) for setting in SHAPE))
        for name, part in block.named_modules()
    )
