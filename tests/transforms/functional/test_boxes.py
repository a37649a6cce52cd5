import pytest
import torch

from pytorchvideo_clone.transforms import functional as F

BOXES = torch.tensor([[2.0, 3.0, 12.0, 9.0], [0.0, 0.0, 29.0, 19.0]])

WITH_BOXES = {
    "scale": lambda video, boxes: F.short_side_scale_with_boxes(video, boxes, 13),
    "random_scale": lambda video, boxes: F.random_short_side_scale_with_boxes(video, boxes, 9, 30),
    "uniform_crop": lambda video, boxes: F.uniform_crop_with_boxes(video, 10, 2, boxes),
    "random_crop": lambda video, boxes: F.random_crop_with_boxes(video, 10, boxes),
    "flip": lambda video, boxes: F.horizontal_flip_with_boxes(1.0, video, boxes),
    "clip": lambda video, boxes: (video, F.clip_boxes_to_image(boxes, 8, 8)),
    "crop": lambda video, boxes: (video, F.crop_boxes(boxes, 2, 3)),
}


@pytest.mark.parametrize("name", WITH_BOXES)
def test_clip_and_boxes_of_the_caller_stay_as_they_were(name):
    video, boxes = torch.rand(3, 2, 20, 30), BOXES.clone()
    before = video.clone()
    WITH_BOXES[name](video, boxes)
    assert video.equal(before)
    assert boxes.equal(BOXES)


@pytest.mark.parametrize("name", ["random_crop", "flip", "uniform_crop"])
def test_a_box_stays_around_its_object(name):
    """A bright rectangle of whole pixels moves with its box."""
    video = torch.zeros(1, 2, 20, 30)
    box = torch.tensor([[12.0, 6.0, 17.0, 11.0]])
    video[..., 6:12, 12:18] = 1
    for _ in range(20):
        moved, boxes = WITH_BOXES[name](video, box)
        rows, columns = moved[0, 0].nonzero(as_tuple=True)
        if len(rows) == 0:
            continue
        seen = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert boxes[0].tolist() == [float(value) for value in seen]


def test_boxes_scale_with_the_clip():
    video, boxes = F.short_side_scale_with_boxes(torch.zeros(3, 2, 20, 40), BOXES, 10)
    assert video.shape == (3, 2, 10, 20)
    torch.testing.assert_close(boxes, BOXES / 2)


def test_a_crop_of_the_whole_clip_still_gives_the_boxes():
    video, boxes = F.random_crop_with_boxes(torch.zeros(3, 2, 20, 20), 20, BOXES[:1])
    assert video.shape == (3, 2, 20, 20)
    assert boxes.equal(BOXES[:1])


def test_flipping_twice_gives_the_boxes_back():
    assert F.flip_boxes(F.flip_boxes(BOXES, 30), 30).equal(BOXES)


def test_bytes_scale_too():
    video = torch.zeros(3, 2, 20, 40, dtype=torch.uint8)
    scaled, _ = F.short_side_scale_with_boxes(video, BOXES, 10)
    assert scaled.dtype == torch.uint8


def test_no_boxes_are_no_trouble():
    _, boxes = F.uniform_crop_with_boxes(torch.zeros(3, 2, 20, 30), 10, 1, torch.zeros(0, 4))
    assert boxes.shape == (0, 4)
