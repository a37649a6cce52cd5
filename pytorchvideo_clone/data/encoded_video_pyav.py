"""A video file whose frames PyAV reads, as PyTorchVideo's class of this name."""

from fractions import Fraction
from typing import Any, BinaryIO

from av.container import InputContainer

from pytorchvideo_clone.data.decoders.av_files import exact
from pytorchvideo_clone.data.decoders.pyav import PyAVDecoder
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.files import PathLike

__all__ = ["EncodedVideoPyAV"]


class EncodedVideoPyAV(EncodedVideo):
    """`EncodedVideo` with PyAV's decoder.

    Args:
        file: as in `EncodedVideo`.
        video_name: as there.
        decode_video: as there.
        decode_audio: as there.
        perform_seek: as in `PyAVDecoder`.
        other_args: other keyword arguments of `EncodedVideo`, such as `audio_rate`.

    >>> import tempfile, torch
    >>> from pytorchvideo_clone.data import export_video_array
    >>> path = f"{tempfile.mkdtemp()}/black.mp4"
    >>> _ = export_video_array(torch.zeros(3, 20, 16, 24), path, rate=10)
    >>> with EncodedVideoPyAV(path) as video:
    ...     video.rate, video.pix_fmt
    (Fraction(10, 1), 'yuv420p')
    """

    _OWN_DECODER = "pyav"

    def __init__(
        self,
        file: PathLike | BinaryIO,
        video_name: str | None = None,
        decode_video: bool = True,
        decode_audio: bool = True,
        perform_seek: bool = True,
        **other_args: Any,
    ) -> None:
        options = {"perform_seek": perform_seek, **other_args}
        super().__init__(file, video_name, decode_audio, decode_video, "pyav", **options)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, on average; None if the file does not say."""
        return exact(self._container.streams.video[0].average_rate)

    @property
    def bit_rate(self) -> int | None:
        """Bits a second of the frames; None if the file does not say."""
        return self._container.streams.video[0].bit_rate

    @property
    def pix_fmt(self) -> str | None:
        """Pixel format of the frames, such as "yuv420p"."""
        return self._container.streams.video[0].codec_context.pix_fmt

    @property
    def _container(self) -> InputContainer:
        """The open file, which other projects ask for its streams."""
        self._reopen_after_fork()
        if isinstance(self._decoder, PyAVDecoder):
            return self._decoder.reader.container
        if self._audio is None:
            raise ValueError(f"{self._name} is closed; open it again to read from it.")
        return self._audio.container
