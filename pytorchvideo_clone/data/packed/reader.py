"""A video of a packed store."""

import functools
import io
import itertools
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.audio import AudioOptions, AudioReader
from pytorchvideo_clone.data.decoders.frames import Frames, repeat_good_, shrink
from pytorchvideo_clone.data.decoders.timestamps import select_frames, window_to_pts
from pytorchvideo_clone.data.packed.format import KEY, REFERENCED, Record, StoreError
from pytorchvideo_clone.data.packed.store import open_store, split_path
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import (
    Clip,
    FrameFilter,
    OnDamage,
    Seconds,
    Video,
    VideoReadError,
    as_clip,
    check_on_damage,
)

__all__ = ["PackedVideo"]

Missing = dict[int, str]  # packet -> why it cannot be decoded


class PackedVideo(Video):
    """A video of a packed store, cut into clips by time.

    Args:
        path: "STORE.ptvpack#NUMBER", as the store lists it.
        decode_video: whether clips hold frames.
        decode_audio: whether clips hold audio, where there is any.
        audio_options: `audio_rate`, `audio_mono` and `missing_audio` of `EncodedVideo`.

    Raises:
        StoreError: if the store or the head of the video is damaged.
        ValueError: if it is no such path.
    """

    def __init__(
        self,
        path: files.PathLike,
        decode_video: bool = True,
        decode_audio: bool = True,
        **audio_options: Any,
    ) -> None:
        where = split_path(path)
        if where is None:
            raise ValueError(f"{path} names no video of a store; it must be STORE.ptvpack#NUMBER.")
        if not decode_video and not decode_audio:
            raise ValueError("decode_video and decode_audio are both False: nothing is left.")
        store = open_store(where[0])
        self._record: Record | None = store.record(where[1])
        self._origin = f"{where[0]}#{where[1]} ({store.name(where[1])})"
        self._name = PurePath(store.name(where[1])).name
        self._decode_video = decode_video
        named = {key.removeprefix("audio_"): value for key, value in audio_options.items()}
        if "missing_audio" in named:
            named["missing"] = named.pop("missing_audio")
        self._audio_options = AudioOptions(**named)
        self._audio: AudioReader | None = None
        if decode_audio:
            self._audio = self._open_audio(self._record)

    @property
    def name(self) -> str:
        """Name of the file that it was packed from."""
        return self._name

    @property
    def duration(self) -> Fraction:
        """Seconds from the begin of the first frame to the end of the last."""
        return Fraction(*self._opened().header.duration)

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Clip:
        """Read what begins in [start_sec, end_sec), as `EncodedVideo.get_clip`.

        Raises:
            StoreError: if a frame that is wanted is not as it was written; with "pad", if all are.
        """
        check_on_damage(on_damage)
        record = self._opened()
        clip: Clip = {"video": None, "audio": None}
        if on_damage == "pad":
            clip["valid"] = None
        frames = self._read(record, start_sec, end_sec, frame_filter, on_damage, short_side)
        if frames is not None:
            clip["video"] = as_clip(frames.pictures, video_dtype)
            if on_damage == "pad":
                clip["valid"] = frames.valid
        if self._audio is not None:
            late = Fraction(*record.header.audio_start)
            clip.update(self._audio_options.read(self._audio, start_sec - late, end_sec - late))
        return clip

    def places(self, windows: Sequence[tuple[Seconds, Seconds]]) -> list[range] | None:
        """Count the frames of windows, as `Video.places`; None with audio, which is read apart."""
        record = self._opened()
        if self._audio is not None or not self._decode_video:
            return None
        ticks = [_ticks(record, start, end) for start, end in windows]
        begin = min(first for first, _ in ticks)
        stamps = np.sort(record.packets["pts"])
        stamps = stamps[stamps >= begin]
        return [range(*np.searchsorted(stamps, ends).tolist()) for ends in ticks]

    def close(self) -> None:
        """Release the audio; the store stays open for other videos."""
        if self._audio is not None:
            self._audio.close()
        self._audio = self._record = None

    def _opened(self) -> Record:
        if self._record is None:
            raise ValueError(f"{self._name} is closed; open it again to read from it.")
        return self._record

    def _read(
        self,
        record: Record,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None,
        on_damage: OnDamage,
        short_side: int | None,
    ) -> Frames | None:
        if not self._decode_video:
            return None
        header, stamps = record.header, record.packets["pts"]
        first, last = _ticks(record, start_sec, end_sec)
        shown = np.argsort(stamps, kind="stable")  # packets, in the order of showing
        window = shown[(stamps[shown] >= first) & (stamps[shown] < last)]
        wanted = [int(window[place]) for place in select_frames(len(window), frame_filter)]
        if not wanted:
            return None
        size = (len(wanted), header.height, header.width, 3)
        try:
            out = np.empty(size, np.uint8)
        except (MemoryError, ValueError) as error:
            raise StoreError(f"its frames do not fit the memory ({error})", self._origin) from error
        missing = _DECODERS[header.codec](record, wanted, out)
        if missing and (on_damage == "raise" or len(missing) == len(set(wanted))):
            packet, cause = next(iter(missing.items()))
            time = (int(stamps[packet]) - header.start_pts) * Fraction(*header.time_base)
            raise StoreError(cause, self._origin, header.codec, time)
        valid = torch.tensor([packet not in missing for packet in wanted])
        pictures = torch.from_numpy(out)
        if missing:
            repeat_good_(pictures, valid)
        return Frames(shrink(pictures, short_side), valid)

    def _open_audio(self, record: Record) -> AudioReader | None:
        if zlib.crc32(record.audio) != record.header.audio_crc32:
            raise StoreError("its sound is damaged", self._origin)
        if not record.audio:
            if self._audio_options.missing is None:
                return None
            return AudioReader(io.BytesIO(_silent_file()))
        return AudioReader(io.BytesIO(record.audio))

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError(
            f"{self._name} is an open video of a store; let each process open it by its path."
        )


def _ticks(record: Record, start_sec: Seconds, end_sec: Seconds) -> tuple[float, float]:
    header = record.header
    rate = None if header.rate is None else Fraction(*header.rate)
    time_base = Fraction(*header.time_base)
    return window_to_pts(start_sec, end_sec, time_base, header.start_pts, rate)


def _decode_h264(record: Record, wanted: list[int], out: np.ndarray) -> Missing:
    """Decode packets of H.264 into `out`, sending only what a wanted one builds on."""
    places: dict[int, list[int]] = {}
    for place, packet in enumerate(wanted):
        places.setdefault(packet, []).append(place)
    # New for every clip, which takes 0.01 ms: one that is used again keeps the colours of a video
    # for the next, if that does not name its own.
    codec: Any = av.CodecContext.create("h264", "r")
    codec.thread_type, codec.thread_count = "SLICE", 1
    reformatter = VideoReformatter()
    numbers = {int(pts): number for number, pts in enumerate(record.packets["pts"])}
    damaged: Missing = {}
    left = set(places)

    def take(frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            packet = numbers.get(frame.pts if frame.pts is not None else -1, -1)
            fits = (frame.height, frame.width) == out.shape[1:3]
            if packet in left and fits and not frame.is_corrupt:
                with stage("convert"):
                    rgb = reformatter.reformat(frame, format="rgb24", threads=1)
                    plane = rgb.planes[0]
                    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
                    picture = rows[: out.shape[1], : 3 * out.shape[2]].reshape(out.shape[1:])
                    out[places[packet]] = picture
                left.discard(packet)

    for group in _needed(record.packets["flags"], set(places)):
        codec.flush_buffers()
        codec.flush_buffers()
        for number in group:
            try:
                coded = av.Packet(_packet(record, number))  # type: ignore[arg-type]  # any buffer
                coded.pts = int(record.packets["pts"][number])
                with stage("decode"):
                    frames = codec.decode(coded)
                take(frames)
            except (VideoReadError, av.FFmpegError) as error:
                damaged[number] = error.cause if isinstance(error, VideoReadError) else str(error)
                if record.packets["flags"][number] & REFERENCED:
                    break  # what follows in this group builds on it
        try:
            with stage("decode"):
                frames = codec.decode(None)
            take(frames)
        except av.FFmpegError as error:
            damaged.setdefault(group[-1], str(error))
    cause = next(iter(damaged.values()), "its packets do not decode")
    return {packet: damaged.get(packet, cause) for packet in places if packet in left}


def _decode_jpeg(record: Record, wanted: list[int], out: np.ndarray) -> Missing:
    decode = optional_import("simplejpeg", extra="packed").decode_jpeg
    missing: Missing = {}
    done: dict[int, int] = {}
    for place, number in enumerate(wanted):
        if number in done:
            out[place] = out[done[number]]
            continue
        try:
            data = _packet(record, number)
            with stage("decode"):  # and conversion, in one
                decode(data, fastdct=True, fastupsample=True, buffer=out[place])
            done[number] = place
        except ValueError as error:
            missing[number] = str(error)
        except StoreError as error:
            missing[number] = error.cause
    return missing


_DECODERS: dict[str, Callable[[Record, list[int], np.ndarray], Missing]] = {
    "h264": _decode_h264,
    "jpeg": _decode_jpeg,
}


def _needed(flags: np.ndarray, wanted: set[int]) -> list[list[int]]:
    """The packets to decode, a list for each group of pictures that holds a wanted one."""
    groups: list[list[int]] = []
    keys = np.flatnonzero(flags & KEY).tolist()
    for begin, end in itertools.pairwise([*keys, len(flags)]):
        inside = [number for number in range(begin, end) if number in wanted]
        if inside:
            # A picture may build on one that is shown later, and so is coded before it.
            groups.append(
                [n for n in range(begin, inside[-1] + 1) if n in wanted or flags[n] & REFERENCED]
            )
    return groups


def _packet(record: Record, number: int) -> memoryview:
    row = record.packets[number]
    begin, size = int(row["offset"]), int(row["size"])
    with stage("demux"):
        data = record.payload[begin : begin + size]
        whole = len(data) == size and zlib.crc32(data) == row["crc32"]
    if not whole:
        raise StoreError(f"packet {number} of {len(record.packets)} is damaged in the store")
    return data


@functools.cache
def _silent_file() -> bytes:
    """A Matroska file of one black frame, for the silence of a video without sound."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream: Any = file.add_stream("ffv1", rate=1)
        stream.height = stream.width = 16
        file.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        file.mux(stream.encode(None))
    return out.getvalue()
