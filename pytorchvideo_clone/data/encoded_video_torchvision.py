"""A video file for torchvision's decoder, which is gone: TorchCodec reads the frames."""

from typing import Any, BinaryIO

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.files import PathLike

__all__ = ["EncodedVideoTorchVision"]


class EncodedVideoTorchVision(EncodedVideo):
    """`EncodedVideo` with TorchCodec's decoder, and a warning that it is not torchvision's.

    Args:
        file: as in `EncodedVideo`.
        video_name: as there.
        decode_video: as there.
        decode_audio: as there.
        other_args: other keyword arguments of `EncodedVideo`, such as `audio_rate`.
    """

    _OWN_DECODER = "torchvision"

    def __init__(
        self,
        file: PathLike | BinaryIO,
        video_name: str | None = None,
        decode_video: bool = True,
        decode_audio: bool = True,
        **other_args: Any,
    ) -> None:
        super().__init__(file, video_name, decode_audio, decode_video, "torchvision", **other_args)
