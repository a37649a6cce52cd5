from pathlib import Path

import pytest

from pytorchvideo_clone.data.decoders import decoder_report
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.encoded_video_torchvision import EncodedVideoTorchVision
from tests.data.coded_video import numbers, write_video


def test_torchcodec_reads_and_it_is_said(tmp_path: Path) -> None:
    if not next(status.loads for status in decoder_report() if status.name == "torchcodec"):
        pytest.skip("needs torchcodec")
    path = write_video(tmp_path / "a.mp4", frames=6)
    with pytest.warns(UserWarning, match="TorchCodec"):
        video = EncodedVideo.from_path(path, decode_audio=False, decoder="torchvision")
    with video:
        assert type(video) is EncodedVideoTorchVision
        assert video.decoder_name == "torchcodec"
        assert numbers(video.get_clip(0, 0.1)["video"]) == [0, 1, 2]
