"""A video file whose frames decord reads, as PyTorchVideo's class of this name."""

from typing import Any, BinaryIO

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.files import PathLike

__all__ = ["EncodedVideoDecord"]


class EncodedVideoDecord(EncodedVideo):
    """`EncodedVideo` with decord's decoder.

    Args:
        file: as in `EncodedVideo`.
        video_name: as there.
        decode_video: as there.
        decode_audio: as there.
        sample_rate: samples a second of the audio.
        mono: whether the audio is the mean of the channels, (S,); else (channels, S).
        width: pixels to scale the frames to; -1 keeps the size.
        height: the same.
        num_threads: threads that decode; 0 means one, since several workers decode at once.
        fault_tol: as in `DecordDecoder`.
        other_args: other keyword arguments of `EncodedVideo`, such as `missing_audio`.
    """

    _OWN_DECODER = "decord"

    def __init__(
        self,
        file: PathLike | BinaryIO,
        video_name: str | None = None,
        decode_video: bool = True,
        decode_audio: bool = True,
        sample_rate: int = 44100,
        mono: bool = True,
        width: int = -1,
        height: int = -1,
        num_threads: int = 0,
        fault_tol: int = -1,
        **other_args: Any,
    ) -> None:
        super().__init__(
            file,
            video_name,
            decode_audio,
            decode_video,
            "decord",
            sample_rate=sample_rate,
            mono=mono,
            width=width,
            height=height,
            num_threads=num_threads or 1,
            fault_tol=fault_tol,
            **other_args,
        )
