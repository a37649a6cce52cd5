import pytest
import torch

from pytorchvideo_clone.transforms.functional import (
    uniform_temporal_indices,
    uniform_temporal_subsample,
    uniform_temporal_subsample_repeated,
)


@pytest.mark.parametrize("num_samples", [1, 2, 3, 7, 16, 40])
@pytest.mark.parametrize("num_frames", [1, 2, 5, 30, 301])
def test_indices_ascend_from_the_first_frame_to_the_last(num_frames, num_samples):
    indices = uniform_temporal_indices(num_frames, num_samples).tolist()
    assert len(indices) == num_samples
    assert indices == sorted(indices)
    assert indices[0] == 0
    assert indices[-1] == (num_frames - 1 if num_samples > 1 else 0)


def test_more_samples_than_frames_repeats_frames():
    video = torch.arange(2.0).view(1, 2, 1, 1)
    assert uniform_temporal_subsample(video, 5).flatten().tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("num_frames", [0, 4])
def test_no_frames_are_refused(num_frames):
    video = torch.zeros(3, num_frames, 2, 2)
    with pytest.raises(AssertionError, match=f"of {num_frames} frames"):
        uniform_temporal_subsample(video, 0 if num_frames else 3)


def test_repeated_subsamples_keep_time_aligned():
    video = torch.arange(32.0).view(1, 32, 1, 1)
    slow, fast = uniform_temporal_subsample_repeated(video, (8, 1))
    assert fast.equal(video)
    assert slow.flatten().tolist() == [0, 10, 20, 31]


def test_bytes_stay_bytes():
    assert uniform_temporal_subsample(torch.zeros(3, 4, 1, 1).byte(), 2).dtype == torch.uint8
