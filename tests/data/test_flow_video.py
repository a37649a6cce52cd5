import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pytorchvideo_clone.data import ClipDataset, VideoPathHandler, VideoReadError
from pytorchvideo_clone.data.clip_sampling import ConstantClipsPerVideoSampler
from pytorchvideo_clone.data.flow_video import FlowVideo
from pytorchvideo_clone.data.frame_video import FrameVideo

LAYOUTS = {
    "one folder": ("flow_{}_{:05}.jpg", "xy"),
    "one folder, numbers without zeros": ("flow_{}_{}.png", "xy"),
    "short names": ("{}{:04}.png", "uv"),
    "two folders": ("{}/frame_{:010}.jpg", "uv"),
    "two folders, plain numbers": ("{}/{}.png", "xy"),
}


def write_flow(folder: Path, layout: str, count: int = 12) -> str:
    """Frame k has the horizontal flow 10 k and the vertical 10 k + 5 everywhere."""
    pattern, letters = LAYOUTS[layout]
    for number in range(count):
        for part, letter in enumerate(letters):
            path = folder / pattern.format(letter, number + 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((6, 8), 10 * number + 5 * part, np.uint8)).save(path)
    (folder / ".hidden").write_text("left by a file browser")
    return str(folder)


def values(clip) -> list[list[float]]:
    return clip["video"][:, :, 3, 3].tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("multithreaded_io", [False, True])
def test_pairs_become_two_channels(tmp_path: Path, layout: str, multithreaded_io: bool) -> None:
    folder = write_flow(tmp_path / "clip", layout)
    video = FlowVideo.from_directory(folder, fps=10, multithreaded_io=multithreaded_io)
    assert video.name == "clip" and video.duration == 1.2
    clip = video.get_clip(0.8, 1.1)
    assert clip["video"].shape == (2, 3, 6, 8) and clip["video"].dtype == torch.float32
    assert values(clip) == [[80, 90, 100], [85, 95, 105]]
    assert clip["frame_indices"] == [8, 9, 10]
    assert video.get_clip(2, 3) is None


def test_a_random_filter_keeps_both_parts_together(tmp_path: Path) -> None:
    video = FlowVideo.from_directory(write_flow(tmp_path / "clip", "one folder"), fps=10)
    clip = video.get_clip(0, 1.2, lambda indices: random.sample(indices, 4), torch.uint8)
    horizontal, vertical = values(clip)
    assert vertical == [value + 5 for value in horizontal]
    assert horizontal == [10 * index for index in clip["frame_indices"]]


def test_folders_of_flow_open_through_the_path_handler(tmp_path: Path) -> None:
    folder = write_flow(tmp_path / "clip", "one folder")
    handler = VideoPathHandler()
    for _ in range(2):  # the second time from the handler's cache
        video = handler.video_from_path(folder, fps=10, modality="flow")
        assert isinstance(video, FlowVideo) and video.duration == 1.2
        video = handler.video_from_path(folder, fps=10)
        assert isinstance(video, FrameVideo) and video.duration == 2.4
    with pytest.raises(ValueError, match="'rgb', 'flow'"):
        handler.video_from_path(folder, modality="depth")


def test_flow_makes_a_clip_dataset(tmp_path: Path) -> None:
    folders = [write_flow(tmp_path / name, "two folders") for name in "ab"]
    dataset = ClipDataset(
        [(folder, {"label": label}) for label, folder in enumerate(folders)],
        ConstantClipsPerVideoSampler(0.5, 2),
        open_options={"modality": "flow", "fps": 10},
    )
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, num_workers=1)
    (batch,) = loader
    assert batch["video"].shape == (4, 2, 5, 6, 8)
    assert batch["label"].tolist() == [0, 0, 1, 1]


def test_a_missing_partner_is_named(tmp_path: Path) -> None:
    folder = Path(write_flow(tmp_path / "clip", "one folder"))
    (folder / "flow_y_00007.jpg").unlink()
    with pytest.raises(VideoReadError, match=r"flow_x_00007\.jpg has no partner"):
        FlowVideo.from_directory(folder)


def test_a_folder_of_other_images_is_no_flow(tmp_path: Path) -> None:
    Image.new("L", (8, 6)).save(tmp_path / "img_1.png")
    with pytest.raises(VideoReadError, match="no pairs of flow images"):
        FlowVideo.from_directory(tmp_path)


def test_parts_must_belong_together(tmp_path: Path) -> None:
    parts = []
    for name, size in (("u", (8, 6)), ("v", (8, 4))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
        parts.append(FrameVideo.from_frame_paths([str(tmp_path / f"{name}.png")]))
    with pytest.raises(VideoReadError, match="differ in size"):
        FlowVideo(*parts).get_clip(0, 1)
    with pytest.raises(VideoReadError, match="an image is missing"):
        FlowVideo(parts[0], FrameVideo.from_frame_paths([str(tmp_path / "v.png")] * 2))
