import pytest
import torch

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.functional.fused import _sample_batch

MEAN, STD = (0.4, 0.45, 0.5), (0.2, 0.225, 0.25)
BOXES = [(0, 0, 31, 45), (3, 4, 20, 17), (10, 5, 6, 40)]
FLIPS = [True, False, True]


def clips(dtype: torch.dtype = torch.uint8) -> torch.Tensor:
    """Clips as decoders give them: channels last in memory."""
    frames = torch.randint(0, 256, (3, 4, 31, 45, 3), dtype=torch.uint8)
    return frames.permute(0, 4, 1, 2, 3).to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("flip", [False, True])
def test_one_pass_equals_the_steps_one_after_another(dtype, flip):
    clip = clips(dtype)[0]
    before = clip.clone()
    fused = functional.crop_resize_normalize(clip, (3, 4, 20, 17), (12, 16), MEAN, STD, flip)
    steps = functional.resize(functional.crop(clip, 3, 4, 20, 17), 12, 16)
    steps = steps.flip(-1) if flip else steps
    steps = functional.normalize(functional.div_255(steps), MEAN, STD)
    assert fused.dtype == torch.float32
    assert fused.is_contiguous()
    torch.testing.assert_close(fused, steps, atol=1e-5, rtol=1e-5)
    assert clip.equal(before)


@pytest.mark.parametrize("size", [(16, 20), (40, 40), (31, 45)])
@pytest.mark.parametrize(("mean", "std"), [(None, None), (MEAN, STD)])
def test_a_batch_equals_its_clips(size, mean, std):
    videos = clips()
    batch = functional.crop_resize_batch(videos, BOXES, size, FLIPS, mean, std)
    for got, clip, box, flip in zip(batch, videos, BOXES, FLIPS, strict=True):
        if mean is None:
            assert got.equal(functional.crop_resize(clip, box, size, flip))
        else:
            expected = functional.crop_resize_normalize(clip, box, size, mean, std, flip)
            assert got.equal(expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("size", [(16, 20), (40, 40)])
def test_the_one_interpolation_of_other_devices_agrees(dtype, size):
    videos = clips(dtype)
    here = functional.crop_resize_batch(videos, BOXES, size, FLIPS)
    there = _sample_batch(videos, BOXES, size, FLIPS, None, None)
    assert there.dtype == dtype
    # Bytes: rounding may fall on either side.
    torch.testing.assert_close(
        here.float(), there.float(), atol=1.01 if dtype == torch.uint8 else 2e-3, rtol=0
    )
    here = functional.crop_resize_batch(videos.float(), BOXES, size, FLIPS, MEAN, STD)
    there = _sample_batch(videos, BOXES, size, FLIPS, MEAN, STD)
    torch.testing.assert_close(here, there, atol=1e-4, rtol=0)


def test_pixels_beyond_the_box_do_not_matter():
    video = clips(torch.float32)[:1]
    changed = video.clone()
    changed[..., :3, :], changed[..., 23:, :] = 0, 0
    changed[..., :4], changed[..., 21:] = 0, 0
    for function in (functional.crop_resize_batch, _sample_batch):
        views = [
            function(x, [(3, 4, 20, 17)], (50, 50), [False], MEAN, STD) for x in (video, changed)
        ]
        # Rounded places give the next pixel a weight of a millionth.
        torch.testing.assert_close(*views, atol=1e-4, rtol=0)


def test_boxes_move_as_pixels_do():
    clip = torch.zeros(1, 1, 30, 40)
    clip[..., 10:16, 12:20] = 1
    boxes = torch.tensor([[12.0, 10.0, 20.0, 16.0]])
    for flip in (False, True):
        view = functional.crop_resize(clip, (5, 6, 20, 20), (40, 40), flip)
        rows, columns = torch.where(view[0, 0] > 0.5)
        ((x1, y1, x2, y2),) = functional.crop_resize_boxes(
            boxes, (5, 6, 20, 20), (40, 40), flip
        ).tolist()
        # A box may differ by its last pixel: PyTorchVideo mirrors as if that belonged to it.
        assert abs(columns.min() - x1) <= 1
        assert abs(columns.max() - x2) <= 1
        assert abs(rows.min() - y1) <= 1
        assert abs(rows.max() - y2) <= 1


def test_boxes_of_whole_numbers_move_as_others_do():
    boxes = torch.tensor([[12, 10, 20, 16]])
    moved = functional.crop_resize_boxes(boxes, (5, 6, 20, 20), (15, 15), True)
    assert moved.equal(functional.crop_resize_boxes(boxes.float(), (5, 6, 20, 20), (15, 15), True))
    assert moved.tolist() == [[3.5, 3.75, 9.5, 8.25]]


def test_boxes_stay_within_the_view():
    moved = functional.crop_resize_boxes(
        torch.tensor([[0.0, 0.0, 40.0, 30.0]]), (5, 6, 10, 10), (8, 8)
    )
    assert moved.tolist() == [[0, 0, 7, 7]]


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [([0.4], [0.2] * 3, "mean has 1 entries"), ([0.4] * 3, [0.2, 0.2, 0.0], "no entry may be 0")],
)
def test_settings_that_cannot_work_are_refused(mean, std, message):
    with pytest.raises(ValueError, match=message):
        functional.normalize_pixels(clips()[0], mean, std)


def test_the_memory_layout_does_not_matter():
    clip = clips()[0]
    planes, box = clip.contiguous(), (3, 4, 20, 17)
    assert clip.stride(-1) == 3
    assert functional.crop_resize(clip, box, (30, 12)).equal(
        functional.crop_resize(planes, box, (30, 12))
    )
