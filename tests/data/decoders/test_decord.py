from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data.decoders.decord import DecordDecoder
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

decord = pytest.importorskip("decord")


def test_the_process_wide_bridge_is_left_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4")
    decoder = DecordDecoder(path)
    plain = decord.VideoReader(path)
    assert numbers(decoder.read(0, 0.1).pictures.permute(3, 0, 1, 2)) == [0, 1, 2]
    assert not isinstance(plain.get_batch([0]), torch.Tensor)
    decord.bridge.set_bridge("torch")
    try:
        assert numbers(decoder.read(0, 0.1).pictures.permute(3, 0, 1, 2)) == [0, 1, 2]
        assert isinstance(plain.get_batch([0]), torch.Tensor)
    finally:
        decord.bridge.reset_bridge()
    decoder.close()


def test_frames_are_scaled_on_request(tmp_path: Path) -> None:
    decoder = DecordDecoder(write_video(tmp_path / "video.mp4"), width=32, height=24)
    frames = decoder.read(0, 0.1).pictures
    assert frames.shape == (3, 24, 32, 3)
    assert frames.dtype == torch.uint8
    decoder.close()


def test_hevc_is_refused_by_the_release_that_fails_on_it(tmp_path: Path) -> None:
    options = {"x265-params": "keyint=12:open-gop=0:log-level=none"}
    path = write_video(tmp_path / "video.mp4", codec="libx265", options=options)
    if decord.__version__.startswith("0."):
        assert numbers(DecordDecoder(path).read(0, 0.1).pictures.permute(3, 0, 1, 2)) == [0, 1, 2]
    else:
        with pytest.raises(VideoReadError, match=r"HEVC.*decoder='pyav'"):
            DecordDecoder(path)


def test_container_on_which_decord_hangs_is_refused_unopened(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match=r"MPEG-TS.*decoder='pyav'"):
        DecordDecoder(write_video(tmp_path / "video.ts"))
