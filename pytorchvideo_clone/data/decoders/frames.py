"""What decoders answer: pictures, which of them are real, and how large they are."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import OnDamage, VideoReadError

__all__ = [
    "DecoderRefusal",
    "Frames",
    "collect_frames",
    "repeat_good_",
    "scaled_size",
    "shrink",
]

# Scaling pays where there is much to leave out; below, the exact frames are worth more.
_MUCH_LARGER = 1.5


class DecoderRefusal(VideoReadError):
    """A video that another decoder may read: this one is known not to read such files exactly."""


class Frames(NamedTuple):
    """The frames of a window.

    Attributes:
        pictures: (T, H, W, 3) uint8, RGB, upright.
        valid: (T,) bool; False where a damaged frame was replaced by the nearest good one.
    """

    pictures: Tensor
    valid: Tensor


def collect_frames(
    wanted: Sequence[int], read_one: Callable[[int], Tensor], on_damage: OnDamage
) -> Frames:
    """Read frames one by one.

    Args:
        wanted: numbers of the frames.
        read_one: gives a frame, (H, W, 3) uint8, or raises VideoReadError.
        on_damage: as in `Video.get_clip`.

    Raises:
        VideoReadError: if a frame cannot be read; with "pad", if none can.
    """
    pictures: dict[int, Tensor] = {}
    failure = VideoReadError("no frame was asked for")
    for number in wanted:
        try:
            pictures[number] = pictures[number] if number in pictures else read_one(number)
        except VideoReadError as error:
            if on_damage == "raise":
                raise
            failure = error
    if not pictures:
        raise failure
    valid = torch.tensor([number in pictures for number in wanted])
    some = next(iter(pictures.values()))
    frames = torch.stack([pictures.get(number, some) for number in wanted])
    return Frames(repeat_good_(frames, valid), valid)


def repeat_good_(pictures: Tensor, valid: Tensor) -> Tensor:
    """Overwrite each picture that is not valid by the last valid one before it.

    Where there is none before it, the first valid one is taken.

    Args:
        pictures: (T, H, W, 3), written in place.
        valid: (T,) bool, at least one of them True.

    >>> repeat_good_(torch.tensor([0, 1, 0, 3]), torch.tensor([False, True, False, True])).tolist()
    [1, 1, 1, 3]
    """
    last = int(valid.int().argmax())
    for place, good in enumerate(valid.tolist()):
        if good:
            last = place
        else:
            pictures[place] = pictures[last]
    return pictures


def scaled_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Give the (height, width) in which pictures of this size are delivered.

    Only pictures whose shorter side is more than 1.5 times `short_side` are made smaller, so that
    it becomes `short_side`; the other side keeps the proportion.

    >>> scaled_size(720, 1280, short_side=320), scaled_size(480, 640, short_side=320)
    ((320, 569), (480, 640))
    """
    shorter = min(height, width)
    if short_side is None or shorter <= _MUCH_LARGER * short_side:
        return height, width
    # Rounded up, so that neither side falls below what was asked for.
    return -(-height * short_side // shorter), -(-width * short_side // shorter)


def shrink(pictures: Tensor, short_side: int | None) -> Tensor:
    """Bring decoded pictures to the size that `scaled_size` says: (T, H, W, 3) uint8."""
    size = scaled_size(pictures.shape[1], pictures.shape[2], short_side)
    if size == tuple(pictures.shape[1:3]):
        return pictures
    with stage("convert"):
        channels_first = pictures.permute(0, 3, 1, 2)
        scaled = F.interpolate(channels_first, size, mode="bilinear", antialias=True)
        return scaled.permute(0, 2, 3, 1)
