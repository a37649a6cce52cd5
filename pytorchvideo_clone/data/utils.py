"""PyTorchVideo's module of this name: the functions lie where they belong, and are named here."""

from pytorchvideo_clone.data.decoders.timestamps import pts_to_secs, secs_to_pts
from pytorchvideo_clone.data.lists.csv_rows import (
    DataclassFieldCaster,
    load_dataclass_dict_from_csv,
    save_dataclass_objs_to_headered_csv,
)
from pytorchvideo_clone.data.lists.manifest import get_logger, optional_threaded_foreach
from pytorchvideo_clone.data.sharding import MultiProcessSampler
from pytorchvideo_clone.data.video import thwc_to_cthw
from pytorchvideo_clone.data.writer import export_video_array

__all__ = [
    "DataclassFieldCaster",
    "MultiProcessSampler",
    "export_video_array",
    "get_logger",
    "load_dataclass_dict_from_csv",
    "optional_threaded_foreach",
    "pts_to_secs",
    "save_dataclass_objs_to_headered_csv",
    "secs_to_pts",
    "thwc_to_cthw",
]
