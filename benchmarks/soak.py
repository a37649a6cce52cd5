"""Claim: decoders do not leak, and a long video is never held in memory.

Each decoder in a process of its own opens random videos (H.264, HEVC, VP9; mp4, mkv, webm) and
reads a random clip of each: the slope of resident memory after warm-up must stay under 1 MB per
1,000 clips. Then it reads a video of two hours at random places: memory must stay under 300 MB
above that of the process before.

Packed stores of the same videos ("h264", "jpeg") are read in the same way.

    python benchmarks/soak.py [CLIPS [DECODER or "packed h264" or "packed jpeg"]...]
"""

import random
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from pytorchvideo_clone.data import VideoPathHandler
from pytorchvideo_clone.data.decoders import decoder_report
from pytorchvideo_clone.data.packed import PackSettings, pack_videos
from pytorchvideo_clone.data.packed.store import video_path

CLIPS, STEP = 5000, 50
MOST_SLOPE, MOST_GROWTH = 1.0, 300  # MB per 1,000 clips, MB
HOURS, LONG_READS = 2, 30
COLUMNS = [
    "decoder",
    "clips",
    f"MB after {STEP}",
    "MB after a fifth",
    "MB at the end",
    "MB per 1,000 clips",
    "2-hour video, MB more",
    "within limits",
    "s",
]
SHORT = {
    "h264.mp4": ("libx264", 30, {"g": "30"}),
    "h264.mkv": ("libx264", 24, {"g": "250"}),
    "hevc.mp4": ("libx265", 25, {"x265-params": "log-level=none:open-gop=0"}),
    "vp9.webm": ("libvpx-vp9", 30, {"deadline": "realtime", "cpu-used": "8"}),
}


def write_video(path: Path, codec: str, rate: int, options: dict) -> None:
    """Write 10 seconds of noise that moves."""
    still = np.random.default_rng(0).integers(0, 255, (120, 160 + 60, 3), np.uint8)
    still = np.repeat(np.repeat(still[::8, ::8], 8, 0), 8, 1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(10 * rate):
            view = still[:120, number % 60 : number % 60 + 160]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(view), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def write_long(path: Path, rate: int = 10) -> None:
    """Write a minute of noise, again and again: more than may stay in memory."""
    draw, minute = np.random.default_rng(0), path.with_name("minute.mp4")
    options = {"preset": "ultrafast", "crf": "30", "g": "100", "bf": "0"}
    with av.open(str(minute), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(60 * rate):
            noise = draw.integers(0, 255, (120, 160, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        out.mux(stream.encode())
    with av.open(str(minute)) as source, av.open(str(path), "w") as out:
        video = source.streams.video[0]
        copy = out.add_stream_from_template(video)
        packets = [packet for packet in source.demux(video) if packet.dts is not None]
        for _ in range(HOURS * 60):
            for packet in packets:
                packet.stream = copy
                out.mux(packet)
                packet.pts += int(60 / video.time_base)
                packet.dts = packet.pts


def resident() -> float:
    """Resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096 / 1e6


def read(path: str, decoder: str, start: Fraction) -> None:
    """Read 16 of the frames of 2 seconds."""
    with VideoPathHandler().video_from_path(path, decoder=decoder) as video:
        clip = video.get_clip(
            start, start + 2, lambda i: [i[k * len(i) // 16] for k in range(16)], torch.uint8
        )
    assert clip["video"] is not None and clip["video"].shape[1] == 16


def soak(folder: Path, decoder: str, clips: int) -> None:
    """Print a row of the table, in the process of one decoder."""
    torch.set_num_threads(1)
    short, long = [str(folder / name) for name in SHORT], str(folder / "long.mp4")
    name = decoder
    if decoder.startswith("packed "):
        store = folder / f"{decoder.removeprefix('packed ')}.ptvpack"
        *short, long = (video_path(store, number) for number in range(len(SHORT) + 1))
        decoder = "auto"
    draw, begin = random.Random(0), time.monotonic()
    sizes = []
    for number in range(clips):
        read(draw.choice(short), decoder, Fraction(draw.randrange(240), 30))
        if (number + 1) % STEP == 0:
            sizes.append(resident())
    settled = sizes[
        len(sizes) // 5 :
    ]  # after a fifth, all code is loaded and the heap has its size
    slope = np.polyfit(np.arange(len(settled)) * STEP / 1000, settled, 1)[0]
    before = resident()
    most = before
    for _ in range(LONG_READS):
        second = Fraction(draw.randrange((HOURS * 3600 - 2) * 10), 10)
        read(long, decoder, second)
        most = max(most, resident())
    good = slope < MOST_SLOPE and most - before < MOST_GROWTH
    row = [name, clips, *(f"{size:.0f}" for size in (sizes[0], settled[0], sizes[-1]))]
    row += [f"{slope:+.2f}", f"{most - before:+.0f}", "yes" if good else "**no**"]
    row.append(f"{time.monotonic() - begin:.0f}")
    print("|", " | ".join(map(str, row)), "|", flush=True)


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--one"]:  # the process of one decoder, started below
        soak(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
        return
    clips = sys.argv[1] if len(sys.argv) > 1 else str(CLIPS)
    with tempfile.TemporaryDirectory() as folder:
        for name, (codec, rate, options) in SHORT.items():
            write_video(Path(folder, name), codec, rate, options)
        long = Path(folder, "long.mp4")
        write_long(long)
        print(f"The long video: {HOURS} hours, {long.stat().st_size / 1e6:.0f} MB.\n")
        print("|", " | ".join(COLUMNS), "|\n|" + "---|" * len(COLUMNS), flush=True)
        names = [status.name for status in decoder_report() if status.loads]
        names += ["packed h264", "packed jpeg"]
        listed = Path(folder, "list.txt")
        listed.write_text(
            "".join(f"{Path(folder, name)} 0\n" for name in [*SHORT, "long.mp4"]), encoding="utf-8"
        )
        for name in sys.argv[2:] or names:
            kind, _, codec = name.partition(" ")
            if kind == "packed":
                pack_videos(listed, Path(folder, f"{codec}.ptvpack"), PackSettings(codec))
            subprocess.run([sys.executable, __file__, "--one", folder, name, clips], check=True)


if __name__ == "__main__":
    main()
