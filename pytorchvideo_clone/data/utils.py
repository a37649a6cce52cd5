"""PyTorchVideo's module of this name: the functions lie where they belong, and are named here."""

from pytorchvideo_clone.data.decoders.timestamps import pts_to_secs, secs_to_pts
from pytorchvideo_clone.data.sharding import MultiProcessSampler
from pytorchvideo_clone.data.video import thwc_to_cthw
from pytorchvideo_clone.data.writer import export_video_array

__all__ = [
    "MultiProcessSampler",
    "export_video_array",
    "pts_to_secs",
    "secs_to_pts",
    "thwc_to_cthw",
]
