import re
import warnings
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data import (
    ClipDataset,
    ConstantClipsPerVideoSampler,
    LabeledVideoDataset,
    UniformClipSampler,
    decoders,
)
from pytorchvideo_clone.data.decoders import decoder_report
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.encoded_video_decord import EncodedVideoDecord
from tests.data.coded_video import numbers, write_video

LOADS = {status.name: status.loads for status in decoder_report()}
pytestmark = [
    pytest.mark.skipif(not LOADS["decord"], reason="needs decord"),
    pytest.mark.filterwarnings("ignore:decoder=.* does not read"),
]
B_FRAMES = {"bf": "2"}
# Kinds of videos that PyTorchVideo reads with decord, and decord not exactly.
KINDS = {
    "mpeg4 avi": ("a.avi", {"codec": "mpeg4"}),
    "mpeg4 avi b-frames": ("a.avi", {"codec": "mpeg4", "options": B_FRAMES}),
    "h264 avi": ("a.avi", {"options": B_FRAMES}),
    "mjpeg avi": ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    "mpegts": ("a.ts", {}),
    "mpeg-ps": ("a.mpg", {"codec": "mpeg2video"}),
    "open groups": ("a.mp4", {"options": {"x264-params": "open-gop=1:keyint=6:bframes=2"}}),
}


def test_sound_is_resampled_as_asked_for(tmp_path: Path) -> None:
    """A ramp of 16000 samples a second, PCM, so that sample k of the file is k / 2**15."""
    path = write_video(tmp_path / "a.mov", audio_sec=2, audio_codec="pcm_s16le")
    ramp = torch.arange(4000, 12000) / 2**15
    for options in ({"sample_rate": 16000}, {"sample_rate": 16000, "mono": False}):
        with EncodedVideo.from_path(path, decoder="decord", **options) as video:
            sound = video.get_clip(Fraction(1, 4), Fraction(3, 4))["audio"]
        assert torch.equal(sound, ramp if len(options) == 1 else ramp[None])
    with EncodedVideoDecord(path) as video:
        assert video.get_clip(Fraction(1, 4), Fraction(3, 4))["audio"].shape == (22050,)


def test_a_rate_of_ours_wins(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", audio_sec=2)
    with EncodedVideo.from_path(path, decoder="decord", audio_rate=8000) as video:
        assert video.get_clip(0, 1)["audio"].shape == (8000,)


@pytest.mark.parametrize("decoder", ["decord", "torchcodec"])
@pytest.mark.parametrize("kind", KINDS)
def test_pyav_reads_what_the_decoder_does_not(kind: str, decoder: str, tmp_path: Path) -> None:
    if not LOADS[decoder]:
        pytest.skip(f"needs {decoder}")
    name, how = KINDS[kind]
    path = write_video(tmp_path / name, frames=30, rate=25, **how)
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        for start, end in ((0, 1), (Fraction(10, 25), Fraction(20, 25)), (0, float("inf"))):
            found = numbers(video.get_clip(start, end)["video"])
            assert found == [k for k in range(30) if start <= Fraction(k, 25) < end]
        assert video.decoder_name == ("pyav" if video.refusal else decoder)
        if decoder == "decord":
            assert video.refusal


def test_it_scales_in_its_place(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", codec="mpeg4", options=B_FRAMES)
    with EncodedVideoDecord(path, decode_audio=False, width=32, height=24, num_threads=2) as video:
        frames = video.get_clip(0, 0.2)["video"]
    assert frames.shape == (3, 6, 24, 32)
    assert numbers(frames) == [*range(6)]


def test_it_is_said_once_a_process(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{n}.avi", frames=3, codec="mpeg4") for n in "ab"]
    decoders._say_once.cache_clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for path in paths:
            EncodedVideo.from_path(path, decoder="decord", decode_audio=False).close()
    (one,) = said
    assert re.match("decoder='decord' does not read .* PyAV .* AVI", str(one.message))


def test_it_is_in_the_report_and_no_fault(tmp_path: Path) -> None:
    videos = [
        (write_video(tmp_path / f"{n}.avi", frames=20, rate=10, codec="mpeg4"), {"label": n})
        for n in range(2)
    ]
    options = {"decode_audio": False, "decoder": "decord"}
    listed = LabeledVideoDataset(videos, UniformClipSampler(1), **options)
    numbered = ClipDataset(videos, ConstantClipsPerVideoSampler(1, 2), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(list(listed)) == len([numbered[k] for k in range(4)]) == 4
    for dataset in (listed, numbered):
        report = dataset.fault_log.report()
        assert len(report) == 0
        ((cause, path),) = report.refusals.items()
        assert "AVI" in cause
        assert path in [video for video, _ in videos]
        assert str(report).startswith("all videos could be read")
        assert "PyAV" in str(report)
        assert path in str(report)


def test_a_file_that_is_no_video_is_no_matter_of_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(b"no video")
    with pytest.raises(RuntimeError, match="no video file"):
        EncodedVideo.from_path(tmp_path / "a.avi", decoder="decord")
