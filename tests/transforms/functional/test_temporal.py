import numpy
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


SCRIPTED = torch.jit.script(uniform_temporal_subsample)

# How frames come: colour planes, as decoders write them, and views of these.
LAYOUTS = {
    "planes": lambda x: x.contiguous(),
    "decoded": lambda x: x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "frames first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "a view": lambda x: x.repeat(1, 2, 1, 2)[:, ::2, :, ::2],
    "one picture again and again": lambda x: x[:, :1].expand(-1, 9, -1, -1),
}


@pytest.mark.parametrize("temporal_dim", [0, 1, -3, -1])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_does_not_matter(layout, dtype, temporal_dim):
    video = LAYOUTS[layout](torch.randint(0, 255, (3, 9, 4, 5)).to(dtype))
    frames = video.numpy()
    places = numpy.linspace(0, video.shape[temporal_dim] - 1, 4).astype(int)
    for subsample in (uniform_temporal_subsample, SCRIPTED):
        taken = subsample(video, 4, temporal_dim)
        numpy.testing.assert_array_equal(taken.numpy(), frames.take(places, temporal_dim))
        assert taken.is_contiguous(), "as PyTorchVideo's: users take views of it"


def test_gradients_go_back_to_the_frames_taken():
    video = torch.rand(2, 2, 2, 9).permute(0, 3, 1, 2).requires_grad_()
    uniform_temporal_subsample(video, 3).sum().backward()
    assert video.grad[:, [0, 4, 8]].eq(1).all()
    assert video.grad.sum() == 3 * 8
