import numpy
import pytest
import torch

from pytorchvideo_clone.transforms.functional import (
    check_unit_range,
    div_255,
    float_to_uint8,
    normalize,
    uint8_to_float,
)

EVERY_BYTE = torch.arange(256, dtype=torch.uint8)


def test_bytes_survive_the_way_to_float_and_back():
    assert float_to_uint8(uint8_to_float(EVERY_BYTE)).equal(EVERY_BYTE)


def test_functions_leave_their_input_as_it_was():
    video = torch.rand(3, 2, 4, 4)
    before = video.clone()
    div_255(video)
    float_to_uint8(video)
    normalize(video, [0.5] * 3, [0.2] * 3)
    assert video.equal(before)


@pytest.mark.parametrize("shape", [(3, 1, 4, 5), (2, 3, 2, 4, 5)])
def test_normalised_channels_have_mean_0_and_deviation_1(shape):
    video = torch.rand(shape)
    others = tuple(d for d in range(len(shape)) if d != len(shape) - 4)
    mean, std = video.mean(others), video.std(others)
    out = normalize(video, mean.tolist(), std.tolist())
    torch.testing.assert_close(out.mean(others), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(others), torch.ones(3))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 6, 5), (2, 3, 4, 6, 5)])
def test_normalising_frames_as_decoders_write_them(shape, inplace):
    # The channels of a pixel side by side in memory, seen as (..., C, T, H, W).
    video = torch.rand(shape).movedim(-4, -1).contiguous().movedim(-1, -4)
    mean, std = [0.45, 0.4, 0.5], [0.225, 0.3, 0.25]
    pixels = video.numpy().copy()
    out = normalize(video, mean, std, inplace)
    assert out.stride() == video.stride(), "PyTorchVideo keeps the layout"
    assert (out is video) == inplace
    for number, (m, s) in enumerate(zip(mean, std, strict=True)):
        channel = pixels.take(number, axis=-4)
        expected = (channel - numpy.float32(m)) / numpy.float32(s)
        numpy.testing.assert_array_equal(out.select(-4, number).numpy(), expected)


def test_normalising_bytes_says_what_to_do():
    with pytest.raises(TypeError, match=r"uint8.*ConvertUint8ToFloat or Div255"):
        normalize(EVERY_BYTE.view(1, 1, 16, 16), [0.5], [0.2])


def test_a_deviation_of_0_is_refused():
    with pytest.raises(ValueError, match="no entry may be 0"):
        normalize(torch.zeros(1, 1, 1, 1), [0.5], [0.0])


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts_are_refused(channels):
    says = f"mean has 3 entries and std 3, but the video {channels} channels"
    with pytest.raises(ValueError, match=says):
        normalize(torch.zeros(channels, 1, 2, 2), [0.5] * 3, [0.2] * 3)


def test_one_mean_and_deviation_serve_all_channels():
    video = torch.rand(3, 2, 4, 4)
    assert normalize(video, [0.5], [0.2]).equal(normalize(video, [0.5] * 3, [0.2] * 3))


def test_only_floats_far_beyond_one_are_refused():
    for fine in (EVERY_BYTE, torch.tensor([-0.1, 1.1]), torch.zeros(0)):
        check_unit_range(fine)
    with pytest.raises(ValueError, match="up to 255;"):
        check_unit_range(EVERY_BYTE.half())
