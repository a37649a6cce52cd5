from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from pytorchvideo_clone.data.motion import (
    MOTIONS,
    PHOTOGRAPHS,
    REVERSED,
    render_motion,
    write_motion_dataset,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_motion_dataset(tmp_path_factory.mktemp("motion"), 1, 1)


def blob() -> Tensor:
    """A bright disc right of and below the centre of a dark square."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 256), torch.linspace(-1, 1, 256), indexing="ij")
    disc = ((x**2 + y**2) < 0.02).to(torch.uint8) * 255
    return disc.expand(3, -1, -1)


def centre_of_light(frame: Tensor) -> tuple[float, float]:
    """(x, y) centre of mass of (3, H, W), in pixels."""
    light = frame.float().mean(0)
    light = (light - light.median()).clamp_min(0)
    y, x = torch.meshgrid(*(torch.arange(n).float() for n in light.shape), indexing="ij")
    return float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum())


def test_every_motion_has_an_opposite() -> None:
    assert set(REVERSED) == set(MOTIONS)
    assert all(REVERSED[REVERSED[motion]] == motion != REVERSED[motion] for motion in MOTIONS)
    for motion, change in MOTIONS.items():
        assert MOTIONS[REVERSED[motion]] == tuple(-rate for rate in change)


def test_train_and_test_share_no_photograph() -> None:
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["test"])


@pytest.mark.parametrize(
    ("motion", "axis", "sign"),
    [("pan_left", 0, 1), ("pan_right", 0, -1), ("pan_up", 1, 1), ("pan_down", 1, -1)],
)
def test_the_picture_moves_against_the_camera(motion: str, axis: int, sign: int) -> None:
    # Seeds 0 to 4 put the disc at different places and ways up.
    for seed in range(5):
        video = render_motion(blob(), motion, torch.Generator().manual_seed(seed)).float()
        seen = [t for t in range(24) if video[:, t].amax() > 100]
        first, last = (centre_of_light(video[:, t]) for t in (seen[0], seen[-1]))
        assert (last[axis] - first[axis]) * sign > 3
        assert abs(last[axis] - first[axis]) > 3 * abs(last[1 - axis] - first[1 - axis])


def test_zooming_in_makes_things_larger() -> None:
    video = render_motion(blob(), "zoom_in", torch.Generator().manual_seed(0)).float()
    area = [(video[:, t].mean(0) > 100).sum() for t in (4, 19)]
    assert area[1] > 1.5 * area[0]


def test_the_same_seed_gives_the_same_video_and_another_seed_another() -> None:
    first, again, other = (
        render_motion(blob(), "zoom_in", torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_motion_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="pan_left"):
        render_motion(blob(), "sideways", torch.Generator())


def test_folders_hold_playable_h264_with_sound(folder: Path) -> None:
    for split in ("train", "test"):
        assert sorted(path.name for path in (folder / split).iterdir()) == sorted(MOTIONS)
    with av.open(str(folder / "test" / "zoom_in" / "0000.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
        assert [frame.pts is not None for frame in container.decode(video=0)] == [True] * 24


def test_a_second_call_keeps_files_and_completes_the_rest(folder: Path) -> None:
    kept = folder / "train" / "pan_up" / "0000.mp4"
    lost = folder / "train" / "pan_down" / "0000.mp4"
    content, before = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    write_motion_dataset(folder, 1, 1)
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == before
