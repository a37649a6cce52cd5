import random
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data import (
    ClipDataset,
    ClipInfo,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    EncodedVideo,
    RandomMultiClipSampler,
    VideoReadError,
)
from pytorchvideo_clone.data.clip_reading import naming, read_clip, read_together
from pytorchvideo_clone.data.packed import pack_videos
from tests.data.coded_video import numbers, write_video

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


def some_frames(indices: list[int]) -> list[int]:
    """Frames that chance chooses."""
    return sorted(torch.randperm(len(indices))[:3].tolist())


def add_noise(sample):
    return {**sample, "noise": torch.rand(())}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, int]]]:
    """A good video, one torn in the middle, none, one with sound, one of a store."""
    tmp_path = tmp_path_factory.mktemp("sources")
    (tmp_path / "good" / "class").mkdir(parents=True)
    good = write_video(tmp_path / "good" / "class" / "good.mp4", 40, FPS)
    fast = {"movflags": "faststart"}
    torn = write_video(tmp_path / "torn.mp4", 40, FPS, container_options=fast)
    data = Path(torn).read_bytes()
    Path(torn).write_bytes(data[: len(data) * 3 // 5])
    sound = write_video(tmp_path / "sound.mp4", 40, FPS, audio_sec=4)
    pack_videos(tmp_path / "good", tmp_path / "s.ptvpack", num_workers=1)
    paths = [good, torn, str(tmp_path / "none.mp4"), sound, str(tmp_path / "s.ptvpack#0")]
    return [(path, {"label": label}) for label, path in enumerate(paths)]


@pytest.mark.parametrize("frame_filter", [None, some_frames])
@pytest.mark.parametrize("faults", ["pad", "substitute"])
@pytest.mark.parametrize("decode_audio", [False, True])
def test_a_batch_holds_what_its_samples_hold_one_by_one(
    sources, frame_filter, faults, decode_audio
):
    dataset = ClipDataset(
        sources,
        ConstantClipsPerVideoSampler(1, 5),
        add_noise,
        frame_filter=frame_filter,
        faults=faults,
        decode_audio=decode_audio,
    )
    order = random.Random(0).sample(range(25), 25)
    for index, sample in zip(order, dataset.__getitems__(order), strict=True):
        alone = dataset[index]
        assert sample.keys() == alone.keys()
        for key, value in alone.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(sample[key], value)
            else:
                assert sample[key] == value


def test_a_batch_opens_a_video_once_and_converts_a_frame_once(sources, monkeypatch):
    dataset = ClipDataset(sources, ConstantClipsPerVideoSampler(2, 10))
    opened, read = [], []
    get_clip, from_path = EncodedVideo.get_clip, EncodedVideo.from_path

    def count_frames(*arguments, **options):
        clip = get_clip(*arguments, **options)
        read.append(clip["video"].shape[1])
        return clip

    monkeypatch.setattr(EncodedVideo, "get_clip", count_frames)
    monkeypatch.setattr(
        EncodedVideo, "from_path", lambda *a, **k: opened.append(a) or from_path(*a, **k)
    )
    samples = dataset.__getitems__(list(range(10)))
    assert (len(opened), read) == (1, [40])
    assert numbers(samples[0]["video"]) == list(range(20))
    assert numbers(samples[9]["video"]) == list(range(20, 40))


def test_several_clips_of_a_sample_are_read_together(sources, monkeypatch):
    path = sources[0][0]
    spans = next(iter(RandomMultiClipSampler(1, 4).clips(4, {}, random.Random(0))))
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        together = read_clip(video, spans)["video"]
        monkeypatch.setattr(EncodedVideo, "places", lambda *_: None)
        alone = read_clip(video, spans)["video"]
    assert [numbers(clip) for clip in together] == [numbers(clip) for clip in alone]


def test_windows_far_apart_are_read_each_by_itself(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", 60, 2)
    asked = []
    places = EncodedVideo.places
    monkeypatch.setattr(
        EncodedVideo,
        "places",
        lambda video, windows: asked.append(windows) or places(video, windows),
    )
    windows = [(25, 27), (0, 2), (26, 28), (5, 7)]
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        clips = read_together(video, windows, [None] * 4)
    assert clips is not None
    assert [numbers(clip["video"])[0] for clip in clips] == [50, 0, 52, 10]
    assert asked == [[(0, 2), (5, 7)], [(25, 27), (26, 28)]]
