"""Read the sound of a video file, with PyAV whatever decodes its frames."""

from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
import torch
from torch import Tensor

from pytorchvideo_clone.data.decoders.timestamps import secs_to_pts
from pytorchvideo_clone.data.video import Seconds

__all__ = ["AudioReader"]

# A codec that overlaps its frames (AAC, Opus) needs a few before the first one asked for.
_WARM_UP_SEC = Fraction(1, 10)


class AudioReader:
    """The sound of a video file, in the codec's own rate and values.

    Times count from the begin of the video stream if the file has one, so that sound and frames of
    a window belong together; else from the begin of the sound.

    Args:
        source: a local path, or an open binary file.

    Attributes:
        duration: seconds; 0 if there is no sound.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._source = source
        self._open()
        self.duration = Fraction(0)
        if self._stream is None:
            return
        assert self._stream.time_base is not None
        self._time_base = self._stream.time_base
        leading = next(iter(self._container.streams.video), self._stream)
        start_sec = (leading.start_time or 0) * (leading.time_base or 0)
        self._start_pts = round(start_sec / self._time_base)
        if self._stream.duration:
            self.duration = self._stream.duration * self._time_base
        elif self._container.duration:
            self.duration = Fraction(self._container.duration, av.time_base)

    def read(self, start_sec: Seconds, end_sec: Seconds) -> Tensor | None:
        """Decode the codec frames that begin in [start_sec, end_sec), whole.

        Returns:
            (S,) float32, the mean over the channels in the values that the codec delivers (16-bit
            samples stay within ±32768), at the file's own rate; None if nothing begins there.
        """
        if self._stream is None:
            return None
        first = secs_to_pts(start_sec, self._time_base, self._start_pts, "ceil")
        last = secs_to_pts(end_sec, self._time_base, self._start_pts, "ceil")
        try:
            warm_up = float(_WARM_UP_SEC / self._time_base)
            position = max(int(min(first, last) - warm_up), self._start_pts)
            self._container.seek(position, stream=self._stream)
        except av.FFmpegError:  # a source that cannot seek
            self._open()
        pieces = []
        for frame in self._container.decode(self._stream):
            if frame.pts is None or frame.pts < first:
                continue
            if frame.pts >= last:
                break
            samples = frame.to_ndarray()
            if not frame.format.is_planar:  # channels take turns
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            pieces.append(samples.mean(axis=0, dtype=np.float32))
        return torch.from_numpy(np.concatenate(pieces)) if pieces else None

    @property
    def exists(self) -> bool:
        """Whether the file has sound."""
        return self._stream is not None

    def close(self) -> None:
        """Release the file; more calls do nothing."""
        self._container.close()

    def _open(self) -> None:
        if not isinstance(self._source, str):
            self._source.seek(0)
        self._container = av.open(self._source, "r", metadata_errors="replace")
        self._stream = next(iter(self._container.streams.audio), None)
