"""Videos: opened with the options of each decoder, subclassed, and asked for what they are."""

import io
import math
import warnings
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from pytorchvideo_clone.data.decoder import DecoderType

from pytorchvideo_clone.data import LabeledVideoDataset, UniformClipSampler
from pytorchvideo_clone.data.clip_sampling import RandomMultiClipSampler
from pytorchvideo_clone.data.encoded_video import EncodedVideo, select_video_class
from pytorchvideo_clone.data.encoded_video_decord import EncodedVideoDecord
from pytorchvideo_clone.data.encoded_video_pyav import EncodedVideoPyAV
from pytorchvideo_clone.data.encoded_video_torchvision import EncodedVideoTorchVision
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.video import Video, VideoPathHandler
from tests.data.coded_video import numbers, write_video


def clip_by_seconds(video_path: str) -> None:
    video = EncodedVideo.from_path(video_path)
    video_data = video.get_clip(start_sec=0.5, end_sec=1.5)
    assert sorted(video_data) == ["audio", "video"]
    assert video_data["video"].shape == (3, 10, 48, 64)
    assert video_data["video"].dtype == video_data["audio"].dtype == torch.float32
    assert numbers(video_data["video"]) == list(range(5, 15))
    assert video.name == "0.mp4"
    assert video.duration == 2
    video.close()


def decord_with_sample_rate(video_path: str) -> None:
    """A tone's window of 1 s is 16000 samples in [-1, 1]."""
    video = EncodedVideo.from_path(video_path, decoder="decord", sample_rate=16000)
    clip = video.get_clip(0, 1)
    assert numbers(clip["video"]) == list(range(10))
    assert clip["audio"].shape == (16000,)
    assert clip["audio"].abs().max() <= 1


def decord_frames_alone_with_sample_rate(video_path: str) -> None:
    options = {"sample_rate": 16000}
    video = EncodedVideo.from_path(video_path, decoder="decord", decode_audio=False, **options)
    clip = video.get_clip(0, 1)
    assert clip["audio"] is None
    assert numbers(clip["video"]) == list(range(10))


def decord_with_every_option(video_path: str) -> None:
    with open(video_path, "rb") as file:  # noqa: PTH123 (as such projects write it)
        video = EncodedVideoDecord(
            file,
            video_name="a",
            decode_video=True,
            decode_audio=True,
            sample_rate=8000,
            mono=False,
            width=32,
            height=24,
            num_threads=0,
            fault_tol=-1,
        )
        clip = video.get_clip(0, 1)
    assert video.name == "a"
    assert clip["video"].shape == (3, 10, 24, 32)
    assert clip["audio"].shape == (1, 8000)


def decord_sound_by_default(video_path: str) -> None:
    clip = EncodedVideo.from_path(video_path, decoder="decord").get_clip(0.5, 1.5)
    assert clip["audio"].shape == (44100,)
    assert clip["audio"].abs().max() <= 1


def class_of_each_decoder(video_path: str) -> None:
    assert select_video_class("pyav") is EncodedVideoPyAV
    assert select_video_class("decord") is EncodedVideoDecord
    assert select_video_class("torchvision") is EncodedVideoTorchVision
    assert select_video_class(DecoderType.PYAV.value) is EncodedVideoPyAV
    assert select_video_class(DecoderType.DECORD) is EncodedVideoDecord
    with pytest.raises(ValueError, match="gif"):
        select_video_class("gif")
    for decoder, kind in (("pyav", EncodedVideoPyAV), ("decord", EncodedVideoDecord)):
        video = EncodedVideo.from_path(video_path, decoder=decoder)
        assert isinstance(video, kind)
        assert isinstance(video, Video)
        assert type(VideoPathHandler().video_from_path(video_path, decoder=decoder)) is kind


def torchvision_class(video_path: str) -> None:
    with pytest.warns(UserWarning, match="torchvision dropped"):
        video = EncodedVideoTorchVision(video_path, decode_audio=False)
    assert numbers(video.get_clip(0, 0.3)["video"]) == [0, 1, 2]


def open_container(video_path: str) -> None:
    video = EncodedVideo.from_path(video_path, decode_audio=False)
    container = video._container
    stream = container.streams.video[0]
    assert (stream.codec_context.width, stream.codec_context.height) == (64, 48)
    assert stream.average_rate == 10
    assert stream.frames == 20
    assert len(container.streams.audio) == 1
    container.seek(0)
    assert sum(1 for _ in container.decode(video=0)) == 20
    assert numbers(video.get_clip(1, 1.3)["video"]) == [10, 11, 12]


def rate_and_format(video_path: str) -> None:
    video = EncodedVideoPyAV(io.BytesIO(Path(video_path).read_bytes()), "name.mp4")
    assert float(video.rate) == 10
    assert video.bit_rate > 0
    assert video.pix_fmt == "yuv420p"


def positional_options(video_path: str) -> None:
    """file, video_name, decode_video, decode_audio, perform_seek."""
    with open(video_path, "rb") as file:  # noqa: PTH123
        video = EncodedVideoPyAV(file, "name", True, False, False)
        assert video.name == "name"
        clip = video.get_clip(1.0, 1.2)
    assert clip["audio"] is None
    assert numbers(clip["video"]) == [10, 11]


def reader_of_ones_own(video_path: str) -> None:
    class EverySecondFrame(EncodedVideoPyAV):
        def __init__(self, file, video_name=None, decode_audio=True):
            super().__init__(file, video_name=video_name, decode_audio=decode_audio)
            self.read = 0

        def get_clip(self, start_sec, end_sec):
            self.read += 1
            clip = super().get_clip(start_sec, end_sec)
            return {**clip, "video": clip["video"][:, ::2]}

    with open(video_path, "rb") as file:  # noqa: PTH123
        video = EverySecondFrame(file, decode_audio=False)
        assert numbers(video.get_clip(0, 1)["video"]) == [0, 2, 4, 6, 8]
    assert video.read == 1
    assert isinstance(video, EncodedVideo)


def avi_with_decord(tmp_path: Path) -> None:
    """As HMDB51's and UCF101's videos, for which PyAV stands in."""
    path = write_video(tmp_path / "a.avi", frames=20, rate=10, codec="mpeg4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        video = EncodedVideo.from_path(path, decoder="decord", decode_audio=False)
    assert numbers(video.get_clip(0.5, 1)["video"]) == [5, 6, 7, 8, 9]
    assert video.duration == 2


def whole_video_and_nothing(video_path: str) -> None:
    video = EncodedVideo.from_path(video_path, decode_audio=False)
    assert numbers(video.get_clip(0, video.duration)["video"]) == list(range(20))
    assert numbers(video.get_clip(0, math.inf)["video"]) == list(range(20))
    assert video.get_clip(5, 6)["video"] is None
    assert numbers(video.get_clip(Fraction(1, 10), Fraction(3, 10))["video"]) == [1, 2]


def length_of_frames(frame_paths: list[str]) -> None:
    video = FrameVideo.from_frame_paths(frame_paths, fps=30)
    assert video.duration == 0.1
    video = FrameVideo(duration=0.1, fps=30, video_frame_paths=frame_paths)
    assert video.duration == 0.1
    clip = video.get_clip(0, video.duration, frame_filter=lambda indices: indices[:2])
    assert clip["frame_indices"] == [0, 1]
    assert clip["video"].shape == (3, 2, 6, 8)
    assert clip["audio"] is None


def missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EncodedVideo.from_path(str(tmp_path / "no.mp4"))
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(RuntimeError):
        EncodedVideo.from_path(str(tmp_path / "bad.mp4"))


def handler_of_ones_own(video_path: str) -> None:
    class Handler(VideoPathHandler):
        def video_from_path(
            self, filepath, decode_video=True, decode_audio=False, decoder="pyav", fps=30
        ):
            return super().video_from_path(
                f"{filepath}.mp4", decode_video, decode_audio, decoder, fps
            )

    handler = Handler()
    assert handler.video_from_path(video_path.removesuffix(".mp4")).name == "0.mp4"
    assert handler.path_order_cache == {}


def video_of_ones_own() -> None:
    class Noise(Video):
        def __init__(self, file, video_name=None, decode_audio=True):
            super().__init__(file, video_name, decode_audio)
            self.name = video_name

        @property
        def duration(self):
            return 2.0

        def get_clip(self, start_sec, end_sec):
            return {"video": torch.full((3, 4, 2, 2), float(start_sec)), "audio": None}

    class Handler(VideoPathHandler):
        def video_from_path(self, filepath, **options):
            return Noise(None, filepath)

    for sampler, expected in ((UniformClipSampler(1), [0, 1]), (RandomMultiClipSampler(2, 2), [0])):
        dataset = LabeledVideoDataset([("a", {"label": 0})], sampler)
        dataset.video_path_handler = Handler()
        samples = list(dataset)
        firsts = [sample["video"][0].flatten()[0] for sample in samples]
        assert [float(first) for first in firsts] == expected
        assert samples[0]["video_name"] == "a"
