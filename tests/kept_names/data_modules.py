"""Names that projects import from the module that happened to have them, and helpers."""

import dataclasses
from fractions import Fraction

import numpy as np
import torch

from pytorchvideo_clone.data.utils import (
    DataclassFieldCaster,
    export_video_array,
    load_dataclass_dict_from_csv,
    optional_threaded_foreach,
    pts_to_secs,
    save_dataclass_objs_to_headered_csv,
    secs_to_pts,
    thwc_to_cthw,
)


def names_passed_on() -> None:
    from pytorchvideo_clone.data.ava import ClipInfo, ClipSampler, LabeledVideoDataset
    from pytorchvideo_clone.data.charades import MultiProcessSampler
    from pytorchvideo_clone.data.dataset_manifest_utils import FrameVideo
    from pytorchvideo_clone.data.epic_kitchen.epic_kitchen_dataset import VideoInfo
    from pytorchvideo_clone.data.kinetics import labeled_video_dataset
    from pytorchvideo_clone.data.ucf101 import LabeledVideoDataset as from_ucf101

    from pytorchvideo_clone.data.encoded_video import DecoderType, Video, g_pathmgr
    from pytorchvideo_clone.data.encoded_video_pyav import secs_to_pts as from_pyav
    from pytorchvideo_clone.data.frame_video import optional_threaded_foreach as from_frames
    from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoPaths, VideoPathHandler
    from pytorchvideo_clone.data.utils import g_pathmgr as from_utils
    from pytorchvideo_clone.data.video import VideoPathHandler as from_video

    assert from_ucf101 is LabeledVideoDataset
    assert from_utils is g_pathmgr
    assert from_video is VideoPathHandler
    assert from_pyav is secs_to_pts
    assert from_frames is optional_threaded_foreach
    for name in (ClipInfo, ClipSampler, MultiProcessSampler, FrameVideo, DecoderType, Video):
        assert isinstance(name, type)
    for name in (VideoInfo, LabeledVideoPaths, labeled_video_dataset):
        assert callable(name)


def caster_of_lists() -> None:
    @dataclasses.dataclass
    class Row(DataclassFieldCaster):
        name: str
        count: int
        values: list
        boxes: dict = DataclassFieldCaster.complex_initialized_dataclass_field(  # noqa: RUF009 (a field)
            lambda text: dict(part.split("=") for part in text.split(";"))
        )

    row = Row(5, "7", (1, 2), "a=1;b=2")
    assert row == Row("5", 7, [1, 2], "a=1;b=2")
    assert row.values == [1, 2]
    assert row.boxes == {"a": "1", "b": "2"}


def rows_by_key(tmp_path) -> None:
    @dataclasses.dataclass
    class Row(DataclassFieldCaster):
        video_id: str
        seconds: float

    file = str(tmp_path / "rows.csv")
    save_dataclass_objs_to_headered_csv([Row("a", 1.5), Row("b", 2)], file)
    assert load_dataclass_dict_from_csv(file, Row, "video_id") == {
        "a": Row("a", 1.5),
        "b": Row("b", 2.0),
    }
    listed = load_dataclass_dict_from_csv(file, Row, "video_id", list_per_key=True)
    assert listed["a"] == [Row("a", 1.5)]


def times_and_ticks() -> None:
    assert secs_to_pts(1.0, Fraction(1, 30), 5, round_mode="ceil") == 35
    assert pts_to_secs(35, Fraction(1, 30), 5) == 1
    assert secs_to_pts(float("inf"), Fraction(1, 30), 0) == float("inf")


def channels_first() -> None:
    frames = torch.arange(2 * 3 * 4 * 3).reshape(2, 3, 4, 3)
    assert torch.equal(thwc_to_cthw(frames), frames.permute(3, 0, 1, 2))


def video_written_and_read(tmp_path) -> None:
    from pytorchvideo_clone.data.encoded_video import EncodedVideo

    video = torch.from_numpy(np.full((3, 10, 32, 48), 128, np.uint8))
    path = str(tmp_path / "grey.mp4")
    export_video_array(video, output_path=path, rate=10)
    clip = EncodedVideo.from_path(path, decode_audio=False).get_clip(0, 1)["video"]
    assert clip.shape == (3, 10, 32, 48)
    assert (clip - 128).abs().max() < 6


def threads_or_not() -> None:
    seen: list[int] = []
    for multithreaded in (False, True):
        optional_threaded_foreach(seen.append, [(1,), (2,)], multithreaded)
    assert sorted(seen) == [1, 1, 2, 2]
