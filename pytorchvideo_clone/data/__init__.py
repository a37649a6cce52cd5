"""From a path to samples: videos, decoders, clip samplers and data sets."""

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.video import Video, VideoPathHandler, VideoReadError
from pytorchvideo_clone.data.writer import export_video_array

__all__ = [
    "EncodedVideo",
    "FrameVideo",
    "Video",
    "VideoPathHandler",
    "VideoReadError",
    "export_video_array",
]
