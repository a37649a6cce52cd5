import pytest
import torch

from pytorchvideo_clone.data.decoders.frames import (
    collect_frames,
    repeat_good_,
    scaled_size,
    shrink,
)
from pytorchvideo_clone.data.video import VideoReadError


def read_even(number: int) -> torch.Tensor:
    if number % 2:
        raise VideoReadError(f"{number} is odd")
    return torch.full((4, 6, 3), number, dtype=torch.uint8)


def test_collecting_stops_at_damage_or_repeats_the_last_good_frame() -> None:
    with pytest.raises(VideoReadError, match="3 is odd"):
        collect_frames([2, 3, 4], read_even, "raise")
    frames = collect_frames([1, 2, 3, 3, 4, 2], read_even, "pad")
    assert frames.pictures[:, 0, 0, 0].tolist() == [2, 2, 2, 2, 4, 2]
    assert frames.valid.tolist() == [False, True, False, False, True, True]
    with pytest.raises(VideoReadError, match="odd"):
        collect_frames([1, 3], read_even, "pad")


def test_repeating_takes_the_nearest_before_else_the_first() -> None:
    pictures = torch.arange(5)
    valid = torch.tensor([False, True, False, True, False])
    assert repeat_good_(pictures, valid) is pictures
    assert pictures.tolist() == [1, 1, 1, 3, 3]


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((720, 1280), None, (720, 1280)),
        ((720, 1280), 320, (320, 569)),
        ((1280, 720), 320, (569, 320)),
        ((480, 640), 320, (480, 640)),  # not much larger
        ((481, 640), 320, (320, 426)),
        ((100, 100), 320, (100, 100)),  # never larger
    ],
)
def test_only_much_larger_pictures_are_scaled(size, asked, expected) -> None:
    assert scaled_size(*size, asked) == expected
    assert shrink(torch.zeros(2, *size, 3, dtype=torch.uint8), asked).shape[1:3] == expected


def test_scaling_averages_what_it_leaves_out() -> None:
    columns = torch.tensor([0, 200] * 32, dtype=torch.uint8)
    small = shrink(columns.expand(1, 64, 64)[..., None].expand(-1, -1, -1, 3), 16)
    assert small.shape == (1, 16, 16, 3)
    torch.testing.assert_close(
        small[:, :, 1:-1].float().mean(), torch.tensor(100.0), atol=2, rtol=0
    )
