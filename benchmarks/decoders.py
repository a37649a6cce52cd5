"""Claim: for clips of ordinary mp4 files no other decoder is faster than PyAV, which "auto" takes.

Random windows of 64/30 s, 16 of their 64 frames, uint8, from videos of 10 s (H.264, 340x256 and
1280x720, 30 frames a second, a key frame every 250). All get the same windows in turn; the figure
is CPU time, the ratio the median of those of each window. "PyAV, plainly" decodes every frame from
the key frame to the end of the window and converts those that are kept: the difference is what
planning saves. "short side 320" is what a loader asks for that scales to 256..320 later on.

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
FRAMES = 300
PLAIN = "PyAV, plainly"


def write_video(path: Path, photograph: str, height: int, width: int) -> None:
    """Pan slowly over a photograph, with a little noise."""
    picture = torch.from_numpy(getattr(photographs, photograph)()).permute(2, 0, 1)[None].float()
    picture = F.interpolate(picture, size=(height, width + FRAMES), mode="bilinear")[0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for start in range(FRAMES):
            frame = picture[:, :, start : start + width] + 3 * torch.randn(3, height, width)
            array = frame.clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode())


def read(
    path: Path, decoder: str, start: Fraction, short_side: int | None = None
) -> tuple[float, torch.Tensor]:
    """Give the CPU seconds of one clip, opening included, and its frames."""
    begin = time.process_time()
    if decoder == PLAIN:
        frames = read_plainly(path, start)
        return time.process_time() - begin, frames
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        clip = video.get_clip(
            start,
            start + WINDOW,
            frame_filter=lambda i: i[::4],
            video_dtype=torch.uint8,
            short_side=short_side,
        )
    assert clip["video"] is not None
    return time.process_time() - begin, clip["video"]


def read_plainly(path: Path, start: Fraction) -> torch.Tensor:
    """Decode everything from the key frame on."""
    kept = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type, stream.codec_context.thread_count = "SLICE", 1
        container.seek(int(start / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            second = frame.pts * stream.time_base
            if second >= start + WINDOW:
                break
            if second >= start:
                kept.append(frame)
    rgb = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in kept[::4]]
    return torch.stack(rgb).permute(3, 0, 1, 2)


def compare(paths: list[Path], rows: list[tuple[str, int | None]], rounds: int) -> None:
    """Print a line a row: a decoder, and the short side asked of it."""
    seconds: dict[tuple[str, int | None], list[float]] = {row: [] for row in rows}
    draw = random.Random(0)
    for number in range(rounds + 3):
        path, start = draw.choice(paths), Fraction(draw.randrange(0, 230), 30)
        results = {row: read(path, row[0], start, row[1]) for row in rows}
        for row, (spent, frames) in results.items():
            if row[1] is None:
                assert torch.equal(frames, results[rows[0]][1]), f"{row[0]} read other frames"
            if number >= 3:  # the first ones load code
                seconds[row].append(spent)
    for row in rows:
        ratios = [a / b for a, b in zip(seconds[row], seconds[rows[0]], strict=True)]
        name = row[0] + (f", short side {row[1]}" if row[1] else "")
        print(
            f"| {name} | {1000 * statistics.median(seconds[row]):.1f} "
            f"| {statistics.median(ratios):.2f} |"
        )


def main() -> None:
    """Print a table for each size."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    names = [status.name for status in decoder_report() if status.loads]
    rows: list[tuple[str, int | None]] = [(name, None) for name in [*names, PLAIN]]
    for height, width in [(256, 340), (720, 1280)]:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, f"{name}.mp4") for name in ("astronaut", "coffee", "chelsea")]
            for path in paths:
                write_video(path, path.stem, height, width)
            print(f"\n| {width}x{height} | CPU ms a clip | pyav = 1 |\n|---|---|---|")
            sides = [(name, 320) for name in names] if height > 1.5 * 320 else []
            compare(paths, rows + sides, rounds)


if __name__ == "__main__":
    main()
