"""Packed stores: videos coded anew for fast random access, many to a file."""

from pytorchvideo_clone.data.packed.format import StoreError
from pytorchvideo_clone.data.packed.reader import PackedVideo
from pytorchvideo_clone.data.packed.store import PackedStore
from pytorchvideo_clone.data.packed.unpack import unpack_video
from pytorchvideo_clone.data.packed.writer import PackReport, PackSettings, pack_videos

__all__ = [
    "PackReport",
    "PackSettings",
    "PackedStore",
    "PackedVideo",
    "StoreError",
    "pack_videos",
    "unpack_video",
]
