"""Say in words why an input does not fit a network."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from torch import Tensor, nn

from pytorchvideo_clone.layers import Conv2plus1d

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
        TypeError: if a block of one pathway gets a list.
    """
    try:
        return block(x, *others)
    except (TypeError, AttributeError) as error:
        if isinstance(x, Tensor) or _pathways(block):
            raise
        raise TypeError(
            f"{name} gets a {type(x).__name__} of {len(x)}; expected one tensor, (B, C, T, H, W): "
            "this network has one pathway."
        ) from error
    except (RuntimeError, ValueError) as error:
        reason = next(_reasons(block, x, name), None)
        if reason is None:
            raise
        raise RuntimeError(reason) from error


def _reasons(block: nn.Module, x: Any, name: str) -> Iterator[str]:
    for part, clip, where in _parts(block, x, name):
        first = _first_convolution(part)
        if first is not None and clip.dim() != 5:
            yield (
                f"the input of {where} has {clip.dim()} dimensions, {tuple(clip.shape)}; expected "
                "5: (B, C, T, H, W)."
            )
            return
        if first is not None and clip.shape[1] != first.in_channels:
            yield (
                f"the input of {where} has {clip.shape[1]} channels, {tuple(clip.shape)}; "
                f"expected {first.in_channels}: (B, C, T, H, W)."
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
    for i, (part, clip) in enumerate(zip(_pathways(block), x, strict=False)):
        if part is not None:
            yield part, clip, f"{name}, pathway {i}"


def _pathways(block: nn.Module) -> Iterable[nn.Module | None]:
    lists = [child for child in block.children() if isinstance(child, nn.ModuleList)]
    return lists[0] if lists else []


def _first_convolution(part: nn.Module) -> nn.Conv3d | None:
    """The convolution that takes the input; of a factorised one, that is not always the first."""
    for module in part.modules():
        if isinstance(module, Conv2plus1d) and module.conv_xy_first:
            return _first_convolution(cast(nn.Module, module.conv_xy))
        if isinstance(module, nn.Conv3d):
            return module
    return None


def _triple(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size,) * 3 if isinstance(size, int) else tuple(size)
