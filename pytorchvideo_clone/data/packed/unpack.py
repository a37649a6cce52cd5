"""From a packed store back to video files."""

import io
import itertools
import re
from fractions import Fraction
from typing import Any

import av
import numpy as np

from pytorchvideo_clone._whole import written_whole
from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.av_files import exact, open_input
from pytorchvideo_clone.data.decoders.sound_arrays import Resampler
from pytorchvideo_clone.data.packed.format import KEY, Codec, Record
from pytorchvideo_clone.data.packed.sound import first_sound, steady_frames
from pytorchvideo_clone.data.packed.store import PackedStore
from pytorchvideo_clone.data.video import VideoReadError

__all__ = ["file_name", "folder_names", "unpack_video"]

_BARE: dict[Codec, str] = {"h264": "h264", "jpeg": "mjpeg"}
# What a name may not hold somewhere: separators, Windows' others, control characters, bytes that
# are no UTF-8.
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 200  # bytes of a name; file systems take 255


def unpack_video(store: files.PathLike, number: int, target: files.PathLike) -> str:
    """Write a video of a store as a file that players show, without coding its pictures again.

    The sound is not coded again either, if the container can hold its codec; else it becomes AAC.

    Args:
        store: the store.
        number: which of its videos.
        target: the file; its ending chooses the container, such as ".mp4" (".mkv" for JPEG).

    Returns:
        What became of the sound if it is not as it was; else nothing.

    Raises:
        StoreError: if the store or the video is damaged.
        VideoReadError: if the container cannot hold the pictures.
    """
    record = PackedStore(store).record(number)
    path = files.plain_path(target)
    codec = _codec_of(record.audio)
    outcomes = {
        "copy": "",
        "aac": f"its sound was {codec}, which the file cannot hold, and is AAC",
        "none": f"its sound ({codec}) cannot be written and is left out",
    }
    for sound, outcome in outcomes.items():
        try:
            _write(record, path, sound)
            if sound == "none" or not codec or _sounds(path):
                return outcome
        except (av.FFmpegError, ValueError) as error:
            if sound == "none" or not codec:
                raise VideoReadError(f"it cannot be written ({error})", path) from error
    raise AssertionError("without sound there is an outcome")


def file_name(number: int, source: str, ending: str) -> str:
    """Give the name of an unpacked video: fit for every system, and no other's.

    >>> file_name(7, "videos/12:30:05.mp4", "mkv")
    '000007_12_30_05.mkv'
    """
    stem = re.split(r"[/\\]", source)[-1].rpartition(".")[0] or source
    return f"{number:06}_{_fit(stem)}.{ending}"


def folder_names(class_names: list[str]) -> list[str]:
    """Give the name of a folder for each class: fit for every system, and no other's.

    >>> folder_names(["run", "cut/paste", ".."])
    ['run', 'cut_paste', '_']
    """
    found: list[str] = []
    for number, name in enumerate(class_names):
        fit = _fit(name)
        if _RESERVED.fullmatch(fit):
            fit = f"{fit}_"
        taken = fit.lower() in (other.lower() for other in found)  # some systems know no case
        found.append(f"{fit}_{number}" if taken else fit)
    return found


def _fit(name: str) -> str:
    fit = _UNFIT.sub("_", name).rstrip(". ")
    fit = fit.encode()[:_LONGEST].decode(errors="ignore")
    return fit if fit.strip(". ") else "_"


def _codec_of(audio: memoryview) -> str:
    if not len(audio):
        return ""
    with open_input(io.BytesIO(audio)) as sound:
        return first_sound(sound).codec_context.name


def _sounds(path: str) -> bool:
    """Whether a file has sound that decodes."""
    try:
        with open_input(path) as file:
            stream = first_sound(file)
            return stream is not None and next(file.decode(stream), None) is not None
    except av.FFmpegError:
        return False


def _write(record: Record, path: str, sound: str) -> None:
    header, packets = record.header, record.packets
    time_base = Fraction(*header.time_base)
    # What a demuxer finds in the bare packets tells the muxer what it needs to know.
    with (
        open_input(io.BytesIO(record.payload), _BARE[header.codec]) as bare,
        written_whole(path) as unfinished,
        av.open(str(unfinished), "w") as file,
    ):
        picture_stream = file.add_stream_from_template(bare.streams.video[0])
        heard = _SOUNDS[sound](record, file)
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
        for packet in heard:
            file.mux(packet)


def _copied(record: Record, file: Any) -> Any:
    if not len(record.audio):
        return []
    sound = open_input(io.BytesIO(record.audio))
    given = first_sound(sound)
    target = file.add_stream_from_template(given)

    def packets() -> Any:
        late: int | None = None
        with sound:
            for packet in sound.demux(given):
                if packet.size and packet.pts is not None:
                    # NUT has no negative times: the record says when the first packet begins.
                    if late is None:
                        late = round(_begin(record) / (exact(packet.time_base) or 1)) - packet.pts
                    packet.pts, packet.dts = packet.pts + late, packet.pts + late
                    packet.stream = target
                    yield packet

    return packets()


def _begin(record: Record) -> Fraction:
    """Seconds at which the sound begins, by the clock of the pictures."""
    header = record.header
    return Fraction(*header.audio_start) + header.start_pts * Fraction(*header.time_base)


def _as_aac(record: Record, file: Any) -> Any:
    sound = open_input(io.BytesIO(record.audio))
    given = first_sound(sound)
    rate = min(_AAC_RATES, key=lambda known: abs(known - given.codec_context.sample_rate))
    layout = "mono" if given.codec_context.channels == 1 else "stereo"
    target = file.add_stream("aac", rate=rate, layout=layout)

    def packets() -> Any:
        resampler = Resampler("fltp", layout, rate, frame_size=1024)
        late = round(_begin(record) * rate)
        with sound:
            for frame in itertools.chain(steady_frames(sound.decode(given)), [None]):
                for same in resampler.resample(frame):
                    same.pts = (same.pts or 0) + late
                    yield from target.encode(same)
            yield from target.encode(None)

    return packets()


_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_SOUNDS = {"copy": _copied, "aac": _as_aac, "none": lambda record, file: []}
