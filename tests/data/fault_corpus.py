"""Files as they lie on disks: damaged, cut off, mislabelled, odd; and what a decoder makes of them.

Every picture says which frame it is (`coded_video`), so that a wrong frame shows. Run as a program,
this tries all files with one decoder and prints a line of JSON each: a decoder that crashes or
hangs takes only that process with it.

    python -m tests.data.fault_corpus FOLDER DECODER
"""

import json
import os
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import cut_video, numbers, write_video

RATE, FRAMES, STEP = 30, 100, Fraction(2, 5)
GROUPS = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}
# Ending -> how such a file is written.
KINDS = {
    "mp4": {"options": GROUPS, "container_options": {"movflags": "faststart"}},
    "avi": {"codec": "mpeg4", "options": {"g": "12", "b": "2M"}},
    "mkv": {"options": GROUPS},
    "webm": {
        "codec": "libvpx-vp9",
        "options": {"deadline": "realtime", "cpu-used": "8", "g": "12"},
    },
    "ts": {"options": GROUPS},
}


class Fault(NamedTuple):
    """A file to try.

    Attributes:
        name: what is wrong with it.
        path: where it is.
        begins: seconds at which its frames 0, 1, ... begin; empty if there are none to read.
        change: called with the path while the video is open.
        readable: whether the process may read it.
    """

    name: str
    path: str
    begins: list[Fraction]
    change: Callable[[str], None] | None = None
    readable: bool = True


class Outcome(NamedTuple):
    """What a decoder made of a file.

    Attributes:
        fault: name of the fault.
        right: windows that held exactly the frames that begin in them.
        refused: windows answered with VideoReadError.
        ended: windows beyond the end of a video that is shorter than its original.
        kept: frames that `on_damage="pad"` gave for the refused windows.
        wrong: what no decoder may do: other frames, fewer, another error; empty if all is well.
        cause: the first refusal, in words.
    """

    fault: str
    right: int
    refused: int
    ended: int
    kept: int
    wrong: list[str]
    cause: str


def even(frames: int = FRAMES) -> list[Fraction]:
    return [Fraction(number, RATE) for number in range(frames)]


def make_corpus(folder: Path) -> list[Fault]:
    """Write all files into an empty folder."""
    faults = []
    for ending, how in KINDS.items():
        path = folder / f"whole.{ending}"
        write_video(path, FRAMES, RATE, size=(96, 128), noise=30, **how)
        whole = path.read_bytes()
        size = len(whole)
        damaged = {
            "whole": whole,
            "first 10 % only": whole[: size // 10],
            "first 50 % only": whole[: size // 2],
            "first 90 % only": whole[: size * 9 // 10],
            "no bytes": b"",
            "middle zeroed": whole[: size * 2 // 5]
            + bytes(size * 3 // 5 - size * 2 // 5)
            + whole[size * 3 // 5 :],
        }
        if ending != "ts":  # it states no duration, and has no index
            damaged["states 10 times its duration"] = _with_duration(whole, ending, 10)
            damaged["states half its duration"] = _with_duration(whole, ending, Fraction(1, 2))
            damaged["no index"] = _without_index(folder, whole, ending)
        for name, data in damaged.items():
            file = folder / f"{name}.{ending}"
            file.write_bytes(data)
            faults.append(Fault(f"{ending}: {name}", str(file), even() if data else []))
        one = write_video(folder / f"one.{ending}", 1, RATE, size=(96, 128), **how)
        faults.append(Fault(f"{ending}: one frame", one, even(1)))
        wrong = folder / f"{ending}.{'avi' if ending == 'mp4' else 'mp4'}"
        wrong.write_bytes(whole)
        faults.append(Fault(f"{ending}: named {wrong.suffix}", str(wrong), even()))
    return faults + _odd_ones(folder)


def _odd_ones(folder: Path) -> list[Fault]:
    text = folder / "text.mp4"
    text.write_text("this is no video\n" * 100)
    sound = write_video(folder / "sound.mp4", 0, audio_sec=2)
    stamps = [sum(10 * (1 + k * k % 7) for k in range(number)) for number in range(40)]
    uneven = {"frames": 40, "rate": 1000, "pts": stamps, "time_base": Fraction(1, 1000)}
    begins = [Fraction(stamp, 1000) for stamp in stamps]
    plain = write_video(folder / "plain.mp4", FRAMES, RATE, options=GROUPS)
    cut = cut_video(plain, folder / "edit.mp4", 0)
    faults = [
        Fault("text named .mp4", str(text), []),
        Fault("sound only", sound, []),
        Fault("mp4: variable rate", write_video(folder / "vfr.mp4", **uneven), begins),
        Fault("mkv: variable rate", write_video(folder / "vfr.mkv", **uneven), begins),
        Fault("mp4: edit list", cut, even()),
        Fault("mp4: rotated", write_video(folder / "turned.mp4", 40, rotation=90), even(40)),
        Fault(
            "mp4: odd size",
            write_video(folder / "odd.mp4", 40, size=(47, 61), pix_fmt="yuv444p"),
            even(40),
        ),
        Fault("missing", str(folder / "missing.mp4"), []),
    ]
    for ending in ("mp4", "mkv"):
        data = (folder / f"whole.{ending}").read_bytes()
        for name, change in {
            "removed while open": os.remove,
            "cut to half while open": lambda path: os.truncate(
                path, Path(path).stat().st_size // 2
            ),
        }.items():
            path = folder / f"{name}.{ending}"
            path.write_bytes(data)
            faults.append(Fault(f"{ending}: {name}", str(path), even(), change))
    locked = folder / "locked.mp4"
    locked.write_bytes((folder / "whole.mp4").read_bytes())
    locked.chmod(0)
    return [*faults, Fault("mp4: not permitted", str(locked), [], readable=False)]


def _with_duration(data: bytes, ending: str, factor: int | Fraction) -> bytes:
    """The same file, with another length in its header."""
    changed = bytearray(data)
    # Name of the header field -> (bytes from there to the number, its form).
    fields = {
        "mp4": {b"mvhd": (20, ">I"), b"tkhd": (24, ">I"), b"mdhd": (20, ">I"), b"elst": (12, ">I")},
        "avi": {b"avih": (24, "<I"), b"strh": (40, "<I")},
        "mkv": {b"\x44\x89\x88": (3, ">d")},
        "webm": {b"\x44\x89\x88": (3, ">d")},
    }[ending]
    for name, (distance, form) in fields.items():
        place = changed.index(name) + distance
        (value,) = struct.unpack_from(form, changed, place)
        value = type(value)(value * factor)
        struct.pack_into(form, changed, place, value)
    return bytes(changed)


def _without_index(folder: Path, data: bytes, ending: str) -> bytes:
    if ending == "mp4":  # what is left of a recording that was stopped: the index comes last
        path = write_video(
            folder / "late.mp4", FRAMES, RATE, size=(96, 128), noise=30, options=GROUPS
        )
        late = Path(path).read_bytes()
        return late[: late.index(b"moov") - 4]
    name, other = (
        (b"idx1", b"JUNK") if ending == "avi" else (b"\x1c\x53\xbb\x6b", b"\x1c\x53\xbb\x6c")
    )
    assert name in data
    return data.replace(name, other)


def try_decoder(fault: Fault, decoder: str) -> Outcome:
    """Read all of a file in windows of 0.4 s, back and forth."""
    found: dict[str, int] = {"right": 0, "refused": 0, "ended": 0, "kept": 0}
    wrong: list[str] = []
    causes: list[str] = []

    def refuse(error: Exception, while_open: bool) -> None:
        causes.append(str(error))
        found["refused"] += 1
        if isinstance(error, FileNotFoundError):
            wrong.extend(["reports a file as missing"] if Path(fault.path).exists() else [])
        elif not isinstance(error, VideoReadError):
            wrong.append(f"raises {type(error).__name__}: {error}")
        # PyAV reads what another decoder refuses.
        elif error.path != fault.path or error.backend not in (decoder, "pyav") or not error.cause:
            wrong.append(f"says neither where nor by what: {error}")
        elif (error.time is None) == while_open:
            wrong.append(f"does not say when: {error}")

    try:
        with _as_nobody(not fault.readable):
            video = EncodedVideo.from_path(fault.path, decode_audio=False, decoder=decoder)
    except Exception as error:
        refuse(error, while_open=False)
        return Outcome(fault.name, **found, wrong=wrong, cause=causes[0])
    if not fault.begins:
        wrong.append("opens")
    with video:
        starts = [STEP * k for k in range(int(fault.begins[-1] / STEP) + 3)]
        for start in starts[::2] + starts[1::2][::-1]:
            inside = enumerate(fault.begins)
            expected = [number for number, begin in inside if start <= begin < start + STEP]
            try:
                shown = numbers(video.get_clip(start, start + STEP)["video"]) or []
            except Exception as error:
                refuse(error, while_open=True)
                kept = _pad(video, start, expected, wrong)
                found["kept"] += kept
            else:
                # A video may have become shorter, and say so.
                must = [n for n in expected if fault.begins[n] < video.duration]
                if shown != expected[: max(len(shown), len(must))]:
                    wrong.append(f"at {float(start)} s: {shown} instead of {must}")
                found["right" if shown == expected else "ended"] += 1
            if fault.change and start == starts[2]:
                fault.change(fault.path)
        if fault.change is os.remove:
            try:
                pickle.loads(pickle.dumps(video)).get_clip(0, 1)
            except Exception as error:
                refuse(error, while_open=False)
            else:
                wrong.append("reads a file that is gone")
    return Outcome(fault.name, **found, wrong=wrong, cause=causes[0] if causes else "")


def _pad(video: EncodedVideo, start: Fraction, expected: list[int], wrong: list[str]) -> int:
    """Count the good frames of a damaged window, and see that they are."""
    try:
        clip = video.get_clip(start, start + STEP, on_damage="pad")
    except VideoReadError:
        return 0
    shown, valid = numbers(clip["video"]) or [], clip["valid"].tolist()
    real = [number for number, good in zip(shown, valid, strict=True) if good]
    truth = [number for number, good in zip(expected, valid, strict=False) if good]
    if real != truth:
        wrong.append(f"at {float(start)} s pads {shown} {valid} instead of {expected}")
    return len(real)


@contextmanager
def _as_nobody(really: bool) -> Iterator[None]:
    """Give up the rights of root, who may read every file."""
    if not (really and os.geteuid() == 0):
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def main() -> None:
    """Try every file with one decoder."""
    folder, decoder = sys.argv[1:]
    for fault in make_corpus(Path(folder)):
        print(json.dumps(try_decoder(fault, decoder)._asdict()), flush=True)


if __name__ == "__main__":
    main()
