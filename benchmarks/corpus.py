"""The videos that benchmarks of loading read, made on the spot with ffmpeg from photographs.

    from corpus import make_corpus
    folder = make_corpus(Path("/tmp/corpus"))

What the folder holds, all with AAC sound:

- `mp4/<0-9>.mp4`: 10 s, 340x256, 30 frames a second, H.264 (x264 medium, CRF 20, a key frame every
  250), as videos of Kinetics come. A camera wanders over a photograph, a second one moves before
  it, with the noise of a sensor.
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
from pytorchvideo_clone.data.packed import PackSettings, pack_videos

__all__ = ["FPS", "SECONDS", "make_corpus", "quality", "sizes"]

FPS, SECONDS = 30, 10
VIDEOS, LARGE_VIDEOS = 10, 4
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "ihc", "retina", "rocket")
_X264 = "-c:v libx264 -preset medium -crf 20 -g 250 -pix_fmt yuv420p"


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg; what it says goes to the screen only if it fails."""
    command = ["ffmpeg", "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True)


def make_corpus(folder: Path) -> Path:
    """Write what is missing, and give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(VIDEOS):
        _write_video(folder / "mp4" / f"{number}.mp4", number, 340, 256)
    for number in range(LARGE_VIDEOS):
        _write_video(folder / "hd" / f"{number}.mp4", number, 1280, 720)
    hour = folder / "hour.mp4"
    if not hour.exists():
        names = [f"file 'mp4/{n % VIDEOS}.mp4'\n" for n in range(3600 // SECONDS)]
        (folder / "hour.txt").write_text("".join(names))
        ffmpeg("-f", "concat", "-i", folder / "hour.txt", "-c", "copy", "-f", "mp4", f"{hour}.part")
        Path(f"{hour}.part").rename(hour)
    listed = folder / "mp4.csv"
    listed.write_text("".join(f"{path} 0\n" for path in sorted((folder / "mp4").glob("*.mp4"))))
    for codec in ("h264", "jpeg"):
        pack_videos(listed, folder / f"{codec}.ptvpack", PackSettings(codec), num_workers=2)
    return folder


def sizes(folder: Path) -> dict[str, float]:
    """Bytes of each store, relative to those of the mp4 files."""

    def total(name: str) -> int:
        return sum(path.stat().st_size for path in (folder / name).iterdir())  # sound included

    return {name: total(name) / total("mp4") for name in ("h264.ptvpack", "jpeg.ptvpack")}


def quality(folder: Path, store: str) -> float:
    """PSNR of a store's frames against those of the mp4 files in dB, over RGB."""
    errors = []
    for number in range(VIDEOS):
        paths = folder / "mp4" / f"{number}.mp4", f"{folder / store}#{number}"
        clips = []
        for path in paths:
            with VideoPathHandler().video_from_path(path) as video:
                clips.append(video.get_clip(0, 2, video_dtype=torch.uint8)["video"].float())
        errors.append(float((clips[0] - clips[1]).square().mean()))
    return 10 * math.log10(255**2 / (sum(errors) / len(errors)))


def _write_video(path: Path, number: int, width: int, height: int) -> None:
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    inputs = []
    for name in (PHOTOGRAPHS[number % 7], PHOTOGRAPHS[(number + 3) % 7]):
        picture = path.parents[1] / "photographs" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        if not picture.exists():
            [source] = Path(skimage.__file__).parent.joinpath("data").glob(f"{name}.*")
            io.imsave(picture, io.imread(source)[..., :3])
        inputs += ["-loop", 1, "-framerate", FPS, "-i", picture]
    margin, speed = 1.5, 0.3 + 0.13 * number
    wide, high = int(width * margin) // 2 * 2, int(height * margin) // 2 * 2
    camera = (
        f"scale={wide}:{high}:force_original_aspect_ratio=increase:flags=bicubic,crop={width}:"
        f"{height}:x=(iw-{width})/2*(1+sin({speed:.2f}*t)):y=(ih-{height})/2*(1+cos({speed:.2f}*t))"
    )
    actor = f"scale={width // 3}:-2"
    moves = f"overlay=x=W/2*(1+sin(1.7*{speed:.2f}*t))-w/2:y=H/2*(1+cos(1.3*t))-h/2:shortest=1"
    ffmpeg(
        *inputs, "-f", "lavfi", "-i", f"anoisesrc=r=44100:a=0.1:seed={number}",
        "-filter_complex",
        f"[0]{camera}[far];[1]{actor}[near];[far][near]{moves},noise=alls=3:allf=t,format=yuv420p[v]",
        "-map", "[v]", "-map", "2", "-t", SECONDS, *_X264.split(),
        "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-f", "mp4", f"{path}.part",
    )  # fmt: skip
    Path(f"{path}.part").rename(path)


if __name__ == "__main__":
    print(json.dumps(sizes(make_corpus(Path(sys.argv[1])))))
