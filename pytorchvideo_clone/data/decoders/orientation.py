"""How a stored picture is turned and mirrored for showing: the display matrix of a file."""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type

__all__ = ["Orientation"]


class Orientation(NamedTuple):
    """What to do with a stored picture, in this order.

    Attributes:
        transposed: rows become columns.
        mirrored_rows: the first row becomes the last.
        mirrored_columns: the first column becomes the last.
    """

    transposed: bool = False
    mirrored_rows: bool = False
    mirrored_columns: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Orientation":
        """Read that of a decoded frame; angles that are no quarter turns are left alone."""
        # Its annotations name text keys only, but it takes a type.
        data = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
        if data is None:
            return _UPRIGHT
        # A stored pixel (x, y) is shown at (a x + c y, b x + d y).
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        if b == c == 0:
            return cls(False, d < 0, a < 0)
        if a == d == 0:
            return cls(True, b < 0, c < 0)
        return _UPRIGHT

    @classmethod
    def of_first(cls, context: av.VideoCodecContext, packets: Iterable[av.Packet]) -> "Orientation":
        """Read that of the first frame that packets give; what the decoder holds is dropped."""
        with suppress(av.FFmpegError):  # told when frames are wanted
            for packet in packets:
                for frame in context.decode(packet):
                    context.flush_buffers()
                    return cls.of(frame)
        return _UPRIGHT

    @property
    def mirrors(self) -> bool:
        """Whether no turn alone does it."""
        return self.transposed + self.mirrored_rows + self.mirrored_columns in (1, 3)

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Give a view of a picture as it is shown: (H, W, 3) -> (H, W, 3) or (W, H, 3).

        >>> picture = np.arange(6).reshape(2, 3, 1)
        >>> Orientation(transposed=True, mirrored_rows=True).apply(picture)[..., 0].tolist()
        [[2, 5], [1, 4], [0, 3]]
        """
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.mirrored_rows else 1, :: -1 if self.mirrored_columns else 1]


_UPRIGHT = Orientation()
