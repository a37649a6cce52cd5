import pickle
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image

from pytorchvideo_clone.data import EncodedVideo, FrameVideo, VideoPathHandler, VideoReadError
from pytorchvideo_clone.data.video import as_clip, thwc_to_cthw
from tests.data.coded_video import write_video


def test_error_says_which_video_when_by_what_and_why() -> None:
    error = VideoReadError("no key frame", "a.mp4", "pyav", Fraction(3, 2))
    assert str(error) == "cannot read a.mp4 at 1.500 s with pyav: no key frame"
    assert str(VideoReadError("no key frame")) == "cannot read the video: no key frame"
    assert isinstance(error, RuntimeError)


def test_error_survives_the_way_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(VideoReadError("no key frame", "a.mp4", "pyav", 1.5)))
    assert (error.cause, error.path, error.backend, error.time) == (
        "no key frame",
        "a.mp4",
        "pyav",
        1.5,
    )
    # A DataLoader makes a new error of the old one's text.
    assert isinstance(VideoReadError("whole traceback"), VideoReadError)


def test_handler_opens_files_as_encoded_and_folders_as_frame_videos(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(6):
        Image.new("RGB", (8, 6)).save(folder / f"{index}.png")
    handler = VideoPathHandler()
    with handler.video_from_path(write_video(tmp_path / "a.mp4"), decoder="auto") as video:
        assert isinstance(video, EncodedVideo)
        assert video.decoder_name == "pyav"
        assert video.get_clip(0, 1)["audio"] is None
    with handler.video_from_path(folder, fps=3) as video:
        assert isinstance(video, FrameVideo)
        assert video.duration == 2


def test_handler_lists_a_folder_once(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "0.png")
    handler = VideoPathHandler()
    handler.video_from_path(tmp_path)
    Image.new("RGB", (8, 6)).save(tmp_path / "1.png")
    assert handler.video_from_path(tmp_path, fps=1).duration == 1
    assert list(handler.path_order_cache) == [str(tmp_path)]


def test_handler_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4"):
        VideoPathHandler().video_from_path(tmp_path / "gone.mp4")
    with pytest.raises(AssertionError, match="no audio"):
        VideoPathHandler().video_from_path(tmp_path, decode_audio=True)


def test_thwc_to_cthw_is_a_view() -> None:
    frames = torch.arange(48).reshape(2, 2, 4, 3)
    clip = thwc_to_cthw(frames)
    assert clip.shape == (3, 2, 2, 4)
    assert clip.data_ptr() == frames.data_ptr()
    assert clip[2, 1, 0, 3] == frames[1, 0, 3, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("count", [0, 2])
def test_floats_of_a_clip_lie_as_its_bytes_do(dtype, count) -> None:
    frames = torch.arange(count * 120, dtype=torch.uint8).reshape(count, 5, 8, 3)
    clip = as_clip(frames, dtype)
    assert clip.dtype == dtype
    assert clip.stride() == (1, 120, 24, 3), "the layout that PyTorchVideo's readers give"
    assert clip.permute(1, 2, 3, 0).int().flatten().tolist() == list(range(count * 120))


def test_clips_are_uint8_or_floating() -> None:
    frames = torch.arange(48, dtype=torch.uint8).reshape(2, 2, 4, 3)
    assert as_clip(frames, torch.float16).dtype == torch.float16
    assert as_clip(frames, torch.uint8).shape == (3, 2, 2, 4)
    with pytest.raises(ValueError, match=r"torch\.int32"):
        as_clip(frames, torch.int32)
