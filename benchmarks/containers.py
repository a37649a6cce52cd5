"""Read a video of every codec in every container that ffmpeg writes here, and compare with ffmpeg.

    python benchmarks/containers.py FOLDER [DECODER ...]

Makes the videos in FOLDER (kept for the next run): frames that carry their number, 25 a second, in
each encoder's kinds of groups of pictures. ffmpeg's own decode says which frames a file holds, in
which order and when. Each decoder must give the same ones, read whole and in windows. A file of
which ffmpeg itself complains is left out. The table goes to benchmarks/results/containers.md.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))
from coded_video import numbers, picture

from pytorchvideo_clone.data import EncodedVideo, VideoReadError

RATE, FRAMES = 25, 53
HEIGHT, WIDTH = 144, 176
RESULTS = Path(__file__).parent / "results" / "containers.md"

_GROUPS = {  # kinds of groups of pictures of the codecs that reorder frames
    "no B": "-g 12 -bf 0",
    "B": "-g 12 -bf 2 -flags +cgop -sc_threshold 1000000000",
    "B open": "-g 12 -bf 2",
    "long": "-g 250 -bf 3",
}
_X264 = {
    "no B": "-g 12 -bf 0",
    "B": "-g 12 -bf 2 -x264-params open-gop=0",
    "B open": "-g 12 -bf 3 -x264-params open-gop=1:scenecut=0",
    "pyramid": "-g 250 -bf 3 -x264-params b-pyramid=normal:ref=4:b-adapt=0",
    "interlaced": "-g 12 -bf 2 -flags +ilme+ildct",
    "refresh": "-g 30 -bf 0 -x264-params intra-refresh=1",
}
_X265 = {
    "no B": "-g 12 -bf 0 -x265-params log-level=none:pools=1",
    "B": "-g 12 -x265-params log-level=none:pools=1:bframes=3:open-gop=0",
    "B open": "-g 12 -x265-params log-level=none:pools=1:bframes=3:open-gop=1",
}
_VPX = {
    "alt-ref": "-auto-alt-ref 1 -lag-in-frames 16 -g 25",
    "no lag": "-lag-in-frames 0 -g 12",
}
_ONE = {"": ""}
# Encoder -> kinds. Those that write one picture a frame have one.
ENCODERS: dict[str, dict[str, str]] = {
    "libx264": _X264,
    "libx265": _X265,
    "mpeg4": _GROUPS,
    "libxvid": {kind: _GROUPS[kind] for kind in ("no B", "B open", "long")},
    "mpeg2video": {**_GROUPS, "interlaced": "-g 12 -bf 2 -flags +ilme+ildct"},
    "mpeg1video": _GROUPS,
    "libvpx": _VPX,
    "libvpx-vp9": _VPX,
    "libaom-av1": {"": "-cpu-used 8 -g 25 -row-mt 0"},
    "h263": {"": "-g 12"},
    "h263p": {"": "-g 12"},
    "h261": {"": "-g 12"},
    "flv": {"": "-g 12"},
    "wmv1": {"": "-g 12"},
    "wmv2": {"": "-g 12"},
    "msmpeg4": {"": "-g 12"},
    "msmpeg4v2": {"": "-g 12"},
    "rv10": {"": "-g 12"},
    "rv20": {"": "-g 12"},
    "svq1": {"": "-g 12"},
    "snow": {"": "-g 12 -strict -2"},
    "libtheora": {"": "-g 12"},
    "cinepak": {"": "-g 12"},
    "qtrle": {"": "-g 12"},
    "zmbv": {"": "-g 12"},
    "flashsv": {"": "-g 12"},
    "flashsv2": {"": "-g 12"},
    "msvideo1": {"": "-g 12"},
    "gif": _ONE,
    "png": _ONE,
    "apng": _ONE,
    "mjpeg": {"": "-q:v 3"},
    "ljpeg": {"": "-strict -1"},
    "amv": {"": "-q:v 3 -strict -1"},
    "ffv1": {"": "-g 12"},
    "huffyuv": _ONE,
    "ffvhuff": _ONE,
    "utvideo": _ONE,
    "magicyuv": _ONE,
    "prores_ks": _ONE,
    "dnxhd": {"": "-s 1280x720 -b:v 45M -pix_fmt yuv422p"},
    "dvvideo": {"": "-s 720x576 -pix_fmt yuv420p"},
    "vc2": _ONE,
    "jpeg2000": _ONE,
    "rawvideo": {"": "-pix_fmt yuv420p"},
    "v210": _ONE,
    "asv1": _ONE,
    "libwebp_anim": _ONE,
}
# Name -> ending and options of the muxer.
CONTAINERS: dict[str, tuple[str, str]] = {
    "mp4": ("mp4", ""),
    "mp4 fragments": ("mp4", "-movflags +empty_moov+frag_keyframe"),
    "mov": ("mov", ""),
    "3gp": ("3gp", ""),
    "f4v": ("f4v", ""),
    "ismv": ("ismv", ""),
    "matroska": ("mkv", ""),
    "matroska live": ("mkv", "-live 1"),
    "webm": ("webm", ""),
    "avi": ("avi", ""),
    "asf": ("wmv", "-f asf"),
    "asf stream": ("asf", "-f asf_stream"),
    "flv": ("flv", ""),
    "mpegts": ("ts", ""),
    "m2ts": ("m2ts", "-f mpegts -mpegts_m2ts_mode 1"),
    "mpeg": ("mpg", "-f mpeg"),
    "vob": ("vob", "-f vob"),
    "svcd": ("svcd.mpg", "-f svcd"),
    "mxf": ("mxf", ""),
    "mxf opatom": ("opatom.mxf", "-f mxf_opatom"),
    "gxf": ("gxf", ""),
    "nut": ("nut", ""),
    "ogg": ("ogv", "-f ogg"),
    "rm": ("rm", ""),
    "swf": ("swf", ""),
    "wtv": ("wtv", ""),
    "dv": ("dv", ""),
    "ivf": ("ivf", ""),
    "gif": ("gif", ""),
    "apng": ("apng", ""),
    "amv": ("amv", ""),
    "y4m": ("y4m", "-f yuv4mpegpipe"),
}


class Row(NamedTuple):
    """A video of the matrix."""

    encoder: str
    kind: str
    container: str
    path: Path


class Truth(NamedTuple):
    """What ffmpeg decodes: numbers of the frames, and when each is shown, from the first on."""

    numbers: list[int]
    seconds: list[float]


def rows(folder: Path) -> Iterator[Row]:
    """Every combination, whether it can be written or not."""
    for (encoder, kinds), container in product(ENCODERS.items(), CONTAINERS):
        for kind in kinds:
            name = "-".join(filter(None, (encoder, kind, container))).replace(" ", "_")
            yield Row(encoder, kind, container, folder / f"{name}.{CONTAINERS[container][0]}")


def write(row: Row) -> bool:
    """Write a video that is not there; False if ffmpeg cannot, or complains about its own file."""
    refused = row.path.with_name(row.path.name + ".refused")
    if refused.exists() or row.path.exists():
        return row.path.exists()
    options = f"{ENCODERS[row.encoder][row.kind]} {CONTAINERS[row.container][1]}"
    command = (
        f"ffmpeg -nostdin -v error -y -f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {RATE} "
        f"-i - -c:v {row.encoder} -threads 1 {options}"
    ).split()
    frames = b"".join(picture(n, HEIGHT, WIDTH).tobytes() for n in range(FRAMES))
    try:
        done = subprocess.run([*command, row.path], input=frames, capture_output=True, timeout=60)
        good = done.returncode == 0 and ffmpeg_is_content(row.path)
    except subprocess.TimeoutExpired:
        good = False
    if not good:
        row.path.unlink(missing_ok=True)
        refused.touch()
    return good


def ffmpeg_is_content(path: Path) -> bool:
    """Whether ffmpeg decodes a file without a word."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    return done.returncode == 0 and not done.stderr


def truth(path: Path) -> Truth:
    """Decode with ffmpeg, and ask ffprobe for the times; kept beside the video."""
    kept = path.with_name(path.name + ".truth")
    if kept.exists():
        return Truth(*json.loads(kept.read_text("utf-8")))
    probe = ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries"]
    size = subprocess.run(
        [*probe, "stream=width,height", "-of", "csv=p=0", path],
        capture_output=True,
        encoding="utf-8",
    ).stdout.strip()
    width, height = map(int, size.strip(",\n").split("\n")[0].split(",")[:2])
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-i", path, "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True).stdout
    shown = torch.from_numpy(np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3).copy())
    times = subprocess.run(
        [*probe, "frame=best_effort_timestamp_time", "-of", "csv=p=0", path],
        capture_output=True,
        encoding="utf-8",
    ).stdout.split()
    known = [float(time.strip(",")) for time in times if time.strip(",") not in ("", "N/A")]
    begin = known[0] if known else 0.0
    found = Truth(numbers(shown.permute(3, 0, 1, 2)) or [], [time - begin for time in known])
    kept.write_text(json.dumps(found), "utf-8")
    return found


def check(row: Row, decoder: str) -> tuple[str, str]:
    """Compare a decoder with ffmpeg: (right, wrong or refused; how)."""
    expected, seconds = truth(row.path)
    try:
        with EncodedVideo.from_path(row.path, decode_audio=False, decoder=decoder) as video:
            if video.decoder_name != decoder:
                return "refused", f"read by {video.decoder_name}"
            clip = video.get_clip(0, float("inf"), video_dtype=torch.uint8)["video"]
            found = numbers(clip)
            if found != expected:
                return "wrong", f"whole: {_difference(found, expected)}"
            length = max(len(expected), round(seconds[-1] * RATE) + 1) / RATE
            if abs(float(video.duration) - length) > 2.01 / RATE:  # frames may be left out
                return "wrong", f"duration {float(video.duration):.3f} of {length:.3f}"
            for first, last in (
                (0, 1),
                (1, 7),
                (12, 13),
                (11, 26),
                (24, 25),
                (30, FRAMES),
                (FRAMES - 1, FRAMES),
            ):
                # Ends in the middle between two frames, however their times are rounded.
                start = max(Fraction(0), Fraction(2 * first - 1, 2 * RATE))
                end = Fraction(2 * last - 1, 2 * RATE)
                part = video.get_clip(start, end, video_dtype=torch.uint8)["video"]
                # By the file's times, where it leaves out some; ffprobe may not know the last ones.
                late = [seconds[-1] + n / RATE for n in range(1, 1 + len(expected) - len(seconds))]
                times = zip(expected, [*seconds, *late], strict=True)
                inside = [number for number, time in times if start <= time < end]
                if (numbers(part) or []) not in (expected[first:last], inside):
                    return (
                        "wrong",
                        f"[{first}, {last}): {_difference(numbers(part), expected[first:last])}",
                    )
    except VideoReadError as error:
        return "refused", str(error).partition(": ")[2]
    except Exception as error:  # an untyped error is a result too
        return "wrong", f"{type(error).__name__}: {error}"
    return "right", ""


def _difference(found: list[int] | None, expected: list[int]) -> str:
    if found is None:
        return f"None instead of {len(expected)} frames"
    if len(found) != len(expected):
        return f"{len(found)} frames instead of {len(expected)}: {found[:6]}.. {expected[:6]}.."
    first = next(n for n, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
    return (
        f"from place {first} on {found[first : first + 4]} instead of {expected[first : first + 4]}"
    )


def _one(task: tuple[Row, list[str]]) -> tuple[Row, dict[str, tuple[str, str]]] | None:
    row, decoders = task
    if not write(row):
        return None
    return row, {decoder: check(row, decoder) for decoder in decoders}


def main(folder: Path, decoders: list[str]) -> None:
    """Write, read, compare, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        found = [
            one
            for one in pool.map(_one, [(row, decoders) for row in rows(folder)], chunksize=4)
            if one
        ]
    command = " ".join(["benchmarks/containers.py FOLDER", *decoders])
    text = f"# Every codec in every container\n\n`python {command}`, {date.today()}: "
    text += f"{len(found)} files that ffmpeg decodes without a message.\n"
    for decoder in decoders:
        text += "\n" + report(decoder, [(row, results[decoder]) for row, results in found])
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


def report(decoder: str, found: list[tuple[Row, tuple[str, str]]]) -> str:
    """Give a table of right files of all, and what is not right with the reason."""
    counts = Counter(result for _, (result, _) in found)
    lines = [f"## {decoder}", "", ", ".join(f"{n} {result}" for result, n in counts.most_common())]
    containers = sorted({row.container for row, _ in found})
    lines += [
        "",
        "| encoder | " + " | ".join(containers) + " |",
        "|---" * (len(containers) + 1) + "|",
    ]
    for encoder in dict.fromkeys(row.encoder for row, _ in found):
        cells = []
        for container in containers:
            of = [
                r == "right"
                for row, (r, _) in found
                if (row.encoder, row.container) == (encoder, container)
            ]
            cells.append(f"{sum(of)}/{len(of)}" if of else "")
        lines.append(f"| {encoder} | " + " | ".join(cells) + " |")
    others = [(row, result) for row, result in found if result[0] != "right"]
    lines += [""] if others else []
    lines += [
        f"- {row.encoder} {row.kind} in {row.container}: {result}, {reason}"
        for row, (result, reason) in others
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["pyav"])
