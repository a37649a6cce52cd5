"""Sound through EncodedVideo and the data sets, from real files."""

import pickle
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from pytorchvideo_clone.data import (
    ClipDataset,
    EncodedVideo,
    Faults,
    LabeledVideoDataset,
    VideoReadError,
)
from pytorchvideo_clone.data.clip_sampling import (
    ConstantClipsPerVideoSampler,
    RandomMultiClipSampler,
)
from tests.data.coded_video import write_video

SOUND = {"audio_rate": 8000, "missing_audio": "silence"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict]]:
    """With sound all along, at another rate, for the first half only, from 1 s on, and without."""
    folder = tmp_path_factory.mktemp("videos")
    size = {"frames": 40, "rate": 20}
    paths = [
        write_video(folder / "aac.mp4", **size, audio_sec=2),
        write_video(
            folder / "pcm.mkv", **size, audio_sec=2, audio_codec="pcm_s16le", audio_rate=44100
        ),
        write_video(folder / "half.mkv", **size, audio_sec=1, audio_codec="mp3"),
        write_video(folder / "mute.mp4", **size),
    ]
    return [(path, {"label": label}) for label, path in enumerate(paths)]


@pytest.mark.parametrize("workers", [0, 2])
def test_videos_with_and_without_sound_fill_a_batch(videos: list, workers: int) -> None:
    dataset = ClipDataset(
        videos,
        ConstantClipsPerVideoSampler(Fraction(2, 5), 2),
        decode_audio=True,
        open_options=SOUND,
    )
    (batch,) = DataLoader(dataset, batch_size=8, num_workers=workers)
    assert batch["audio"].shape == (8, 3200)
    assert batch["has_audio"].tolist() == [True] * 5 + [False] * 3
    assert (batch["audio"].abs().amax(1) > 0).tolist() == [True] * 5 + [False] * 3
    assert batch["label"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_iterable_and_map_style_samples_say_whether_there_is_sound(videos: list) -> None:
    dataset = LabeledVideoDataset(
        videos,
        ConstantClipsPerVideoSampler(Fraction(2, 5), 1),
        torch.utils.data.SequentialSampler,
        open_options=SOUND,
    )
    samples = list(dataset)
    assert [sample["has_audio"] for sample in samples] == [True, True, True, False]
    assert {sample["audio"].shape for sample in samples} == {(3200,)}
    for sample, other in zip(samples, dataset.map_style(), strict=True):
        assert torch.equal(sample["audio"], other["audio"])


def test_several_clips_have_a_list_of_sounds(videos: list) -> None:
    dataset = ClipDataset(
        videos, RandomMultiClipSampler(0.4, 3), decode_audio=True, open_options=SOUND
    )
    sample = dataset[3]
    assert [audio.shape for audio in sample["audio"]] == [(3200,)] * 3
    assert sample["has_audio"] == [False] * 3


def test_without_options_sound_is_as_in_pytorchvideo(videos: list) -> None:
    dataset = ClipDataset(
        videos, ConstantClipsPerVideoSampler(Fraction(2, 5), 1), decode_audio=True
    )
    assert "has_audio" not in dataset[0] and dataset[0]["audio"].abs().max() <= 1
    assert dataset[1]["audio"].max() > 1000  # 16-bit values
    assert "audio" not in dataset[3]


def test_the_window_of_sound_is_that_of_the_frames(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "video.mov", pts=range(30, 70), audio_sec=3, audio_codec="pcm_s16le"
    )  # sample k of the sound has the value k, and the video begins 1 s into it
    with EncodedVideo.from_path(path, audio_rate="native") as video:
        clip = video.get_clip(0.25, 0.75)
        assert torch.equal(clip["audio"] * 2**15, torch.arange(20000, 28000) % 20000.0)
        copy = pickle.loads(pickle.dumps(video))
        assert torch.equal(copy.get_clip(0.25, 0.75)["audio"], clip["audio"])
        copy.close()


@pytest.mark.parametrize("decoder", ["pyav", "torchcodec", "decord"])
def test_sound_is_the_same_whatever_decodes_the_frames(videos: list, decoder: str) -> None:
    with (
        EncodedVideo.from_path(videos[0][0], decoder=decoder, **SOUND) as video,
        EncodedVideo.from_path(videos[0][0], decode_video=False, **SOUND) as sound,
    ):
        clip = video.get_clip(0.3, 0.8)
        assert torch.equal(clip["audio"], sound.get_clip(0.3, 0.8)["audio"])
        assert sound.get_clip(0.3, 0.8)["video"] is None


def test_sound_alone_of_a_mute_file(videos: list) -> None:
    mute = videos[3][0]
    with pytest.raises(VideoReadError, match="no audio stream"):
        EncodedVideo.from_path(mute, decode_video=False, audio_rate=8000)
    with EncodedVideo.from_path(mute, decode_video=False, **SOUND) as video:
        assert video.duration == 2
        clip = video.get_clip(0, 1)
    assert torch.equal(clip["audio"], torch.zeros(8000)) and clip["has_audio"] is False


def test_options_of_sound_need_sound(videos: list) -> None:
    with pytest.raises(ValueError, match="decode_audio=True"):
        ClipDataset(videos, ConstantClipsPerVideoSampler(Fraction(2, 5), 1), open_options=SOUND)[0]


def test_a_video_that_cannot_be_read_is_silent_where_it_is_padded(
    videos: list, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = (str(tmp_path / "broken.mp4"), {"label": 4})
    for dataset in (
        ClipDataset(
            [*videos, broken],
            ConstantClipsPerVideoSampler(Fraction(2, 5), 1),
            decode_audio=True,
            open_options=SOUND,
            faults=Faults("pad", blank=(20, 48, 64)),
        ),
        LabeledVideoDataset(
            [*videos, broken],
            ConstantClipsPerVideoSampler(Fraction(2, 5), 1),
            torch.utils.data.SequentialSampler,
            open_options=SOUND,
            faults=Faults("pad", blank=(20, 48, 64)),
        ),
    ):
        samples = [{key: s[key] for key in ("audio", "has_audio", "valid")} for s in dataset]
        batch = torch.utils.data.default_collate(samples)
        assert batch["audio"].shape == (5, 3200)
        assert batch["has_audio"].tolist() == [True, True, True, False, False]
        assert batch["valid"].tolist() == [True, True, True, True, False]
