"""Truth: what the videos were written with, and PyAV itself on the same file."""

import pickle
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.container import InputContainer

from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.encoded_video_pyav import EncodedVideoPyAV
from tests.data.coded_video import numbers, write_video


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_video(tmp_path_factory.mktemp("video") / "a.mkv", frames=20, rate=10, audio_sec=2)


def test_the_file_says_its_rate_and_format(path: str) -> None:
    with EncodedVideoPyAV(path) as video, av.open(path) as file:
        assert video.rate == Fraction(10)
        assert video.pix_fmt == "yuv420p"
        assert video.bit_rate == file.streams.video[0].bit_rate


def test_the_container_is_open_whatever_is_decoded(path: str) -> None:
    for options in ({}, {"decode_audio": False}, {"decode_video": False}):
        video = EncodedVideo.from_path(path, **options)
        assert isinstance(video, EncodedVideoPyAV)
        assert isinstance(video._container, InputContainer)
        assert len(video._container.streams.audio) == len(video._container.streams.video) == 1
        video.close()
        with pytest.raises(ValueError, match="closed"):
            video.rate  # noqa: B018 (the access is what is tested)


def test_decoding_from_the_container_leaves_clips_as_they_are(path: str) -> None:
    with EncodedVideoPyAV(path, decode_audio=False) as video:
        assert numbers(video.get_clip(0.5, 1)["video"]) == [5, 6, 7, 8, 9]
        video._container.seek(0)
        for _ in range(3):
            next(video._container.decode(video=0))
        assert numbers(video.get_clip(0.5, 1)["video"]) == [5, 6, 7, 8, 9]


def test_a_pickled_video_opens_its_own_container(path: str) -> None:
    with EncodedVideoPyAV(path) as video, pickle.loads(pickle.dumps(video)) as copy:
        assert type(copy) is EncodedVideoPyAV
        assert copy._container is not video._container
        assert copy.rate == 10


def test_a_subclass_is_opened_by_path_too(path: str) -> None:
    class Mine(EncodedVideoPyAV):
        pass

    class General(EncodedVideo):
        pass

    with Mine.from_path(path) as video, General.from_path(path, decoder="pyav") as general:
        assert type(video) is Mine
        assert type(general) is General


@pytest.mark.parametrize("size", [(32, 24), (-1, 24), (32, -1)])
def test_frames_are_scaled_to_width_and_height(tmp_path: Path, size: tuple[int, int]) -> None:
    turned = write_video(tmp_path / "turned.mp4", frames=4, rotation=90)
    for name in (turned, write_video(tmp_path / "a.mp4", frames=4)):
        with EncodedVideoPyAV(name, width=size[0], height=size[1]) as video:
            frames = video.get_clip(0, 1)["video"]
        width, height = (
            want if want > 0 else has for want, has in zip(size, (64, 48), strict=True)
        )
        assert frames.shape == (3, 4, height, width)
        assert numbers(frames) == [0, 1, 2, 3]
