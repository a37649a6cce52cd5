"""Frames of a store against ffmpeg's own decode of what is packed, and against the source."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pytorchvideo_clone.data.packed import PackedVideo, PackSettings, pack_videos, unpack_video
from tests.data.coded_video import cut_video, write_video
from tests.data.decoders.test_accuracy import CASES, decode_with_ffmpeg

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the ffmpeg program")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the corpus, in the order of `CASES`."""
    folder = tmp_path_factory.mktemp("corpus")
    paths = []
    for number, (file, how, _) in enumerate(CASES.values()):
        options = {"size": (96, 128), **how}
        hidden = options.pop("hidden", 0)
        path = write_video(folder / f"{number}_{file}", 48, noise=30, **options)
        paths.append(cut_video(path, folder / f"cut_{file}", hidden) if hidden else path)
    (folder / "list.txt").write_text("".join(f"{path} 0\n" for path in paths))
    settings = PackSettings(short_side=None)
    report = pack_videos(folder / "list.txt", folder / "a.ptvpack", settings, num_workers=1)
    assert report.left_out == []
    return folder / "a.ptvpack"


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_of_ffmpeg(name: str, store: Path, tmp_path: Path) -> None:
    number = list(CASES).index(name)
    height, width = CASES[name][1].get("size", (96, 128))
    unpack_video(store, number, tmp_path / "a.mkv")
    with PackedVideo(f"{store}#{number}", decode_audio=False) as video:
        source = next(store.parent.glob(f"{number}_*"))
        if "hidden" in CASES[name][1]:
            source = next(store.parent.glob("cut_*"))
        shown, times = decode_with_ffmpeg(str(source), height, width)
        truth, _ = decode_with_ffmpeg(str(tmp_path / "a.mkv"), *even(height, width))
        assert len(truth) == len(times) >= 33
        for start, stop in [(-0.005, 9), (0.605, 1.005), (0.005, 0.305), (0.995, 1.4)]:
            inside = [n for n, time in enumerate(times) if start <= time < stop]
            for step in (1, 3):
                clip = video.get_clip(
                    start, stop, lambda i, step=step: i[::step], video_dtype=torch.uint8
                )["video"]
                found = clip.permute(1, 2, 3, 0).numpy()
                np.testing.assert_array_equal(found, truth[inside[::step]])
    if (height, width) == even(height, width):  # in the order of the source, and near to it
        off = np.abs(truth.astype(int) - shown).mean(axis=(1, 2, 3))
        assert off.max() < 8


def even(height: int, width: int) -> tuple[int, int]:
    """The size in which H.264 keeps pictures."""
    return round(height / 2) * 2, round(width / 2) * 2
