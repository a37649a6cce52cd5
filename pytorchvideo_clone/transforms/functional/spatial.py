"""Scaling, cropping and flipping of clips (C, T, H, W), the same for all frames.

What PyTorchVideo lets `torch.jit.script` compile is written so that it can: no globals, no
generators, one type a name.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pytorchvideo_clone.transforms.functional.draws import happens, random_number, random_size

__all__ = [
    "center_crop",
    "crop",
    "random_crop",
    "random_crop_corner",
    "random_horizontal_flip",
    "random_rectangle",
    "random_resized_crop",
    "resize",
    "resize_short_side",
    "short_side_scale",
    "short_side_size",
    "uniform_crop",
    "uniform_crop_corner",
]


def resize(
    video: Tensor,
    height: int,
    width: int,
    interpolation: str = "bilinear",
    backend: str = "pytorch",
) -> Tensor:
    """Resize every frame, without antialiasing, as PyTorchVideo does.

    Args:
        video: (C, T, H, W), float or uint8.
        height: of the result in pixels.
        width: of the result in pixels.
        interpolation: "bilinear", "bicubic" or another mode of `torch.nn.functional.interpolate`.
        backend: as in `short_side_scale`.

    Returns:
        (C, T, height, width), same type.

    Raises:
        AssertionError: if there is no such backend, or `video` has not four dimensions.

    >>> resize(torch.zeros(3, 2, 10, 20, dtype=torch.uint8), 5, 8).shape
    torch.Size([3, 2, 5, 8])
    """
    # PyTorchVideo offers both. For floats, all it takes, they differ by rounding alone (measured
    # with cv2.resize: bilinear, bicubic, nearest), so one implementation stands behind them.
    if backend not in ("pytorch", "opencv"):
        raise AssertionError(f"backend is '{backend}'; it must be 'pytorch' or 'opencv'.")
    if video.dim() != 4:
        raise AssertionError(f"The video has shape {list(video.shape)}; it must be (C, T, H, W).")
    # Other modes do not give the same for bytes as for floats.
    for_bytes = interpolation in ("bilinear", "nearest", "nearest-exact")
    if video.dtype == torch.uint8 and not for_bytes:
        # Torch's bicubic kernel for bytes is another cubic than that for floats; area has none.
        resized = interpolate(video.float(), size=[height, width], mode=interpolation)
        return resized.round_().clamp_(0, 255).to(torch.uint8)
    # Time before channels makes torch's fast uint8 kernels apply, which want at most 4 channels:
    # ten times faster for frames as decoders give them. For floats the other order is the faster.
    swap = video.dtype == torch.uint8
    frames = video.transpose(0, 1) if swap else video
    if swap and video.stride(-1) == 1:  # colour planes: a third faster than strided
        frames = frames.contiguous()
    resized = interpolate(frames, size=[height, width], mode=interpolation)
    return resized.transpose(0, 1) if swap else resized


def short_side_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Give height and width after the short side has become `size`; the long side rounds down.

    >>> short_side_size(240, 320, 112)
    (112, 149)
    """
    if width < height:
        return math.floor(height / width * size), size
    return size, math.floor(width / height * size)


def resize_short_side(
    video: Tensor, size: int, interpolation: str = "bilinear", backend: str = "pytorch"
) -> Tensor:
    """Resize a clip so that its short side is `size`.

    Args:
        video: (C, T, H, W), float or uint8.
        size: length of the short side in pixels.
        interpolation: as in `resize`.
        backend: as in `short_side_scale`.

    Returns:
        (C, T, size, W') or (C, T, H', size), same type.

    Raises:
        AssertionError: as in `resize`.

    >>> resize_short_side(torch.zeros(3, 2, 20, 10, dtype=torch.uint8), 5).shape
    torch.Size([3, 2, 10, 5])
    """
    height, width = short_side_size(video.shape[-2], video.shape[-1], size)
    return resize(video, height, width, interpolation, backend)


def short_side_scale(
    x: Tensor, size: int, interpolation: str = "bilinear", backend: str = "pytorch"
) -> Tensor:
    """Do `resize_short_side` for float32 only: PyTorchVideo's function, with its check.

    Args:
        x: (C, T, H, W) float32.
        size: length of the short side in pixels.
        interpolation: as in `resize`.
        backend: "pytorch" or "opencv", PyTorchVideo's names; torch computes both, which differ by
            rounding alone, so that OpenCV is not needed.

    Returns:
        (C, T, size, W') or (C, T, H', size), float32.

    Raises:
        AssertionError: if `x` is not four-dimensional and float32, as PyTorchVideo demands.

    >>> short_side_scale(torch.zeros(3, 2, 20, 10), 5).shape
    torch.Size([3, 2, 10, 5])
    """
    if x.dtype != torch.float32:
        raise AssertionError(
            f"The dtype is {x.dtype}; it must be torch.float32. For uint8 use resize_short_side."
        )
    return resize_short_side(x, size, interpolation, backend)


def crop(video: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """Cut a rectangle out of every frame.

    Args:
        video: (..., H, W), any type.
        top: first row.
        left: first column.
        height: of the rectangle in pixels.
        width: of the rectangle in pixels.

    Returns:
        (..., height, width), a view.

    >>> crop(torch.zeros(3, 2, 10, 20), 1, 2, 4, 5).shape
    torch.Size([3, 2, 4, 5])
    """
    return video[..., top : top + height, left : left + width]


def center_crop(video: Tensor, height: int, width: int) -> Tensor:
    """Cut the middle out of every frame.

    Args:
        video: (..., H, W), any type.
        height: of the crop in pixels.
        width: of the crop in pixels.

    Returns:
        (..., height, width), a view.

    Raises:
        ValueError: if the video is smaller than the crop.

    >>> center_crop(torch.arange(5.0).expand(1, 1, 5, 5), 1, 3)
    tensor([[[[1., 2., 3.]]]])
    """
    _check_fits(video.shape[-2], video.shape[-1], height, width)
    # Halves round to even, as in torchvision, whose crop PyTorchVideo applies.
    top = round((video.shape[-2] - height) / 2)
    left = round((video.shape[-1] - width) / 2)
    return crop(video, top, left, height, width)


def random_crop_corner(
    video_height: int,
    video_width: int,
    height: int,
    width: int,
    generator: torch.Generator | None = None,
) -> tuple[int, int]:
    """Draw top and left of a crop; every place within the video is equally likely.

    Raises:
        ValueError: if the video is smaller than the crop.

    >>> random_crop_corner(10, 20, 10, 20)
    (0, 0)
    """
    _check_fits(video_height, video_width, height, width)
    return (
        random_size(0, video_height - height, generator),
        random_size(0, video_width - width, generator),
    )


def random_crop(
    video: Tensor, height: int, width: int, generator: torch.Generator | None = None
) -> Tensor:
    """Cut a rectangle at a random place, the same in every frame.

    Args:
        video: (..., H, W), any type.
        height: of the crop in pixels.
        width: of the crop in pixels.
        generator: draws; None means torch's own.

    Returns:
        (..., height, width), a view.

    Raises:
        ValueError: if the video is smaller than the crop.

    >>> random_crop(torch.zeros(3, 2, 10, 20), 4, 5).shape
    torch.Size([3, 2, 4, 5])
    """
    top, left = random_crop_corner(video.shape[-2], video.shape[-1], height, width, generator)
    return crop(video, top, left, height, width)


def uniform_crop_corner(height: int, width: int, size: int, spatial_idx: int) -> tuple[int, int]:
    """Give top and left of `uniform_crop`.

    >>> [uniform_crop_corner(30, 40, 20, index) for index in range(3)]
    [(5, 0), (5, 10), (5, 20)]
    """
    if spatial_idx not in (0, 1, 2):
        raise AssertionError(f"spatial_idx is {spatial_idx}; it must be 0, 1 or 2.")
    _check_fits(height, width, size, size)
    top, left = math.ceil((height - size) / 2), math.ceil((width - size) / 2)
    if height > width:
        return [0, top, height - size][spatial_idx], left
    return top, [0, left, width - size][spatial_idx]


def uniform_crop(images: Tensor, size: int, spatial_idx: int) -> Tensor:
    """Cut one of three squares along the longer side.

    Args:
        images: (C, T, H, W), any type.
        size: side of the square in pixels.
        spatial_idx: 0 left or top, 1 centre, 2 right or bottom.

    Returns:
        (C, T, size, size), a view.

    Raises:
        AssertionError: if `spatial_idx` is another number.
        ValueError: if the clip is smaller than the crop.

    >>> uniform_crop(torch.zeros(3, 2, 30, 40), 20, 2).shape
    torch.Size([3, 2, 20, 20])
    """
    top, left = uniform_crop_corner(images.shape[-2], images.shape[-1], size, spatial_idx)
    return crop(images, top, left, size, size)


def random_horizontal_flip(
    video: Tensor, p: float = 0.5, generator: torch.Generator | None = None
) -> Tensor:
    """Mirror a clip left to right with probability `p`.

    Args:
        video: (..., H, W), any type.
        p: within [0, 1].
        generator: draws; None means torch's own.

    Returns:
        The same shape and type.

    >>> random_horizontal_flip(torch.tensor([[1, 2, 3]]), p=1.0)
    tensor([[3, 2, 1]])
    """
    return video.flip(-1) if happens(p, generator) else video


def random_resized_crop(
    frames: Tensor,
    target_height: int,
    target_width: int,
    scale: tuple[float, float],
    aspect_ratio: tuple[float, float],
    shift: bool = False,
    log_uniform_ratio: bool = True,
    interpolation: str = "bilinear",
    num_tries: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Cut a rectangle of random area, shape and place, and resize it.

    Args:
        frames: (C, T, H, W), float or uint8.
        target_height: of the result in pixels.
        target_width: of the result in pixels.
        scale: smallest and largest share of the area.
        aspect_ratio: smallest and largest width / height.
        shift: whether the rectangle moves during the clip, from one random place to another.
        log_uniform_ratio: whether the logarithm of the ratio is uniform, or the ratio itself.
        interpolation: as in `resize`.
        num_tries: draws before the largest centred rectangle of an allowed ratio is taken.
        generator: draws; None means torch's own.

    Returns:
        (C, T, target_height, target_width), same type.

    Raises:
        AssertionError: if a scale or ratio is not positive.

    Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015,
    https://arxiv.org/abs/1409.4842, section 6.

    >>> clip = torch.zeros(3, 2, 30, 40)
    >>> random_resized_crop(clip, 8, 12, scale=(0.08, 1.0), aspect_ratio=(0.75, 1.33)).shape
    torch.Size([3, 2, 8, 12])
    """
    height, width, count = frames.shape[-2], frames.shape[-1], frames.shape[1]
    top, left, h, w = random_rectangle(
        height, width, scale, aspect_ratio, log_uniform_ratio, num_tries, generator
    )
    if not shift:
        return resize(crop(frames, top, left, h, w), target_height, target_width, interpolation)
    end = random_rectangle(
        height, width, scale, aspect_ratio, log_uniform_ratio, num_tries, generator
    )
    ways = [(top, end[0]), (left, end[1]), (h, end[2]), (w, end[3])]
    # Whole pixels, rounded down, as PyTorchVideo moves it.
    path = torch.stack([torch.linspace(way[0], way[1], count) for way in ways]).int()
    moved = frames.new_empty([frames.shape[0], count, target_height, target_width])
    for t in range(count):
        top, left, h, w = int(path[0, t]), int(path[1, t]), int(path[2, t]), int(path[3, t])
        piece = crop(frames[:, t : t + 1], top, left, h, w)
        moved[:, t : t + 1] = resize(piece, target_height, target_width, interpolation)
    return moved


def random_rectangle(
    height: int,
    width: int,
    scale: tuple[float, float],
    aspect_ratio: tuple[float, float],
    log_uniform_ratio: bool = True,
    num_tries: int = 10,
    generator: torch.Generator | None = None,
) -> tuple[int, int, int, int]:
    """Draw top, left, height and width as `random_resized_crop` does.

    The limits of `scale` and `aspect_ratio` may come in either order.

    Raises:
        AssertionError: if a scale or ratio is not positive.

    >>> random_rectangle(30, 40, scale=(1.0, 1.0), aspect_ratio=(4 / 3, 4 / 3))
    (0, 0, 30, 40)
    """
    if min(scale) <= 0 or min(aspect_ratio) <= 0:
        raise AssertionError(
            f"scale is {scale} and aspect_ratio {aspect_ratio}; all must be greater than 0."
        )
    low, high = min(aspect_ratio), max(aspect_ratio)
    for _ in range(num_tries):
        area = random_number(min(scale), max(scale), generator) * height * width
        if log_uniform_ratio:
            ratio = math.exp(random_number(math.log(low), math.log(high), generator))
        else:
            ratio = random_number(low, high, generator)
        w, h = _round(math.sqrt(area * ratio)), _round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = random_crop_corner(height, width, h, w, generator)
            return top, left, h, w
    h, w = height, width
    if width / height < low:
        h = _round(width / low)
    elif width / height > high:
        w = _round(height * high)
    h, w = max(h, 1), max(w, 1)
    return (height - h) // 2, (width - w) // 2, h, w


def _check_fits(video_height: int, video_width: int, height: int, width: int) -> None:
    if height > video_height or width > video_width:
        raise ValueError(
            f"The crop is {height}x{width}, but the video only {video_height}x{video_width}. "
            "Scale the video up first (ShortSideScale), or take a smaller crop."
        )


def _round(number: float) -> int:
    return int(round(number))  # noqa: RUF046  # a float in torch.jit.script
