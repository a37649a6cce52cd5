"""The operations of learned augmentation: torchvision's, on the frames (T, C, H, W) of a clip.

Frames are float within [0, 1] or uint8, and all change alike. Where PyTorchVideo's numbers differ
from torchvision's there is arithmetic of our own, with the reason beside it.
"""

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType

import torch
from torch import Tensor

__all__ = ["OPERATIONS", "affine"]

Fill = Sequence[float] | float | None


def affine(
    img: Tensor, matrix: Sequence[float], interpolation: str = "nearest", fill: Fill = None
) -> Tensor:
    """Warp frames by a matrix that says where each pixel of the result comes from.

    Args:
        img: (..., C, H, W), float or uint8.
        matrix: a, b, c, d, e, f: the pixel at (x, y), measured from the centre of the frame, comes
            from (a x + b y + c, d x + e y + f).
        interpolation: "nearest" or "bilinear".
        fill: colour of what comes from outside, one number or one a channel; None means 0.

    Returns:
        The same shape and type.

    Raises:
        ValueError: if the matrix has not six numbers, or there is no such interpolation.

    >>> affine(torch.tensor([[[1.0, 2.0, 3.0]]]), [1, 0, 1, 0, 1, 0], fill=9.0)
    tensor([[[2., 3., 9.]]])
    """
    if len(matrix) != 6:
        raise ValueError(f"matrix has {len(matrix)} numbers; it must have 6.")
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation is {interpolation!r}; it must be nearest or bilinear.")
    # torchvision's affine takes angles, not a matrix.
    height, width = img.shape[-2:]
    frames = img.reshape(-1, *img.shape[-3:])
    pixels = frames if frames.is_floating_point() else frames.float()
    grid = _grid(matrix, height, width).to(pixels)[None]
    # One grid for all frames; a last channel of ones shows what comes from outside.
    flat = torch.cat([pixels.flatten(0, 1), pixels.new_ones(1, height, width)])[None]
    warped = torch.nn.functional.grid_sample(flat, grid, interpolation, align_corners=False)[0]
    colours, inside = warped[:-1].view(frames.shape), warped[-1]
    if fill is not None:
        # What lies outside is black to the interpolation too, so borders are darker: torchvision
        # and PyTorchVideo have it so.
        colours = colours * inside + (1 - inside) * _colour(fill, colours)
    if not img.is_floating_point():
        colours = colours.round().clamp(0, 255)
    return colours.to(img.dtype).view(img.shape)


def _grid(matrix: Sequence[float], height: int, width: int) -> Tensor:
    """Where pixels come from, (H, W, 2) in `grid_sample`'s [-1, 1]."""
    y = torch.linspace(0.5 - height / 2, height / 2 - 0.5, height)[:, None].expand(-1, width)
    x = torch.linspace(0.5 - width / 2, width / 2 - 0.5, width).expand(height, -1)
    # In this order for torchvision's rounding, which decides ties of bytes.
    theta = torch.tensor(matrix).view(2, 3).T / torch.tensor([width / 2, height / 2])
    return (
        torch.stack([x, y, torch.ones(height, width)], dim=-1)
        .view(-1, 3)
        .matmul(theta)
        .view(height, width, 2)
    )


def _adjust(kind: str) -> Callable[..., Tensor]:
    def adjust(img: Tensor, factor: float, fill: Fill = None) -> Tensor:
        return getattr(_torchvision(), f"adjust_{kind}")(img, factor)

    return adjust


def _auto_contrast(img: Tensor, fill: Fill = None) -> Tensor:
    # Of v1: v2 multiplies in another order, which makes one byte in a hundred one less.
    return importlib.import_module("torchvision.transforms.functional").autocontrast(img)


def _equalize(img: Tensor, fill: Fill = None) -> Tensor:
    return _as_bytes(_torchvision().equalize, img)


def _invert(img: Tensor, fill: Fill = None) -> Tensor:
    return _torchvision().invert(img)


def _posterize(img: Tensor, bits: float, fill: Fill = None) -> Tensor:
    if bits >= 8:
        return img
    return _as_bytes(lambda frames: _torchvision().posterize(frames, int(bits)), img)


def _solarize(img: Tensor, threshold: float, fill: Fill = None) -> Tensor:
    return _torchvision().solarize(
        img, threshold if img.is_floating_point() else int(threshold * 255)
    )


def _rotate(img: Tensor, degrees: float, fill: Fill = None) -> Tensor:
    vision = _torchvision()
    bilinear = vision.InterpolationMode.BILINEAR  # its name alone is newer
    return vision.rotate(img, degrees, interpolation=bilinear, fill=_fill(fill))


def _shear_x(img: Tensor, factor: float, fill: Fill = None) -> Tensor:
    return affine(img, [1, factor, img.shape[-2] * factor / 2, 0, 1, 0], "bilinear", fill)


def _shear_y(img: Tensor, factor: float, fill: Fill = None) -> Tensor:
    return affine(img, [1, 0, 0, factor, 1, img.shape[-1] * factor / 2], "bilinear", fill)


def _translate_x(img: Tensor, factor: float, fill: Fill = None) -> Tensor:
    return affine(img, [1, 0, factor * img.shape[-1], 0, 1, 0], "bilinear", fill)


def _translate_y(img: Tensor, factor: float, fill: Fill = None) -> Tensor:
    return affine(img, [1, 0, 0, 0, 1, factor * img.shape[-2]], "bilinear", fill)


# name -> function(frames, amount if it takes one, fill=colour).
OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "AdjustBrightness": _adjust("brightness"),
    "AdjustContrast": _adjust("contrast"),
    "AdjustSaturation": _adjust("saturation"),
    "AdjustSharpness": _adjust("sharpness"),
    "AutoContrast": _auto_contrast,
    "Equalize": _equalize,
    "Invert": _invert,
    "Posterize": _posterize,
    "Rotate": _rotate,
    "ShearX": _shear_x,
    "ShearY": _shear_y,
    "Solarize": _solarize,
    "TranslateX": _translate_x,
    "TranslateY": _translate_y,
}


def _as_bytes(operation: Callable[[Tensor], Tensor], img: Tensor) -> Tensor:
    """Apply what is defined for bytes; floats are truncated to bytes, as PyTorchVideo does."""
    if img.dtype == torch.uint8:
        return operation(img)
    return operation((img * 255).to(torch.uint8)).to(img.dtype) / 255


def _colour(fill: Fill, img: Tensor) -> Tensor:
    return torch.as_tensor(fill, dtype=img.dtype, device=img.device).view(-1, 1, 1)


def _fill(fill: Fill) -> list[float] | float | None:
    return fill if fill is None or isinstance(fill, int | float) else list(fill)


def _torchvision() -> ModuleType:
    # Not at the top: importing it takes a second, and few transforms need it.
    return importlib.import_module("torchvision.transforms.v2.functional")
