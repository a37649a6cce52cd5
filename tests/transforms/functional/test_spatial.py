import pytest
import torch

from pytorchvideo_clone.transforms.functional import (
    center_crop,
    random_crop,
    random_horizontal_flip,
    random_resized_crop,
    random_size,
    resize,
    short_side_scale,
    short_side_size,
    uniform_crop,
)

SHAPES = [(3, 1, 9, 16), (3, 4, 17, 9), (1, 2, 8, 8), (3, 2, 31, 47)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "area"])
def test_resize_treats_every_frame_alone(shape, mode):
    video = torch.rand(shape)
    together = resize(video, 5, 7, mode)
    alone = torch.cat([resize(video[:, t : t + 1], 5, 7, mode) for t in range(shape[1])], dim=1)
    assert together.shape == (*shape[:2], 5, 7)
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(5, 7), (40, 60)])
def test_resize_of_bytes_is_that_of_floats_rounded(shape, size):
    video = torch.randint(0, 256, shape, dtype=torch.uint8)
    resized = resize(video, *size)
    assert resized.dtype == torch.uint8
    # torch's byte kernels work with fixed-point weights: up to one grey value off.
    torch.testing.assert_close(resized.float(), resize(video.float(), *size), atol=1.0, rtol=0)


def test_resize_of_bytes_reads_frames_as_decoders_lay_them_out():
    frames = torch.randint(0, 256, (4, 12, 20, 3), dtype=torch.uint8)  # (T, H, W, C)
    video = frames.permute(3, 0, 1, 2)
    torch.testing.assert_close(resize(video, 6, 9), resize(video.contiguous(), 6, 9))


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [
        (240, 320, 112, (112, 149)),
        (320, 240, 112, (149, 112)),
        (50, 50, 7, (7, 7)),
        (1, 9, 4, (4, 36)),
    ],
)
def test_the_long_side_rounds_down(height, width, size, expected):
    assert short_side_size(height, width, size) == expected


def test_both_backends_give_the_same():
    video = torch.rand(3, 2, 9, 12)
    assert short_side_scale(video, 7, backend="opencv").equal(short_side_scale(video, 7))


def test_random_crops_reach_every_place():
    video = torch.arange(6.0).view(6, 1) * 10 + torch.arange(8.0)
    corners = {int(random_crop(video, 3, 3)[0, 0]) for _ in range(400)}
    assert corners == {10 * y + x for y in range(4) for x in range(6)}


def test_random_crop_takes_the_same_place_in_all_frames():
    video = torch.arange(60.0).view(1, 1, 6, 10).expand(3, 4, 6, 10)
    cropped = random_crop(video, 2, 3)
    assert cropped.shape == (3, 4, 2, 3)
    assert cropped.equal(cropped[:1, :1].expand_as(cropped))


def test_center_crop_rounds_as_torchvision():
    from torchvision.transforms.functional import center_crop as reference

    for height, width in [(7, 10), (8, 9), (11, 13), (6, 6)]:
        video = torch.rand(3, 2, height, width)
        for size in [(4, 5), (5, 4), (6, 6)]:
            assert center_crop(video, *size).equal(reference(video, list(size)))


@pytest.mark.parametrize("function", [center_crop, random_crop])
def test_a_crop_larger_than_the_video_is_refused(function):
    with pytest.raises(ValueError, match=r"8x8, but the video only 6x10.*ShortSideScale"):
        function(torch.zeros(3, 2, 6, 10), 8, 8)


def test_a_uniform_crop_larger_than_the_video_is_refused():
    with pytest.raises(ValueError, match="8x8"):
        uniform_crop(torch.zeros(3, 2, 6, 10), 8, 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_three_uniform_crops_cover_both_ends_of_the_long_side(shape):
    video = torch.rand(shape)
    size = min(shape[-2:])
    first, last = uniform_crop(video, size, 0), uniform_crop(video, size, 2)
    torch.testing.assert_close(first, video[..., :size, :size])
    torch.testing.assert_close(last, video[..., -size:, -size:])


def test_flip_mirrors_with_its_probability():
    row = torch.tensor([[0, 1]])
    flips = [bool(random_horizontal_flip(row, 0.3)[0, 0]) for _ in range(1000)]
    assert 200 < sum(flips) < 400
    assert random_horizontal_flip(row, 1.0).tolist() == [[1, 0]]
    assert random_horizontal_flip(row, 0.0).tolist() == [[0, 1]]


def test_random_size_includes_both_ends():
    assert {random_size(3, 5) for _ in range(100)} == {3, 4, 5}


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("log_uniform_ratio", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_resized_crop_gives_the_target_size_and_keeps_the_range(
    shape, shift, log_uniform_ratio
):
    video = torch.rand(shape)
    out = random_resized_crop(video, 6, 5, (0.08, 1.0), (0.75, 1.33), shift, log_uniform_ratio)
    assert out.shape == (*shape[:2], 6, 5)
    assert out.min() >= video.min() and out.max() <= video.max()


def test_random_resized_crop_without_shift_treats_all_frames_alike():
    video = torch.rand(3, 1, 20, 30).expand(3, 4, 20, 30)
    out = random_resized_crop(video, 6, 6, (0.1, 0.5), (0.75, 1.33))
    assert out.equal(out[:, :1].expand_as(out))


def test_random_resized_crop_with_shift_moves_from_frame_to_frame():
    video = torch.rand(3, 1, 40, 60).expand(3, 8, 40, 60)
    out = random_resized_crop(video, 6, 6, (0.05, 0.06), (1.0, 1.0), shift=True)
    assert not out[:, 0].equal(out[:, -1])


def test_random_resized_crop_works_on_bytes():
    video = torch.full((3, 2, 20, 30), 77, dtype=torch.uint8)
    out = random_resized_crop(video, 6, 6, (0.1, 0.5), (0.75, 1.33))
    assert out.dtype == torch.uint8
    assert out.unique().tolist() == [77]


def test_a_ratio_that_is_not_positive_is_refused():
    with pytest.raises(AssertionError, match=r"aspect_ratio \(-1, 2\)"):
        random_resized_crop(torch.zeros(3, 2, 4, 4), 2, 2, (0.1, 1), (-1, 2))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "area", "nearest", "nearest-exact"])
@pytest.mark.parametrize("size", [(20, 33), (70, 91)])
def test_bytes_are_resized_as_floats_are(mode, size):
    video = torch.randint(0, 256, (3, 2, 37, 53), dtype=torch.uint8)
    resized = resize(video, *size, mode)
    assert resized.dtype == torch.uint8
    expected = resize(video.float(), *size, mode).round().clamp(0, 255)
    # Torch's kernel for bytes counts in whole numbers.
    torch.testing.assert_close(resized.float(), expected, atol=1, rtol=0)
