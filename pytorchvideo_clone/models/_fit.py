"""Say in words why an input does not fit a network."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

__all__ = ["run_block"]


def run_block(block: nn.Module, x: Any, *others: Any, name: str) -> Any:
    """Call a block; if torch refuses its input, say what was expected.

    Nothing is checked beforehand: an input that works costs nothing and sets no conditions for
    an exported graph.

    Args:
        block: what to call.
        x: its first argument, a clip or a list with one a pathway.
        others: its other arguments.
        name: of the block, for the message.

    Raises:
        RuntimeError: torch's own, with the reason in one sentence where it is known.
    """
    try:
        return block(x, *others)
    except RuntimeError as error:
        reason = next(_reasons(block, x, name), None)
        if reason is None:
            raise
        raise RuntimeError(reason) from error


def _reasons(block: nn.Module, x: Any, name: str) -> Iterator[str]:
    for part, clip, where in _parts(block, x, name):
        convolutions = [module for module in part.modules() if isinstance(module, nn.Conv3d)]
        if convolutions and clip.shape[1] != convolutions[0].in_channels:
            yield (
                f"the input of {where} has {clip.shape[1]} channels, {tuple(clip.shape)}; "
                f"expected {convolutions[0].in_channels}: (B, C, T, H, W)."
            )
        for pool in part.modules():
            if isinstance(pool, (nn.AvgPool3d, nn.MaxPool3d)):
                size, padding = _triple(pool.kernel_size), _triple(pool.padding)
                rooms = zip(clip.shape[2:], padding, strict=True)
                if any(n > room + 2 * pad for n, (room, pad) in zip(size, rooms, strict=True)):
                    yield (
                        f"the clip is too short or too small: a pool of {size} (T, H, W) in "
                        f"{where} gets {tuple(clip.shape[2:])}; give more frames or a larger "
                        "crop, or build the model with a smaller or adaptive pool."
                    )


def _parts(block: nn.Module, x: Any, name: str) -> Iterator[tuple[nn.Module, Tensor, str]]:
    """What takes each tensor of the input, with its name; of several pathways one after another."""
    if isinstance(x, Tensor):
        yield block, x, name
        return
    lists = [child for child in block.children() if isinstance(child, nn.ModuleList)]
    for i, (part, clip) in enumerate(zip(lists[0] if lists else [], x, strict=False)):
        if part is not None and clip.dim() == 5:
            yield part, clip, f"{name}, pathway {i}"


def _triple(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size,) * 3 if isinstance(size, int) else tuple(size)
