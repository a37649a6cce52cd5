import pytest
import torch
import torchvision.transforms.v2.functional as vision

from pytorchvideo_clone.transforms import functional


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_colours_are_those_of_torchvision_on_every_frame(dtype):
    clip = torch.rand(3, 4, 9, 11)
    clip = clip.mul(255).byte() if dtype == torch.uint8 else clip
    before = clip.clone()
    out = functional.adjust_color(clip, 1.2, 0.7, 1.4, 0.1)
    for t in range(4):
        frame = vision.adjust_brightness(clip[:, t], 1.2)
        frame = vision.adjust_saturation(vision.adjust_contrast(frame, 0.7), 1.4)
        torch.testing.assert_close(out[:, t], vision.adjust_hue(frame, 0.1))
    assert clip.equal(before)


def test_no_setting_changes_nothing():
    clip = torch.rand(3, 2, 4, 4)
    assert functional.adjust_color(clip).equal(clip)


def test_grey_has_three_equal_channels():
    clip = torch.randint(0, 256, (3, 2, 5, 4), dtype=torch.uint8)
    grey = functional.grayscale(clip)
    assert grey.shape == clip.shape
    assert grey[0].equal(grey[1])
    assert grey[0].equal(grey[2])


def test_blur_keeps_the_mean_and_lowers_the_variance():
    clip = torch.rand(3, 2, 40, 40)
    blurred = functional.gaussian_blur(clip, 2.0)
    torch.testing.assert_close(blurred.mean(), clip.mean(), atol=5e-3, rtol=0)
    assert blurred.var() < clip.var() / 20


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (3, 3)])
def test_blur_fits_small_frames(shape):
    assert functional.gaussian_blur(torch.rand(3, 2, *shape), 5.0).shape == (3, 2, *shape)


def test_blur_does_not_reach_from_frame_to_frame():
    clip = torch.zeros(1, 3, 9, 9)
    clip[:, 1] = 1
    torch.testing.assert_close(functional.gaussian_blur(clip, 1.0), clip)


def test_erasing_writes_one_rectangle_in_every_frame_of_a_copy():
    clip = torch.ones(3, 2, 6, 8)
    erased = functional.erase(clip, (1, 2, 3, 4), torch.zeros(3, 1, 1, 1))
    assert (clip == 1).all()
    assert (erased[..., 1:4, 2:6] == 0).all()
    assert erased.sum() == clip.sum() - 3 * 2 * 3 * 4
