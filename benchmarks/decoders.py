"""Claim: for clips of ordinary mp4 files no other decoder is faster than PyAV, which "auto" takes.

Random windows of 64/30 s, 16 of their 64 frames, uint8, from videos of 10 s (H.264, 340x256, 30
frames a second, a key frame every 250). All decoders get the same windows in turn; the figure is
CPU time, the ratio the median of those of each window.

    python benchmarks/decoders.py [WINDOWS]
"""

import random
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import torch
import torch.nn.functional as F
from skimage import data as photographs

from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.data.decoders import decoder_report

WINDOW = Fraction(64, 30)
FRAMES, HEIGHT, WIDTH = 300, 256, 340


def write_video(path: Path, photograph: str) -> None:
    """Pan slowly over a photograph, with a little noise."""
    picture = torch.from_numpy(getattr(photographs, photograph)()).permute(2, 0, 1)[None].float()
    picture = F.interpolate(picture, size=(HEIGHT, WIDTH + FRAMES), mode="bilinear")[0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for start in range(FRAMES):
            frame = picture[:, :, start : start + WIDTH] + 3 * torch.randn(3, HEIGHT, WIDTH)
            array = frame.clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode())


def read(path: Path, decoder: str, start: Fraction) -> tuple[float, torch.Tensor]:
    """Give the CPU seconds of one clip, opening included, and its frames."""
    begin = time.process_time()
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        clip = video.get_clip(
            start, start + WINDOW, frame_filter=lambda i: i[::4], video_dtype=torch.uint8
        )
    assert clip["video"] is not None
    return time.process_time() - begin, clip["video"]


def main() -> None:
    """Print a line a decoder."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    names = [status.name for status in decoder_report() if status.loads]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{name}.mp4") for name in ("astronaut", "coffee", "chelsea")]
        for path in paths:
            write_video(path, path.stem)
        for number in range(rounds + 3):
            path, start = draw.choice(paths), Fraction(draw.randrange(0, 230), 30)
            results = {name: read(path, name, start) for name in names}
            for name, (spent, frames) in results.items():
                assert torch.equal(frames, results["pyav"][1]), f"{name} read other frames"
                if number >= 3:  # the first ones load code
                    seconds[name].append(spent)
    print("decoder      CPU ms/clip   CPU time, pyav = 1")
    for name in names:
        ratios = [a / b for a, b in zip(seconds[name], seconds["pyav"], strict=True)]
        print(
            f"{name:12} {1000 * statistics.median(seconds[name]):11.1f} "
            f"{statistics.median(ratios):20.2f}"
        )


if __name__ == "__main__":
    main()
