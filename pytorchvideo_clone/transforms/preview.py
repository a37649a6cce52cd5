"""A look at what a transform does: its draws as rows of frames."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms.functional import resize, uniform_temporal_subsample
from pytorchvideo_clone.transforms.lettering import write_text

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["preview"]

_MARGIN = 110
_GAP = 2
_BOX_COLOUR = (255, 200, 0)


def preview(
    sample: dict[str, Any] | Tensor,
    transform: Callable[[Any], Any],
    n: int = 4,
    *,
    frames: int = 6,
    frame_height: int = 96,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> "Image":
    """Draw a contact sheet: a row for each draw of a transform, a column for each frame.

    Args:
        sample: a clip (3, T, H, W), or a sample with one under `video`. Boxes that come out of the
            transform are drawn, and its label stands in the margin.
        transform: takes the sample, and gives one, or a clip. Several views of a clip, as a list or
            as (views, 3, T, H, W), get a row each.
        n: how often the transform is applied.
        frames: how many frames of a clip are shown, evenly spaced.
        frame_height: of a shown frame, in pixels.
        mean: undoes normalising; without it floats are taken as [0, 1] unless they exceed 1.
        std: belongs to `mean`.

    Returns:
        A PIL image.

    Raises:
        ValueError: if `n` is below 1, or floats are negative and `mean` is not given.

    >>> from pytorchvideo_clone.transforms import RandomHorizontalFlip
    >>> preview(torch.zeros(3, 8, 48, 64), RandomHorizontalFlip(), n=2).size
    (888, 194)
    """
    from PIL import Image, ImageDraw

    if n < 1:
        raise ValueError(f"n is {n}; it must be at least 1.")
    rows: list[tuple[str, Tensor]] = []
    for number in range(1, n + 1):
        result = transform(sample)
        result = result if isinstance(result, dict) else {"video": result}
        label = result.get("label", sample.get("label") if isinstance(sample, dict) else None)
        videos = result["video"]
        several = not isinstance(videos, Tensor) or videos.dim() == 5
        for view, video in enumerate(videos if several else [videos], start=1):
            lines = [f"draw {number}"] + [f"view {view}"] * several
            text = "\n".join(lines + ([] if label is None else [_words(label)]))
            rows.append((text, _strip(video, result.get("boxes"), frames, frame_height, mean, std)))
    height = sum(strip.shape[1] + _GAP for _, strip in rows) - _GAP
    width = _MARGIN + max(strip.shape[2] for _, strip in rows)
    sheet = Image.new("RGB", (width, height), "white")
    pen, top = ImageDraw.Draw(sheet), 0
    for text, strip in rows:
        sheet.paste(Image.fromarray(strip.permute(1, 2, 0).numpy()), (_MARGIN, top))
        write_text(pen, (4, top + 4), text, _MARGIN - 8)
        top += strip.shape[1] + _GAP
    return sheet


def _words(label: Any) -> str:
    if isinstance(label, Tensor):
        label = [round(value, 3) for value in label.flatten().tolist()]
        label = label[0] if len(label) == 1 else label
    return str(label)[:60]


def _strip(
    video: Tensor,
    boxes: Tensor | None,
    frames: int,
    frame_height: int,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Tensor:
    """Frames beside one another, (3, H, W) uint8."""
    pixels = uniform_temporal_subsample(_bytes(video.detach().cpu(), mean, std), frames)
    height, width = pixels.shape[-2:]
    ratio = frame_height / height
    pixels = resize(pixels, frame_height, max(round(width * ratio), 1)).clone()
    for x1, y1, x2, y2 in [] if boxes is None else (boxes.detach().cpu() * ratio).long().tolist():
        colour = torch.tensor(_BOX_COLOUR, dtype=torch.uint8).view(3, 1, 1)
        pixels[:, :, y1 : y2 + 1, [x1, min(x2, pixels.shape[-1] - 1)]] = colour[..., None]
        pixels[:, :, [y1, min(y2, frame_height - 1)], x1 : x2 + 1] = colour[..., None]
    gap = torch.full((3, pixels.shape[1], frame_height, _GAP), 255, dtype=torch.uint8)
    return torch.cat([pixels, gap], dim=-1).transpose(1, 2).flatten(2)[..., :-_GAP]


def _bytes(video: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    if video.dtype == torch.uint8:
        return video
    video = video.float()
    if mean is not None and std is not None:
        video = video * torch.tensor(std).view(-1, 1, 1, 1) + torch.tensor(mean).view(-1, 1, 1, 1)
    elif video.min() < 0:
        raise ValueError(f"The clip goes down to {video.min():.3g}; pass the mean and std it has.")
    elif video.max() > 1:
        video = video / 255
    return (video * 255).round().clamp(0, 255).to(torch.uint8)
