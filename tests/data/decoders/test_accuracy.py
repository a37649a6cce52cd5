"""Frames against ffmpeg's own decode of the same file: pixels, number and times."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from tests.data.coded_video import cut_video, write_video

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the ffmpeg program")

GROUPS = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0"}
OPEN = {"bf": "3", "x264-params": "b-adapt=0:keyint=12:scenecut=0:open-gop=1"}
HEVC = {"x265-params": "keyint=12:bframes=4:log-level=none"}
UNEVEN = [sum(10 * (1 + k * k % 7) for k in range(number)) for number in range(48)]
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
EXACT = 0
# Versions of FFmpeg round these colours in other ways; the next frame is off by more than 15.
NEAR = 3.0

# Name -> (file, how it is written, the mean difference that is allowed).
CASES = {
    "short groups": ("a.mp4", {"options": GROUPS}, EXACT),
    "one long group": ("a.mp4", {"options": {"bf": "3"}}, EXACT),
    "open groups": ("a.mp4", {"options": OPEN}, EXACT),
    "open groups ts": ("a.ts", {"options": OPEN}, EXACT),
    "29.97": ("a.mp4", {"rate": Fraction(30000, 1001), "options": GROUPS}, EXACT),
    "variable rate": (
        "a.mp4",
        {"pts": UNEVEN, "time_base": Fraction(1, 1000), "rate": 1000, "options": GROUPS},
        EXACT,
    ),
    "variable rate mkv": (
        "a.mkv",
        {"pts": UNEVEN, "time_base": Fraction(1, 1000), "rate": 1000, "options": GROUPS},
        EXACT,
    ),
    "late start": ("a.mkv", {"pts": range(51, 99), "options": GROUPS}, EXACT),
    "mkv": ("a.mkv", {"options": GROUPS}, EXACT),
    "ts": ("a.ts", {"options": GROUPS}, EXACT),
    "edit list": ("a.mp4", {"options": GROUPS, "hidden": 15 * 512}, EXACT),
    "mpeg4 avi": ("a.avi", {"codec": "mpeg4"}, EXACT),
    "hevc": ("a.mp4", {"codec": "libx265", "options": HEVC}, EXACT),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "options": VP9}, EXACT),
    "av1": ("a.mp4", {"codec": "libsvtav1", "options": {"preset": "10", "g": "12"}}, EXACT),
    "interlaced": ("a.mp4", {"options": {"x264-params": "tff=1:keyint=12"}}, NEAR),
    "grey": ("a.mp4", {"pix_fmt": "gray", "options": GROUPS}, EXACT),
    "full range": ("a.mp4", {"pix_fmt": "yuvj420p", "options": GROUPS}, EXACT),
    "odd size": ("a.mp4", {"pix_fmt": "yuv444p", "size": (47, 61), "options": GROUPS}, NEAR),
    "odd size vp9": ("a.webm", {"codec": "libvpx-vp9", "size": (47, 61), "options": VP9}, NEAR),
    "10 bit": ("a.mp4", {"pix_fmt": "yuv420p10le", "options": GROUPS}, NEAR),
    "10 bit hevc": (
        "a.mp4",
        {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": HEVC},
        NEAR,
    ),
    "rotated": ("a.mp4", {"rotation": 90, "options": GROUPS}, NEAR),
    "bt.709": (
        "a.mp4",
        {"options": {"x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}},
        EXACT,
    ),
    "anamorphic": ("a.mp4", {"options": {"x264-params": "sar=4/3:keyint=12"}}, EXACT),
}


def decode_with_ffmpeg(path: str, height: int, width: int) -> tuple[np.ndarray, list[float]]:
    """All frames, (T, H, W, 3), and the seconds from the first at which they begin."""
    quiet = ["-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:"]
    done = subprocess.run(["ffmpeg", *quiet, *raw], capture_output=True, check=True)
    pixels = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    show = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    said = subprocess.run(
        ["ffprobe", "-v", "error", *show, "-of", "json", path], capture_output=True, check=True
    )
    times = [float(f["best_effort_timestamp_time"]) for f in json.loads(said.stdout)["frames"]]
    return pixels, [time - times[0] for time in times]


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_of_ffmpeg(name: str, tmp_path: Path) -> None:
    file, how, allowed = CASES[name]
    how = dict(how)
    hidden = how.pop("hidden", 0)
    height, width = how.setdefault("size", (96, 128))
    path = write_video(tmp_path / file, 48, noise=30, **how)
    if hidden:
        path = cut_video(path, tmp_path / f"cut_{file}", hidden)
    truth, times = decode_with_ffmpeg(path, height, width)
    assert len(truth) == len(times) >= 33
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        # Between the frames, so that no rounding of a time that falls on one is in play.
        for start, stop in [(-0.005, 9), (0.605, 1.005), (0.005, 0.305), (0.995, 1.4)]:
            inside = [n for n, time in enumerate(times) if start <= time < stop]
            for step in (1, 3):
                clip = video.get_clip(
                    start, stop, lambda i, step=step: i[::step], video_dtype=torch.uint8
                )["video"]
                found = clip.permute(1, 2, 3, 0).numpy().astype(int)
                expected = truth[inside[::step]].astype(int)
                assert found.shape == expected.shape
                off = np.abs(found - expected).mean(axis=(1, 2, 3))
                assert off.max() <= allowed, (start, stop, step)
    # The bar tells frames apart.
    assert np.abs(np.diff(truth.astype(int), axis=0)).mean(axis=(1, 2, 3)).min() > 15
