"""From a packed store back to video files."""

import io
import os
from fractions import Fraction

import av
import numpy as np

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.av_files import open_input
from pytorchvideo_clone.data.packed.format import KEY, Codec
from pytorchvideo_clone.data.packed.store import PackedStore

__all__ = ["unpack_video"]


def unpack_video(store: files.PathLike, number: int, target: files.PathLike) -> None:
    """Write a video of a store as a file that players show, without coding it again.

    Args:
        store: the store.
        number: which of its videos.
        target: the file; its ending chooses the container, such as ".mp4" (".mkv" for JPEG).

    Raises:
        StoreError: if the store or the video is damaged.
    """
    record = PackedStore(store).record(number)
    header, packets = record.header, record.packets
    time_base = Fraction(*header.time_base)
    # What a demuxer finds in the bare packets tells the muxer what it needs to know.
    bare = open_input(io.BytesIO(record.payload), _BARE[header.codec])
    sound = open_input(io.BytesIO(record.audio)) if record.audio else None
    with av.open(os.fspath(target), "w") as file:
        picture_stream = file.add_stream_from_template(bare.streams.video[0])
        sound_stream = sound and file.add_stream_from_template(sound.streams.audio[0])
        shown = np.sort(packets["pts"])
        # A picture is decoded one picture time before it is shown at the latest.
        step = int(shown[1] - shown[0]) if len(shown) > 1 else 1
        decoded = np.concatenate([[shown[0] - step], shown[:-1]])
        for row, dts in zip(packets, decoded.tolist(), strict=True):
            begin = int(row["offset"])
            packet = av.Packet(bytes(record.payload[begin : begin + int(row["size"])]))
            packet.pts, packet.dts, packet.time_base = int(row["pts"]), int(dts), time_base
            packet.is_keyframe = bool(row["flags"] & KEY)
            packet.stream = picture_stream
            file.mux(packet)
        if sound and sound_stream:
            for heard in sound.demux(sound.streams.audio[0]):
                if heard.size:
                    heard.stream = sound_stream
                    file.mux(heard)
            sound.close()
    bare.close()


_BARE: dict[Codec, str] = {"h264": "h264", "jpeg": "mjpeg"}
