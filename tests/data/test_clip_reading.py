import pytest

from pytorchvideo_clone.data import ClipDataset, ClipInfo, ClipSampler, VideoReadError
from pytorchvideo_clone.data.clip_reading import naming
from tests.data.coded_video import write_video

FPS = 10


class AfterTheEnd(ClipSampler):
    samples_per_video = 1

    def __call__(self, last_clip_end_time, video_duration, annotation):
        return ClipInfo(video_duration + 1, video_duration + 2, 0, 0, True)


def test_a_clip_without_frames_says_where_it_was(tmp_path):
    path = write_video(tmp_path / "a.mp4", 30, FPS)
    with pytest.raises(VideoReadError, match=r"nothing begins in \[4\.000, 5\.000\) s of its 3\.0"):
        ClipDataset([(path, {})], AfterTheEnd(1))[0]


def test_audio_does_not_make_up_for_missing_frames(tmp_path):
    path = write_video(tmp_path / "long_sound.mp4", 5, FPS, audio_sec=3)
    dataset = ClipDataset([(path, {})], AfterTheEnd(1), decode_audio=True)
    with pytest.raises(VideoReadError, match="nothing begins"):
        dataset[0]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FileNotFoundError("x"), "there is no such file or folder"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (VideoReadError("torn", "a.mp4", "pyav", 1.5), "torn"),
        (VideoReadError("torn", "/videos/3.png", "Pillow"), "/videos/3.png: torn"),
    ],
)
def test_every_failure_gets_the_path(error, cause):
    with pytest.raises(VideoReadError) as caught, naming("/videos/a.mp4"):
        raise error
    assert (caught.value.path, caught.value.cause) == ("/videos/a.mp4", cause)
    assert caught.value.time == getattr(error, "time", None)
