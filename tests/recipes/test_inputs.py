import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.data import LabeledVideoPaths
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import (
    evaluation_dataset,
    evaluation_sampler,
    evaluation_transform,
    example_input,
    keep_frames,
    normalize_clips,
    training_dataset,
    training_transform,
)
from pytorchvideo_clone.transforms import AugmentTransform
from tests.data.coded_video import write_video

SPEC = InputSpec(
    num_frames=4,
    sampling_rate=3,
    fps=12,
    crop=32,
    side=40,
    test_crop=40,
    train_side=(34, 48),
    test_clips=3,
    test_crops=3,
)


@pytest.fixture
def paths(motion_folder: Path) -> LabeledVideoPaths:
    return LabeledVideoPaths.from_directory(motion_folder / "test")


@pytest.mark.parametrize(
    ("count", "wanted", "kept"),
    [(16, 4, [0, 5, 10, 15]), (4, 4, [0, 1, 2, 3]), (2, 4, [0, 0, 0, 1]), (1, 3, [0, 0, 0])],
)
def test_kept_frames_are_evenly_spaced_and_repeat_when_few(count, wanted, kept) -> None:
    assert keep_frames(list(range(7, 7 + count)), wanted) == [7 + index for index in kept]


def test_training_view_has_the_crop_and_leaves_bytes() -> None:
    clip = torch.randint(256, (3, 4, 60, 90), dtype=torch.uint8)
    before = clip.clone()
    view = training_transform(SPEC)(clip)
    assert view.shape == (3, 4, 32, 32)
    assert view.dtype == torch.uint8
    assert torch.equal(clip, before)


def test_augmentation_acts_on_the_cropped_frames(paths) -> None:
    invert = AugmentTransform("Invert", prob=1.0)
    clip = torch.randint(256, (3, 4, 60, 90), dtype=torch.uint8)
    views = []
    for augmentation in (None, invert):
        torch.manual_seed(0)
        views.append(training_transform(SPEC, augmentation=augmentation)(clip))
    assert torch.equal(views[1], 255 - views[0])
    plain, inverted = (
        training_dataset(paths, SPEC, augmentation=augmentation)[0]["video"]
        for augmentation in (None, invert)
    )
    assert inverted.dtype == torch.uint8
    assert torch.equal(inverted, 255 - plain)


def test_flip_probability_is_obeyed() -> None:
    # One row brightens to the right; a flip turns the gradient.
    clip = torch.arange(64, dtype=torch.uint8).mul(4).expand(3, 4, 48, 64)

    def brightens_to_the_right(probability: float) -> list[bool]:
        views = [training_transform(SPEC, probability)(clip) for _ in range(8)]
        return [bool(view[0, 0, 0, -1] > view[0, 0, 0, 0]) for view in views]

    assert all(brightens_to_the_right(0.0))
    assert not any(brightens_to_the_right(1.0))


def test_evaluation_views_run_along_the_longer_side() -> None:
    clip = torch.arange(80, dtype=torch.uint8).expand(3, 4, 40, 80)
    views = evaluation_transform(SPEC)(clip)
    assert views.shape == (3, 3, 4, 40, 40)
    assert views[:, 0, 0, 0, 0].tolist() == [0, 20, 40]
    centre = evaluation_transform(SPEC, crops=1)(clip)
    assert torch.equal(centre, views[1:2])
    with pytest.raises(ValueError, match="crops is 2"):
        evaluation_transform(SPEC, crops=2)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalised_clips_follow_the_spec_and_leave_the_argument(dtype: torch.dtype) -> None:
    spec = replace(SPEC, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 0.25))
    pixels = torch.full((2, 3, 1, 2, 2), 255).to(dtype)
    clips = normalize_clips(pixels, spec)
    assert clips.dtype == torch.float32
    assert clips[0, :, 0, 0, 0].tolist() == [1.0, 1.0, 0.0]
    assert (pixels == 255).all()


def test_example_input_has_the_test_size() -> None:
    assert example_input(SPEC, batch=2).shape == (2, 3, 4, 40, 40)


@pytest.mark.parametrize(
    ("placement", "starts"), [("endpoints", [0, 2, 4]), ("division", [0, 4 / 3, 8 / 3])]
)
def test_clips_are_placed_as_the_spec_says(placement: str, starts: list[float]) -> None:
    sampler = evaluation_sampler(replace(SPEC, clip_placement=placement))
    spans = list(sampler.clips(Fraction(5), {}, random.Random(0)))
    assert [float(span.clip_start_sec) for span in spans] == pytest.approx(starts)


def test_datasets_give_bytes_of_the_right_shape(paths: LabeledVideoPaths) -> None:
    sample = training_dataset(paths, SPEC)[0]
    assert sample["video"].shape == (3, 4, 32, 32)
    assert sample["video"].dtype == torch.uint8
    evaluation = evaluation_dataset(paths, SPEC, crops=1)
    assert len(evaluation) == 3 * len(paths)
    assert evaluation[4]["video"].shape == (1, 3, 4, 40, 40)
    assert (evaluation[4]["video_index"], evaluation[4]["clip_index"]) == (1, 1)


def test_training_reads_large_videos_smaller_and_evaluation_reads_them_exactly(
    tmp_path: Path,
) -> None:
    spec = InputSpec(num_frames=2, sampling_rate=1, crop=24, side=32, train_side=(32, 40))
    path = write_video(tmp_path / "large.mp4", 20, size=(96, 128))
    sides = []
    for make in (training_dataset, evaluation_dataset):
        dataset = make(LabeledVideoPaths([(path, 0)]), spec)
        dataset.transform = None
        sides.append(dataset[0]["video"].shape[-2])
    assert sides == [40, 96]
