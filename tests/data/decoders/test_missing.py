from pathlib import Path

import pytest

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.video import VideoReadError
from tests.data.coded_video import numbers, write_video

CODECS = {"avi": "mpeg4", "mxf": "mpeg2video", "webm": "libvpx"}


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "avi", "mxf", "flv", "wmv"])
def test_a_file_that_is_cut_off_is_refused_and_says_why(ending: str, tmp_path: Path) -> None:
    container = {"movflags": "faststart"} if ending == "mp4" else None
    path = Path(
        write_video(
            tmp_path / f"a.{ending}",
            60,
            25,
            codec=CODECS.get(ending, "libx264"),
            size=(96, 128),
            options={"g": "12"},
            container_options=container,
            noise=30,
        )
    )
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 60)["video"]) == list(range(60))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(VideoReadError, match=r"cut off|missing|states a size"):
        EncodedVideo.from_path(path, decode_audio=False).get_clip(0, 60)
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 0.08)["video"]) == [0, 1]


def test_sound_longer_than_uneven_frames_is_no_cut(tmp_path: Path) -> None:
    stamps = [*range(20), 30, 45]
    path = write_video(
        tmp_path / "a.mkv", len(stamps), 25, pts=stamps, audio_sec=4, options={"bf": "0"}
    )
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0, 60)["video"]) == list(range(len(stamps)))
