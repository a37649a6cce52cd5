"""The videos that benchmarks of loading read, made on the spot with ffmpeg from photographs.

    from corpus import make_corpus
    folder = make_corpus(Path("/tmp/corpus"))

What the folder holds, all with AAC sound:

- `mp4/<0-9>.mp4`: 10 s, 340x256, 30 frames a second, H.264 (x264 medium, CRF 20, a key frame every
  250), as videos of Kinetics come. A hand-held camera with shutter and noise wanders over a
  photograph, a second one moves before it; like all that a video site gives, it was coded once
  before, in 640x480.
- `hd/<0-3>.mp4`: the same in 1280x720.
- `hour.mp4`: the first ones in turn for an hour, without coding them again.
- `h264.ptvpack`, `jpeg.ptvpack`: packed stores of `mp4`, with their default settings.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import skimage
import torch
from skimage import io

from pytorchvideo_clone.data import VideoPathHandler
from pytorchvideo_clone.data.packed import PackedStore, PackSettings, pack_videos

__all__ = ["FPS", "SECONDS", "make_corpus", "psnr", "quality", "sizes", "write_video"]

FPS, SECONDS = 30, 10
VIDEOS, LARGE_VIDEOS = 10, 4
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "ihc", "retina", "rocket")
_CAMERA = "-c:v libx264 -preset veryfast -crf 25"  # as cameras and video sites code
_X264 = "-c:v libx264 -preset medium -crf 20 -g 250 -pix_fmt yuv420p"


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; what it says goes to the screen only if it fails."""
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True)


def make_corpus(folder: Path) -> Path:
    """Write what is missing, and give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(VIDEOS):
        write_video(folder / "mp4" / f"{number}.mp4", number, 340, 256)
    for number in range(LARGE_VIDEOS):
        write_video(folder / "hd" / f"{number}.mp4", number, 1280, 720)
    hour = folder / "hour.mp4"
    if not hour.exists():
        names = [f"file 'mp4/{n % VIDEOS}.mp4'\n" for n in range(3600 // SECONDS)]
        (folder / "hour.txt").write_text("".join(names), encoding="utf-8")
        ffmpeg("-f", "concat", "-i", folder / "hour.txt", "-c", "copy", "-f", "mp4", f"{hour}.part")
        Path(f"{hour}.part").rename(hour)
    listed = folder / "mp4.csv"
    listed.write_text(
        "".join(f"{path} 0\n" for path in sorted((folder / "mp4").glob("*.mp4"))), encoding="utf-8"
    )
    for codec in ("h264", "jpeg"):
        pack_videos(listed, folder / f"{codec}.ptvpack", PackSettings(codec), num_workers=2)
    return folder


def sizes(folder: Path, store: str) -> tuple[float, float]:
    """Bytes of a store relative to those of the mp4 files: as it is, and without its sound."""
    packed = PackedStore(folder / store)
    sound = sum(packed.record(number).header.audio_bytes for number in range(len(packed)))
    mp4, whole = (
        sum(path.stat().st_size for path in (folder / name).iterdir()) for name in ("mp4", store)
    )
    return whole / mp4, (whole - sound) / mp4


def quality(folder: Path, store: str) -> float:
    """PSNR of a store's frames against those of the mp4 files in dB, over RGB, mean of videos."""
    found = []
    for number in range(VIDEOS):
        paths = folder / "mp4" / f"{number}.mp4", f"{folder / store}#{number}"
        found.append(psnr(*(_every_tenth(path) for path in paths)))
    return sum(found) / len(found)


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    """Peak signal to noise in dB of values up to 255."""
    return 10 * math.log10(255**2 / float((one.float() - other.float()).square().mean()))


def write_video(path: Path, number: int, width: int, height: int) -> None:
    """Write a video of `mp4` or `hd`, unless it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = []
    for name in (PHOTOGRAPHS[number % 7], PHOTOGRAPHS[(number + 3) % 7]):
        picture = path.parents[1] / "photographs" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        if not picture.exists():
            [source] = Path(skimage.__file__).parent.joinpath("data").glob(f"{name}.*")
            io.imsave(picture, io.imread(source)[..., :3])
        inputs += ["-loop", 1, "-framerate", 2 * FPS, "-i", picture]
    camera = Path(f"{path}.camera.mkv")
    ffmpeg(
        *inputs, "-filter_complex", _scene(1.2 + 0.12 * number, max(width, 640), max(height, 480)),
        "-map", "[v]", "-t", SECONDS, *_CAMERA.split(), camera,
    )  # fmt: skip
    ffmpeg(
        "-i", camera, "-f", "lavfi", "-i", f"anoisesrc=r=44100:a=0.1:seed={number}",
        "-vf", f"scale={width}:{height}:flags=bicubic", "-map", "0:v", "-map", "1", "-t", SECONDS,
        *_X264.split(), "-c:a", "aac", "-b:a", "56k", "-movflags", "+faststart", "-f", "mp4",
        f"{path}.part",
    )  # fmt: skip
    camera.unlink()
    Path(f"{path}.part").rename(path)


def _every_tenth(path: str | Path) -> torch.Tensor:
    with VideoPathHandler().video_from_path(path) as video:
        return video.get_clip(0, SECONDS, lambda i: i[::10], video_dtype=torch.uint8)["video"]


def _scene(speed: float, width: int, height: int) -> str:
    """The filters of a picture before a picture: a hand-held camera, its shutter and its noise."""
    time = f"in/{2 * FPS}"

    def sway(size: float, *waves: tuple[float, float]) -> str:
        return "+".join(
            f"{size * part:.1f}*sin({rate:.2f}*{time}+{rate:.1f})" for part, rate in waves
        )

    # The corners of what the camera sees, two thirds of the picture each way.
    wide, high = width * 2 // 3, height * 2 // 3
    left = f"{width / 6}+{sway(width, (0.12, speed), (0.015, 2.9), (0.005, 9.1))}"
    top = f"{height / 6}+{sway(height, (0.12, 0.8 * speed), (0.015, 3.7), (0.005, 11.3))}"
    turn = sway(width, (0.04, 1.1 * speed), (0.006, 4.3))
    corners = {
        "x0": f"{left}-({turn})", "y0": f"{top}+{turn}",
        "x1": f"{left}+{wide}-({turn})", "y1": f"{top}-({turn})",
        "x2": f"{left}+{turn}", "y2": f"{top}+{high}+{turn}",
        "x3": f"{left}+{wide}+{turn}", "y3": f"{top}+{high}-({turn})",
    }  # fmt: skip
    view = ":".join(f"{name}='{place}'" for name, place in corners.items())
    fill = f"scale={width}:{height}:force_original_aspect_ratio=increase:flags=bicubic"
    moves = f"overlay=x=W/2*(1+sin({1.7 * speed:.2f}*t))-w/2:y=H/2*(1+cos(1.3*t))-h/2:shortest=1"
    return (
        f"[0]{fill},crop={width}:{height},perspective={view}:interpolation=linear:eval=frame[far];"
        f"[1]scale={width * 2 // 5}:-2[near];[far][near]{moves},"
        f"tmix=frames=2,fps={FPS},noise=alls=5:allf=t,format=yuv420p[v]"
    )


if __name__ == "__main__":
    corpus = make_corpus(Path(sys.argv[1]))
    print(json.dumps({name: sizes(corpus, f"{name}.ptvpack") for name in ("h264", "jpeg")}))
