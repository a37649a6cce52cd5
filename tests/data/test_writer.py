import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from pytorchvideo_clone.data import EncodedVideo, export_video_array
from tests.data.coded_video import numbers, picture


def video(frames: int = 12) -> torch.Tensor:
    pictures = np.stack([picture(index) for index in range(frames)])
    return torch.from_numpy(pictures).permute(3, 0, 1, 2)


@pytest.mark.parametrize("rate", [10, 29.97, Fraction(30000, 1001)])
def test_written_frames_read_back_at_their_times(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    export_video_array(video(), path, rate)
    with EncodedVideo.from_path(path) as read:
        assert float(read.duration) == pytest.approx(12 / float(rate), abs=1e-3)
        assert numbers(read.get_clip(0, 9)["video"]) == list(range(12))


def test_floats_arrays_sizes_and_formats_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    export_video_array(
        video().numpy() + 0.4,
        path,
        rate=10,
        bit_rate=200_000,
        pix_fmt="yuv444p",
        height=96,
        width=128,
        video_codec="libx264",
        options={"preset": "ultrafast"},
    )
    with av.open(str(path)) as file:
        assert file.streams.video[0].pix_fmt == "yuv444p"
    with EncodedVideo.from_path(path) as read:
        clip = read.get_clip(0, 9)["video"]
    assert clip.shape == (3, 12, 96, 128)
    assert numbers(clip) == list(range(12))


def test_libx264rgb_keeps_every_value(tmp_path: Path) -> None:
    noise = torch.randint(0, 256, (3, 4, 16, 24), dtype=torch.uint8)
    path = tmp_path / "noise.mp4"
    export_video_array(noise, path, rate=10, video_codec="libx264rgb", options={"crf": "0"})
    with EncodedVideo.from_path(path) as read:
        clip = read.get_clip(0, 9, video_dtype=torch.uint8)["video"]
    assert torch.equal(clip, noise)


def test_the_stream_that_was_written_tells_its_properties(tmp_path: Path) -> None:
    stream = export_video_array(video(), tmp_path / "video.mp4", Fraction(30000, 1001))
    assert (stream.frames, stream.width, stream.height) == (12, *picture(0).shape[1::-1])
    assert stream.average_rate == Fraction(30000, 1001)
    assert stream.codec_context.name == "mpeg4"


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 0, 4, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(C, T, H, W\)"):
        export_video_array(torch.zeros(shape), tmp_path / "video.mp4", rate=10)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_odd_size_that_the_codec_cannot_write_says_so(codec: str, tmp_path: Path) -> None:
    video = torch.zeros(3, 2, 63, 64)
    with pytest.raises(ValueError, match=r"64x63; .*pix_fmt='yuv444p'"):
        export_video_array(video, tmp_path / "video.mp4", 10, video_codec=codec)
    if codec == "libx264":  # x265 after other formats in one process may fail
        export_video_array(video, tmp_path / "video.mp4", 10, pix_fmt="yuv444p", video_codec=codec)


NARROW = """
import sys, torch
from pytorchvideo_clone.data import export_video_array
noise = torch.rand(3, 10, 4, 3, generator=torch.Generator().manual_seed(0)).round() * 255
video = noise.repeat_interleave(16, 2).repeat_interleave(16, 3)
for _ in range(8):
    export_video_array(video, sys.argv[1], 25, video_codec="libx265", options=OPTIONS)
"""


@pytest.mark.parametrize("options", [None, {"x265-params": "log-level=none"}])
def test_narrow_pictures_for_x265_leave_the_memory_of_the_process_alone(
    options: dict | None, tmp_path: Path
) -> None:
    code = NARROW.replace("OPTIONS", repr(options))
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "a.mp4"], capture_output=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
