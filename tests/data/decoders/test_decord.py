import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch

from pytorchvideo_clone.data.decoders.decord import DecordDecoder
from pytorchvideo_clone.data.decoders.torchcodec import TorchCodecDecoder
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

try:
    DecordDecoder.about()
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)
import decord  # by now, without lending its libraries to others


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


AFTER_DECORD = """
import sys
from pytorchvideo_clone.data import EncodedVideo
for decoder in ("decord", "torchcodec"):
    with EncodedVideo.from_path(sys.argv[1], decode_audio=False, decoder=decoder) as video:
        print(video.get_clip(0, 0.2)["video"].shape[1])
"""


def test_decord_lends_its_libraries_to_no_other_decoder(tmp_path: Path) -> None:
    try:
        TorchCodecDecoder.about()
    except ImportError as error:
        pytest.skip(str(error))
    path = write_video(tmp_path / "video.mp4", codec="libsvtav1")
    ended = subprocess.run([sys.executable, "-c", AFTER_DECORD, path], capture_output=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.split() == [b"6", b"6"]


def test_file_with_frames_missing_between_others_is_left_to_pyav(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.flv", 60, 25, options={"g": "12", "bf": "0"})
    path = tmp_path / "gap.flv"
    with av.open(whole) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size and number not in range(22, 26):
                packet.stream = stream
                out.mux(packet)
    with pytest.raises(VideoReadError, match=r"miscounts; use decoder='pyav'"):
        DecordDecoder(str(path))
