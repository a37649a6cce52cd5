import logging
import pickle
import threading
from pathlib import Path

import pytest
from PIL import Image

from pytorchvideo_clone.data.lists.manifest import (
    EncodedVideoInfo,
    ImageDataset,
    VideoDataset,
    VideoDatasetType,
    VideoFrameInfo,
    VideoInfo,
    get_logger,
    get_seconds_from_hms_time,
    optional_threaded_foreach,
    save_dataclass_objs_to_headered_csv,
    save_encoded_video_manifest,
    save_video_frame_info,
)
from tests.data.coded_video import numbers, picture, write_video


@pytest.fixture
def frames(tmp_path: Path) -> tuple[str, str]:
    """Manifest and information of two videos of 12 images each, numbered from 1."""
    rows = {}
    for video_id in ("P01_01", "P02_02"):
        folder = tmp_path / video_id
        folder.mkdir()
        for number in range(1, 13):
            Image.fromarray(picture(number)).save(folder / f"frame_{number:010}.png")
        rows[video_id] = VideoFrameInfo(video_id, str(folder), "frame_", 16, 1, 12, "png")
    manifest = save_video_frame_info(rows, str(tmp_path / "frames.csv"))
    infos = [VideoInfo(video_id, "64x48", 1.2, 10) for video_id in rows]
    save_dataclass_objs_to_headered_csv(infos, str(tmp_path / "info.csv"))
    return manifest, str(tmp_path / "info.csv")


def test_frame_videos_give_the_frames_of_a_window(frames: tuple[str, str]) -> None:
    videos = VideoDataset._load_videos(*frames, True, VideoDatasetType.Frame)
    assert list(videos) == ["P01_01", "P02_02"]
    video = pickle.loads(pickle.dumps(videos["P02_02"]))
    assert video.duration == 1.2 and video.name == "P02_02"
    clip = video.get_clip(0.2, 0.5)
    assert clip["frame_indices"] == [2, 3, 4]
    assert numbers(clip["video"]) == [3, 4, 5]
    assert numbers(video.get_clip(1.0, 2.0)["video"]) == [11, 12]


def test_every_image_is_listed_also_the_last(frames: tuple[str, str]) -> None:
    images = ImageDataset._load_images(*frames)
    assert len(images) == 24
    last = [row for row in images.values() if row.frame_number == 12]
    assert [row.video_id for row in last] == ["P01_01", "P02_02"]
    assert all(Path(row.frame_file_path).exists() for row in images.values())
    assert all(row.frame_id == frame_id for frame_id, row in images.items())


def test_encoded_videos_open_only_to_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=20, rate=10, audio_sec=2)
    rows = {"a": EncodedVideoInfo("a", path), "lost": EncodedVideoInfo("lost", "nowhere.mp4")}
    manifest = save_encoded_video_manifest(rows, str(tmp_path / "videos.csv"))
    infos = [VideoInfo(video_id, "64x48", 2, 10) for video_id in rows]
    save_dataclass_objs_to_headered_csv(infos, str(tmp_path / "info.csv"))
    videos = VideoDataset._load_videos(
        manifest, tmp_path / "info.csv", False, VideoDatasetType.EncodedVideo
    )
    video = pickle.loads(pickle.dumps(videos["a"]))
    assert video.duration == 2 and video.name == "a.mp4"
    clip = video.get_clip(0.5, 1, lambda indices: indices[::2])
    assert numbers(clip["video"]) == [5, 7, 9]
    assert clip["audio"] is not None
    with pytest.raises(FileNotFoundError):
        videos["lost"].get_clip(0, 1)


def test_one_sided_and_incomplete_videos_are_left_out(
    frames: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    infos = [VideoInfo("P01_01", "64x48", 2.3, 10), VideoInfo("other", "64x48", 2, 10)]
    save_dataclass_objs_to_headered_csv(infos, frames[1])
    assert VideoDataset._load_videos(*frames, False, VideoDatasetType.Frame) == {}
    assert {name for name in ("P01_01", "P02_02", "other") if name in caplog.text} == {
        "P01_01",
        "P02_02",
        "other",
    }
    save_dataclass_objs_to_headered_csv([VideoInfo("P01_01", "64x48", 2.2, 10)], frames[1])
    assert list(VideoDataset._load_videos(*frames, False, VideoDatasetType.Frame)) == ["P01_01"]


def test_manifests_have_default_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save_encoded_video_manifest({"a": EncodedVideoInfo("a", "a.mp4")})
    assert path == str(tmp_path / "encoded_video_manifest.csv")
    path = save_video_frame_info({"a": VideoFrameInfo("a", ".", "f", 9, 1, 2, "png")})
    assert path == str(tmp_path / "video_frame_metadata.csv")
    assert Path(path).read_text().splitlines()[1] == "a,.,f,9,1,2,png"


@pytest.mark.parametrize("time", ["1:2", "1:61:00", "12 s", "", "1:2:3:4", "-1:00:00"])
def test_other_texts_are_no_time(time: str) -> None:
    with pytest.raises(ValueError, match="H:M:S"):
        get_seconds_from_hms_time(time)


@pytest.mark.parametrize("multithreaded", [False, True])
def test_foreach_calls_all_and_raises_what_a_call_raises(multithreaded: bool) -> None:
    seen, threads = [], set()

    def call(value: int, other: str) -> None:
        seen.append((value, other))
        threads.add(threading.current_thread())
        if value == 2:
            raise KeyError("two")

    optional_threaded_foreach(call, [(0, "a"), (1, "b")], multithreaded)
    assert sorted(seen) == [(0, "a"), (1, "b")]
    assert (threading.main_thread() in threads) == (not multithreaded)
    with pytest.raises(KeyError, match="two"):
        optional_threaded_foreach(call, [(2, "c"), (3, "d")], multithreaded)


def test_logger_writes_once_to_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    logger = get_logger("pytorchvideo_clone.test_manifest")
    assert get_logger("pytorchvideo_clone.test_manifest") is logger
    logger.info("read it")
    assert capsys.readouterr().out.count("read it") == 1
    assert logger.level == logging.INFO
