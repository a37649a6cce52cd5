"""Rounding of widths and depths; PyTorchVideo's public path for these names."""

import math
from typing import Any

__all__ = ["round_repeats", "round_width", "set_attributes"]


def set_attributes(self: object, params: dict[str, Any] | None = None) -> None:
    """Set each entry of `params` as an attribute of `self`, save an entry named "self".

    PyTorchVideo's modules call it with `locals()`.

    >>> from types import SimpleNamespace
    >>> thing = SimpleNamespace()
    >>> set_attributes(thing, {"width": 8})
    >>> thing.width
    8
    """
    for name, value in (params or {}).items():
        if name != "self":
            setattr(self, name, value)


def round_width(
    width: int, multiplier: float, min_width: int = 8, divisor: int = 8, ceil: bool = False
) -> int:
    """Multiply a channel width and round it to a multiple of `divisor`.

    Args:
        width: number of channels.
        multiplier: factor; 0 leaves `width` as it is.
        min_width: smallest result; 0 stands for `divisor`.
        divisor: the result is a multiple of it, or `min_width`.
        ceil: round up; otherwise to the nearest, but never below 90 % of the product.

    >>> round_width(24, 2.25)
    56
    """
    if not multiplier:
        return width
    product = width * multiplier
    smallest = min_width or divisor
    if ceil:
        return max(smallest, math.ceil(product / divisor) * divisor)
    rounded = max(smallest, int(product + divisor / 2) // divisor * divisor)
    return int(rounded + divisor if rounded < 0.9 * product else rounded)


def round_repeats(repeats: int, multiplier: float) -> int:
    """Multiply a number of blocks and round it up; multiplier 0 leaves it as it is.

    >>> round_repeats(5, 2.2)
    11
    """
    return math.ceil(multiplier * repeats) if multiplier else repeats
