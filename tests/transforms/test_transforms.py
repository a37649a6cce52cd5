import subprocess
import sys

import pytest
import torch

from pytorchvideo_clone import transforms


def test_scaling_bytes_then_converting_equals_converting_then_scaling():
    clip = torch.randint(0, 256, (3, 4, 20, 30), dtype=torch.uint8)
    scale, convert = transforms.ShortSideScale(12), transforms.ConvertUint8ToFloat()
    # One grey value: bytes are rounded after scaling.
    torch.testing.assert_close(convert(scale(clip)), scale(convert(clip)), atol=1.01 / 255, rtol=0)


def test_random_short_side_reaches_both_ends():
    clip = torch.zeros(3, 1, 4, 8)
    sizes = {transforms.RandomShortSideScale(3, 5)(clip).shape[2] for _ in range(60)}
    assert sizes == {3, 4, 5}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.RandomShortSideScale(8, 4), "min_size is 8 and max_size 4"),
        (lambda: transforms.RandomHorizontalFlip(1.5), "p is 1.5"),
        (lambda: transforms.Permute((0, 0, 1)), r"dims is \(0, 0, 1\)"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_importing_the_transforms_does_not_import_torchvision():
    code = "import sys, pytorchvideo_clone.transforms; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
