from pathlib import Path

import pytest

from tests.data.coded_video import write_video


@pytest.fixture(scope="session")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """jump/0.mp4, jump/1.mp4, run/0.mp4: 2 s at 10 frames a second, with sound."""
    root = tmp_path_factory.mktemp("videos")
    for name in ("jump/0.mp4", "jump/1.mp4", "run/0.mp4"):
        (root / name).parent.mkdir(exist_ok=True)
        write_video(root / name, frames=20, rate=10, audio_sec=2)
    return root


@pytest.fixture
def video_path(class_folder: Path) -> str:
    return str(class_folder / "jump" / "0.mp4")


@pytest.fixture
def labeled_videos(class_folder: Path) -> list:
    return [
        (str(class_folder / name), {"label": label})
        for label, name in enumerate(("jump/0.mp4", "jump/1.mp4", "run/0.mp4"))
    ]


@pytest.fixture(scope="session")
def frame_paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three images."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("frames")
    paths = [str(folder / f"img_{number}.png") for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 6), (number * 50,) * 3).save(path)
    return paths
