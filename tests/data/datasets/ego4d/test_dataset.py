import json
import pickle
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler

from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.data.clip_sampling import RandomClipSampler
from pytorchvideo_clone.data.datasets.ego4d import Ego4dMomentsDataset
from tests.data.coded_video import picture, write_video
from tests.data.datasets.ego4d.test_imu import RATE, write_imu

LABELS = {"cut": 0, "stir": 1, "wash": 2}


def clip(uid: str, *labels: tuple[str, float, float]) -> dict:
    found = [
        {
            "label": name,
            "start_time": start - 0.5,
            "end_time": end - 0.5,
            "video_start_time": start,
            "video_end_time": end,
        }
        for name, start, end in labels
    ]
    return {
        "clip_uid": uid,
        "video_start_sec": 0.5,
        "video_end_sec": 2.5,
        "annotations": [{"labels": found[:1]}, {"labels": found[1:]}],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of 3 s at 30 frames a second; b has no sound, c is stereo."""
    folder = tmp_path_factory.mktemp("ego4d")
    options = {"frames": 90, "options": {"crf": "1"}}
    write_video(folder / "a.mp4", **options, audio_sec=3)
    write_video(folder / "b.mp4", **options)
    write_video(folder / "slow.mp4", frames=30, rate=10)
    moments = [
        ("a", "train", clip("a0", ("cut", 1.0, 1.4), ("stir", 1.0, 1.4), ("wash", 2.4, 2.9))),
        ("b", "val", clip("b0", ("stir", 0.2, 0.4), ("cut", 1.0, 1.0))),
        ("c", "train", clip("c0", ("cut", 1.0, 2.0))),
        ("unknown", "train", clip("d0", ("cut", 1.0, 2.0))),
    ]
    videos = [{"video_uid": uid, "split": split, "clips": [one]} for uid, split, one in moments]
    (folder / "moments.json").write_text(json.dumps({"videos": videos}))
    metadata = [
        {
            "video_uid": uid,
            "duration_sec": 3.0,
            "is_stereo": uid == "c",
            "manifold_path": str(folder / f"{uid}.mp4"),
        }
        for uid in "abc"
    ]
    (folder / "ego4d.json").write_text(json.dumps({"videos": metadata}))
    (folder / "labels.json").write_text(json.dumps(LABELS))
    write_imu(folder / "imu", "a")
    return folder


def make(folder: Path, **options) -> Ego4dMomentsDataset:
    settings = {"label_id_map": LABELS, "window_sec": 1, **options}
    return Ego4dMomentsDataset(folder / "moments.json", folder / "ego4d.json", **settings)


def frame_numbers(sample: dict) -> list[int]:
    """Undo the normalisation."""
    pixels = (sample["video"] * 0.225 + 0.45) * 255
    expected = torch.stack([torch.from_numpy(picture(k)).permute(2, 0, 1) for k in range(90)], 1)
    return [
        int((expected - pixels[:, t : t + 1]).abs().mean((0, 2, 3)).argmin())
        for t in range(pixels.shape[1])
    ]


def test_samples_tell_all_about_a_moment(folder: Path) -> None:
    samples = list(make(folder))
    assert [(s["video_uid"], s["labels"]) for s in samples] == [
        ("a", ["cut", "stir"]),
        ("a", ["wash"]),
        ("b", ["stir"]),
    ]
    first = samples[0]
    assert first["labels_id"] == [0, 1] and first["labels_onehot"] == [1, 1, 0]
    assert first["clip_uid"] == "a0" and first["duration"] == 3.0
    assert (first["clip_video_start_sec"], first["clip_video_end_sec"]) == (0.5, 2.5)
    assert (first["label_video_start_sec"], first["label_video_end_sec"]) == (1.0, 1.4)
    assert (first["clip_start"], first["clip_end"]) == pytest.approx((0.7, 1.7))
    assert first["video_path"] == str(folder / "a.mp4") and first["video_name"] == "a.mp4"
    assert frame_numbers(first) == list(range(21, 51))
    assert (samples[1]["clip_start"], samples[1]["clip_end"]) == (2.0, 3.0)  # pushed inside


@pytest.mark.parametrize("split, uids", [("train", ["a", "a"]), ("val", ["b"]), ("test", [])])
def test_every_split_is_scaled_and_normalised(folder: Path, split: str, uids: list) -> None:
    samples = list(make(folder, split=split))
    assert [sample["video_uid"] for sample in samples] == uids
    for sample in samples:
        low, high = (0 - 0.45) / 0.225, (1 - 0.45) / 0.225
        assert sample["video"].min() == pytest.approx(low, abs=0.1)
        assert sample["video"].max() == pytest.approx(high, abs=0.1)


@pytest.mark.parametrize("kind, bins", [("melspectrogram", 80), ("spectrogram", 257), ("mfcc", 40)])
def test_sound_has_a_spectrogram_and_its_lack_a_flag(folder: Path, kind: str, bins: int) -> None:
    samples = list(make(folder, audio_transform_type=kind))
    assert [sample["has_audio"] for sample in samples] == [True, True, False]
    for sample in samples:
        assert sample["audio"]["signal"].shape == (16000,)
        assert sample["audio"]["sampling_rate"] == 16000
        assert sample["spectrogram"].shape == (bins, 101)
        assert torch.equal(sample["spectrogram"], sample["audio"]["spectrogram"])
    assert samples[0]["spectrogram"].abs().max() > 0
    sample = next(iter(make(folder, decode_audio=False)))
    assert not {"audio", "spectrogram", "has_audio"} & set(sample)


def test_measurements_are_those_of_the_clip(folder: Path) -> None:
    samples = list(make(folder, imu=True, imu_path=folder / "imu"))
    assert [sample["video_uid"] for sample in samples] == ["a", "a"]  # b has none
    imu = samples[0]["imu"]
    assert imu["signal"].shape == (RATE, 6) and imu["sampling_rate"] == RATE
    assert imu["timestamp"][0] >= samples[0]["clip_start"] > imu["timestamp"][0] - 1 / RATE


@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_gives_the_same_samples(folder: Path, workers: int) -> None:
    numbered = make(folder).map_style()
    assert len(numbered) == 3
    loader = DataLoader(numbered, batch_size=None, num_workers=workers)
    for sample, other in zip(make(folder), loader, strict=True):
        assert list(sample) == list(other)
        assert torch.equal(sample["video"], other["video"])
        assert torch.equal(sample["spectrogram"], other["spectrogram"])
        assert sample["clip_start"] == other["clip_start"]
    assert len(pickle.loads(pickle.dumps(numbered))) == 3


def test_what_to_read_can_be_chosen(folder: Path) -> None:
    def uids_and_labels(**options) -> list:
        return [(s["video_uid"], s["labels"]) for s in make(folder, **options)]

    assert uids_and_labels(filtered_labels=["stir"]) == [("a", ["stir"]), ("b", ["stir"])]
    assert uids_and_labels(eligible_video_uids={"b"}) == [("b", ["stir"])]
    of_file = make(folder, label_id_map=None, label_id_map_path=folder / "labels.json")
    assert [s["labels_id"] for s in of_file] == [[0, 1], [2], [1]]
    other = make(folder, video_path_override=lambda uid: str(folder / "b.mp4"))
    assert {(s["video_name"], s["has_audio"]) for s in other} == {("b.mp4", False)}


def test_clips_of_another_length_are_left_out(folder: Path) -> None:
    slow = make(folder, video_path_override=lambda uid: str(folder / "slow.mp4"))
    assert list(slow) == []
    with pytest.raises(VideoReadError, match="has 10 frames, not 30"):
        slow.map_style()[0]
    assert len(list(make(folder, window_sec=0))) == 3  # the moments themselves
    assert list(make(folder, clip_sampler=RandomClipSampler(0.5))) == []


def test_transform_comes_last_and_order_is_the_samplers(folder: Path) -> None:
    dataset = make(
        folder, transform=lambda sample: sample["labels_id"], video_sampler=RandomSampler
    )
    assert sorted(dataset) == [[0, 1], [1], [2]]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"label_id_map": None}, "either label_id_map or"),
        ({"imu": True}, "imu_path"),
        ({"label_id_map": {"cut": 0}}, "2 labels have no number"),
        ({"label_id_map": {**LABELS, "cut": 1_700_000_000}}, "'cut' .* 0 to 999999"),
        ({"max_classes": 2}, "max_classes"),
        ({"audio_transform_type": "wavelets"}, "'melspectrogram'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(folder: Path, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(folder, **options)
