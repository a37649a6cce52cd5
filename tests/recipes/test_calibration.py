from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import compare_accuracy
from pytorchvideo_clone.accelerator.quantize import read_calibration
from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.hub import model_entry
from pytorchvideo_clone.recipes import ModelInputs, VideoDataModule, calibration_clips
from pytorchvideo_clone.recipes.inputs import example_input, normalize_clips

SPEC = model_entry("x3d_tiny").input_spec


def test_loaders_of_training_and_evaluation_become_what_the_model_takes(
    motion_folder: Path,
) -> None:
    data = VideoDataModule(motion_folder, SPEC, batch_size=4, num_workers=0, test_clips=1)
    example = (example_input(SPEC),)
    loader = data.train_dataloader()
    with pytest.raises(ValueError, match=r"uint8.* normalized"):
        read_calibration(loader, example)
    inputs = ModelInputs(loader, SPEC)
    for _ in range(2):  # as often as one wants
        clips = read_calibration(inputs, example, count=6)
        assert len(clips) == 6
        assert clips[0][0].dtype == torch.float32
    model = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 8))
    report = compare_accuracy(model, model, ModelInputs(data.test_dataloader(), SPEC))
    assert report.clips == 8 * SPEC.test_crops


def test_crops_stay_in_order_and_what_cannot_be_read_is_left_out() -> None:
    video = torch.randint(0, 256, (3, 2, 3, 1, 4, 4), dtype=torch.uint8)
    valid = torch.tensor([True, False, True])
    loader = [
        {"video": video, "label": torch.arange(3), "valid": valid},
        {"video": video, "label": torch.arange(3), "valid": ~valid & valid},
    ]
    (batch,) = ModelInputs(loader, SPEC)
    assert batch["label"].tolist() == [0, 0, 2, 2]
    expected = normalize_clips(torch.cat([video[0], video[2]]), SPEC)
    assert torch.equal(batch["video"], expected)


def test_clips_for_calibration_are_of_videos_of_the_whole_folder(motion_folder: Path) -> None:
    clips = calibration_clips(motion_folder / "train", SPEC, count=5)
    assert [clip.shape for clip in clips] == [(1, 3, 8, 64, 64)] * 5
    again = calibration_clips(motion_folder / "train", SPEC, count=5)
    assert all(torch.equal(*pair) for pair in zip(clips, again, strict=True))
    assert len(calibration_clips(motion_folder / "test", SPEC)) == 8
    with pytest.raises(VideoReadError, match="nowhere"):
        calibration_clips(motion_folder / "nowhere", SPEC)
