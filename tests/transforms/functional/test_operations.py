import math

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.functional import OPERATIONS, affine

FILL = [0.2, 0.5, 0.8]
HEIGHT, WIDTH = 12, 20


def shear(x, factor_x, factor_y):
    """As torchvision's own RandAugment shears: the first row or column stays."""
    degrees = [math.degrees(math.atan(factor)) for factor in (factor_x, factor_y)]
    return vision.affine(
        x, 0.0, [0, 0], 1.0, degrees, InterpolationMode.BILINEAR, fill=FILL, center=[0, 0]
    )


def shift(x, across, down):
    return vision.affine(
        x, 0.0, [across, down], 1.0, [0.0, 0.0], InterpolationMode.BILINEAR, fill=FILL
    )


# name -> (argument or nothing, torchvision's call that gives the same).
SAME = {
    "AdjustBrightness": ((1.6,), lambda x: vision.adjust_brightness(x, 1.6)),
    "AdjustContrast": ((0.3,), lambda x: vision.adjust_contrast(x, 0.3)),
    "AdjustSaturation": ((1.4,), lambda x: vision.adjust_saturation(x, 1.4)),
    "AdjustSharpness": ((1.8,), lambda x: vision.adjust_sharpness(x, 1.8)),
    "AutoContrast": ((), vision.autocontrast),
    "Equalize": ((), vision.equalize),
    "Invert": ((), vision.invert),
    "Posterize": ((3,), lambda x: vision.posterize(x, 3)),
    "Rotate": ((20.0,), lambda x: vision.rotate(x, 20.0, InterpolationMode.BILINEAR, fill=FILL)),
    "ShearX": ((-0.25,), lambda x: shear(x, -0.25, 0.0)),
    "ShearY": ((0.15,), lambda x: shear(x, 0.0, 0.15)),
    "Solarize": ((0.4,), lambda x: vision.solarize(x, 0.4)),
    "TranslateX": ((0.25,), lambda x: shift(x, -0.25 * WIDTH, 0)),
    "TranslateY": ((-0.25,), lambda x: shift(x, 0, 0.25 * HEIGHT)),
}
# Floats go through bytes, as in PyTorchVideo; torchvision rounds otherwise, or works on floats.
THROUGH_BYTES = {"Equalize", "Posterize"}


def test_every_operation_is_compared():
    assert SAME.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operations_agree_with_torchvision(name):
    arguments, theirs = SAME[name]
    frames = torch.rand(2, 3, HEIGHT, WIDTH)
    if name in THROUGH_BYTES:
        frames = (frames * 255).byte()
    ours = OPERATIONS[name](frames, *arguments, fill=FILL)
    # float32 grids, made in another order, move pixels by a millionth of the frame.
    torch.testing.assert_close(ours, theirs(frames), atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("shape", [(1, 3, 7, 9), (2, 3, 8, 5)])
def test_operations_keep_type_shape_range_and_input(name, dtype, shape):
    frames = torch.rand(shape) if dtype == torch.float32 else (torch.rand(shape) * 255).byte()
    before = frames.clone()
    fill = 0.5 if dtype == torch.float32 else 128
    out = OPERATIONS[name](frames, *SAME[name][0], fill=fill)
    assert (out.dtype, out.shape) == (dtype, frames.shape)
    assert frames.equal(before)
    if dtype == torch.float32:
        assert out.min() >= 0
        assert out.max() <= 1 + 1e-6


def test_equalizing_floats_equals_equalizing_their_bytes():
    pixels = torch.randint(0, 256, (2, 3, 9, 9), dtype=torch.uint8)
    # A little above each byte, so that truncating gives it back.
    frames = (pixels.float() + 0.25) / 255
    for name in THROUGH_BYTES:
        arguments = SAME[name][0]
        expected = OPERATIONS[name](pixels, *arguments) / 255
        torch.testing.assert_close(OPERATIONS[name](frames, *arguments), expected)


def test_posterizing_to_all_bits_changes_nothing():
    frames = torch.rand(1, 3, 4, 4)
    assert OPERATIONS["Posterize"](frames, 8) is frames


def test_affine_says_where_pixels_come_from():
    frames = torch.arange(12.0).view(1, 1, 3, 4)
    assert affine(frames, [1, 0, 1, 0, 1, 0], fill=-1)[0, 0, 0].tolist() == [1, 2, 3, -1]
    assert affine(frames, [1, 0, 0, 0, 1, -1])[0, 0, :2].tolist() == [[0] * 4, [0, 1, 2, 3]]
    turned = affine(frames, [-1, 0, 0, 0, -1, 0], "bilinear")
    torch.testing.assert_close(turned, frames.flip(-1, -2))


def test_affine_takes_one_frame_or_clips_of_a_batch_and_bytes():
    batch = torch.randint(0, 256, (2, 4, 3, 5, 6), dtype=torch.uint8)
    out = affine(batch, [0.9, 0.2, 0.3, -0.1, 1.1, 0.5], "bilinear", fill=[1, 2, 3])
    assert out.dtype == torch.uint8
    single = affine(batch[1, 2], [0.9, 0.2, 0.3, -0.1, 1.1, 0.5], "bilinear", fill=[1, 2, 3])
    assert out[1, 2].equal(single)


@pytest.mark.parametrize(
    ("settings", "message"),
    [(([1, 0, 0],), "matrix has 3"), (([1, 0, 0, 0, 1, 0], "cubic"), "'cubic'")],
)
def test_warps_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        functional.affine(torch.zeros(1, 3, 4, 4), *settings)
