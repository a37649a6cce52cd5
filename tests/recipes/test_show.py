import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytorchvideo_clone.data import LabeledVideoPaths, VideoReadError
from pytorchvideo_clone.hub import model_entry
from pytorchvideo_clone.recipes.inputs import training_dataset
from pytorchvideo_clone.recipes.show import show_clips
from pytorchvideo_clone.transforms.preview import _MARGIN

SPEC = model_entry("x3d_tiny").input_spec


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_picture_shows_the_clips_of_training(motion_folder: Path, tmp_path: Path) -> None:
    paths = LabeledVideoPaths.from_path(motion_folder / "train")
    names = show_clips(paths, SPEC, tmp_path / "new" / "clips.png", clips=3, frames=4, seed=5)
    assert len(names) == 3
    picture = read(tmp_path / "new" / "clips.png")
    data = training_dataset(paths, SPEC, seed=5)
    first = min(random.Random(5).sample(range(len(data)), 3))
    assert data[first]["video_name"] == names[0]
    video = data[first]["video"].float()
    shown = video[:, [0, -1]].mean((1, 2, 3))
    ends = [picture[:96, _MARGIN : _MARGIN + 96], picture[:96, -96:]]
    drawn = np.mean([end.mean((0, 1)) for end in ends], axis=0)
    assert np.allclose(drawn, shown, atol=4)
    assert picture.shape[0] >= 3 * 96
    again = show_clips(paths, SPEC, tmp_path / "again.png", clips=3, frames=4, seed=5)
    assert again == names
    assert (picture == read(tmp_path / "again.png")).all()
    assert show_clips(paths, SPEC, tmp_path / "other.png", clips=3, seed=6) != names


def test_no_clips_are_refused(motion_folder: Path, tmp_path: Path) -> None:
    paths = LabeledVideoPaths.from_path(motion_folder / "train")
    with pytest.raises(ValueError, match="clips is 0"):
        show_clips(paths, SPEC, tmp_path / "clips.png", clips=0)


def test_a_video_that_cannot_be_read_is_named_and_another_shown(
    motion_folder: Path, tmp_path: Path
) -> None:
    good = LabeledVideoPaths.from_path(motion_folder / "test")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    rows = [good[0], (str(bad), {"label": 0}), (str(tmp_path / "gone.mp4"), {"label": 0}), good[1]]
    faults: dict[str, str] = {}
    names = show_clips(rows, SPEC, tmp_path / "a.png", clips=2, on_fault=faults.__setitem__)
    assert sorted(names) == sorted(Path(path).name for path, _ in (good[0], good[1]))
    everything = show_clips(rows, SPEC, tmp_path / "a.png", clips=4, on_fault=faults.__setitem__)
    assert sorted(everything) == sorted(names)
    assert set(faults) == {str(bad), str(tmp_path / "gone.mp4")}
    assert "no video file" in faults[str(bad)]
    with pytest.raises(VideoReadError, match=r"bad\.mp4"):
        show_clips(rows[1:2], SPEC, tmp_path / "b.png", clips=1)
