"""Read sound of every codec in every container that ffmpeg writes here, and compare with ffmpeg.

    python benchmarks/sound.py FOLDER

Makes videos of 6 s in FOLDER (kept for the next run) whose sound is noise, in which each sample is
unlike its neighbours. Windows of 0.1 s side by side must be the samples of one window over all of
them, and these those of ffmpeg's own decode, at the time that ffprobe states for the first. A file
of which ffmpeg complains is left out. The table goes to benchmarks/results/sound.md.
"""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pytorchvideo_clone.data import EncodedVideo, VideoReadError

RESULTS = Path(__file__).parent / "results" / "sound.md"
SECONDS, TILE = 5, Fraction(1, 10)
APART = 0.01  # of the largest amplitude; the noise has 0.3

# Encoder -> its options; one channel at 44.1 kHz unless said otherwise.
ENCODERS = {
    "aac": "",
    "ac3": "",
    "eac3": "",
    "libmp3lame": "",
    "mp2": "",
    "libopus": "-ar 48000",
    "libvorbis": "",
    "flac": "",
    "alac": "",
    "pcm_s16le": "",
    "pcm_s16be": "",
    "pcm_s24le": "",
    "pcm_f32le": "",
    "pcm_u8": "",
    "pcm_mulaw": "-ar 8000",
    "pcm_alaw": "-ar 8000",
    "pcm_bluray": "-ar 48000 -ac 2",
    "pcm_dvd": "-ar 48000 -ac 2",
    "s302m": "-ar 48000 -ac 2",
    "adpcm_ms": "",
    "adpcm_ima_wav": "",
    "adpcm_swf": "",
    "wmav1": "",
    "wmav2": "",
    "dca": "",
    "truehd": "",
    "mlp": "",
    "tta": "",
    "wavpack": "",
    "libspeex": "-ar 16000",
    "libopencore_amrnb": "-ar 8000",
    "nellymoser": "-ar 16000",
    "g723_1": "-ar 8000",
    "real_144": "-ar 8000",
}
# Ending -> FFmpeg's format, and a codec for the pictures.
CONTAINERS = {
    "mp4": ("mp4", "mpeg4"),
    "mov": ("mov", "mpeg4"),
    "mkv": ("matroska", "mpeg4"),
    "webm": ("webm", "libvpx"),
    "avi": ("avi", "mpeg4"),
    "ts": ("mpegts", "mpeg2video"),
    "m2ts": ("mpegts -mpegts_m2ts_mode 1", "mpeg2video"),
    "mpg": ("mpeg", "mpeg2video"),
    "vob": ("vob", "mpeg2video"),
    "ogv": ("ogg", "libtheora"),
    "asf": ("asf", "mpeg4"),
    "flv": ("flv", "flv"),
    "f4v": ("f4v", "libx264 -bf 0"),
    "mxf": ("mxf", "mpeg2video"),
    "nut": ("nut", "mpeg4"),
    "3gp": ("3gp", "mpeg4"),
    "wtv": ("wtv", "mpeg2video"),
    "swf": ("swf", "flv"),
    "rm": ("rm", "rv10"),
    "dv": ("dv", "dvvideo"),
    "ismv": ("ismv", "mpeg4"),
}


class Row(NamedTuple):
    """What became of a file: "right", or what is wrong."""

    encoder: str
    ending: str
    outcome: str


def run(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line."""
    return subprocess.run(command, shell=True, capture_output=True)


def make(folder: Path, encoder: str, ending: str) -> Path | None:
    """Write a file; None where ffmpeg does not, or complains of what it wrote."""
    path, (form, pictures) = folder / f"{encoder}.{ending}", CONTAINERS[ending]
    if not path.exists():
        channels = "" if "-ac" in ENCODERS[encoder] else "-ac 1"
        run(
            "ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=size=64x48:rate=25 -f lavfi -i "
            f"anoisesrc=r=44100:a=0.3:seed=1 -t 6 -c:v {pictures} -pix_fmt yuv420p -strict -2 "
            f"-c:a {encoder} {channels} {ENCODERS[encoder]} -f {form} {path}"
        )
    if not path.exists() or run(f"ffmpeg -nostdin -v error -i {path} -f null -").stderr:
        return None
    streams = run(f"ffprobe -v error -show_entries stream=codec_type -of csv=p=0 {path}").stdout
    return path if {b"audio", b"video"} <= set(streams.replace(b",", b"").split()) else None


def begin_of(path: Path, stream: str) -> float:
    """Seconds at which ffprobe says that the first frame of a stream begins."""
    shown = run(
        f"ffprobe -v error -select_streams {stream} -read_intervals %+1 -show_entries "
        f"frame=pts_time -of json {path}"
    )
    return float(json.loads(shown.stdout)["frames"][0].get("pts_time", 0))


def truth(path: Path, rate: int, samples: int, channels: int) -> np.ndarray:
    """Ffmpeg's samples from the begin of the pictures on: (3, samples), for a tick of rounding."""
    mix = "" if channels == 1 else "-af 'pan=mono|c0=0.5*c0+0.5*c1'"
    raw = run(f"ffmpeg -nostdin -v error -i {path} -map 0:a:0 {mix} -f f32le -")
    sound = np.frombuffer(raw.stdout, "<f4")
    late = round((begin_of(path, "a:0") - begin_of(path, "v:0")) * rate)
    found = np.zeros((3, samples), np.float32)
    for place, shift in enumerate((late, late - 1, late + 1)):
        part = sound[max(0, -shift) :][: samples - max(0, shift)]
        found[place, max(0, shift) :][: len(part)] = part
    return found


def check(job: tuple[Path, str, str]) -> Row | None:
    """Read a file in both ways."""
    _, encoder, ending = job
    path = make(*job)
    if path is None:
        return None
    try:
        with EncodedVideo.from_path(path, audio_rate="native") as video:
            whole = video.get_clip(0, SECONDS)["audio"]
            count = int(SECONDS / TILE)
            tiles = [video.get_clip(n * TILE, (n + 1) * TILE)["audio"] for n in range(count)]
    except VideoReadError as error:
        return Row(encoder, ending, f"refused: {error.cause}")
    samples = whole.numpy()
    size = len(samples) // count
    parts = [np.zeros(size, np.float32) if tile is None else tile.numpy() for tile in tiles]
    apart = int((np.abs(samples - np.concatenate(parts)) > APART).sum())
    if apart:
        return Row(encoder, ending, f"{apart} of {len(samples)} samples depend on the window")
    channels = 2 if "-ac 2" in ENCODERS[encoder] else 1
    expected = truth(path, len(samples) // SECONDS, len(samples), channels)
    # What primes a codec is decoded or not, as its reader has it.
    far = (np.abs(samples - expected) > APART)[:, len(samples) // 20 :].sum(axis=1).min()
    return Row(encoder, ending, f"{far} samples are not ffmpeg's" if far else "right")


def main() -> None:
    """Print and write the table."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, *pair) for pair in product(ENCODERS, CONTAINERS)]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for row in pool.map(check, jobs) if row is not None]
    counts = Counter(row.outcome == "right" for row in rows)
    lines = [
        "# The sound of every codec in every container",
        "",
        f"`python benchmarks/sound.py FOLDER`, {date.today()}: {len(rows)} files that ffmpeg "
        f"decodes without a message, {counts[True]} right.",
        "",
        "| encoder | right | not right |",
        "|---|---|---|",
    ]
    for encoder in ENCODERS:
        mine = [row for row in rows if row.encoder == encoder]
        right = ", ".join(row.ending for row in mine if row.outcome == "right")
        wrong = "; ".join(f"{r.ending}: {r.outcome}" for r in mine if r.outcome != "right")
        if mine:
            lines.append(f"| {encoder} | {right} | {wrong} |")
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
