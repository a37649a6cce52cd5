import numpy as np
import pytest
import torch

from pytorchvideo_clone.transforms import BatchTransform, ClipTransform, SeveralViews, preview

MARGIN = 110


def ramp() -> torch.Tensor:
    """Frames of rising brightness."""
    return torch.arange(8, dtype=torch.uint8).mul(30).view(1, 8, 1, 1).expand(3, 8, 20, 30)


def test_rows_are_draws_and_columns_are_frames():
    levels = iter([1, 2, 3])
    sheet = np.asarray(
        preview(ramp(), lambda video: video // next(levels), 3, frames=4, frame_height=20)
    )
    assert sheet.shape == (3 * 20 + 2 * 2, MARGIN + 4 * 30 + 3 * 2, 3)
    for row in range(3):
        shown = [int(sheet[row * 22 + 10, MARGIN + column * 32 + 15, 0]) for column in range(4)]
        assert shown == [30 * frame // (row + 1) for frame in (0, 2, 4, 7)]


def test_the_label_stands_in_the_margin():
    def margin(label: object) -> np.ndarray:
        sample = {"video": ramp(), "label": label}
        return np.asarray(preview(sample, dict, 1, frame_height=60))[:, :MARGIN]

    assert (margin("pan left") < 128).sum() > (margin(None) < 128).sum() > 0
    assert not np.array_equal(margin("pan left"), margin("pan right"))
    assert not np.array_equal(margin(torch.tensor(1)), margin(torch.tensor([0.2, 0.8])))


def test_normalised_clips_are_shown_as_they_were():
    mean, std = (0.4, 0.45, 0.5), (0.2, 0.225, 0.25)
    view = ClipTransform((20, 30), short_side=(20, 20), horizontal_flip_prob=0, mean=mean, std=std)
    sheets = [
        np.asarray(preview(ramp(), transform, 1, frame_height=20, mean=mean, std=std))
        for transform in (view, torch.nn.Identity())
    ]
    assert np.array_equal(*sheets)
    with pytest.raises(ValueError, match="pass the mean and std"):
        preview(ramp(), view, 1)


def test_floats_may_end_at_1_or_255():
    sheets = [np.asarray(preview(ramp() / scale, torch.nn.Identity(), 1)) for scale in (1.0, 255.0)]
    assert np.array_equal(*sheets)


def test_boxes_are_drawn_around_what_they_hold():
    video = torch.zeros(3, 4, 20, 30)
    video[..., 5:10, 8:15] = 1
    sample = {"video": video, "boxes": torch.tensor([[8.0, 5.0, 14.0, 9.0]])}
    sheet = np.asarray(preview(sample, dict, 1, frames=1, frame_height=20))[:, MARGIN:]
    rows, columns = np.where((sheet == (255, 200, 0)).all(axis=-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 8, 14)


def test_several_views_get_a_row_each():
    views = SeveralViews([torch.nn.Identity(), torch.nn.Identity()])
    assert preview(ramp(), views, 2, frame_height=20).size[1] == 4 * 20 + 3 * 2
    batch = {"video": torch.stack([ramp(), ramp()])}
    transform = BatchTransform(16, scale=(0.5, 1.0), mean=None, std=None)
    assert preview(batch, transform, 2, frame_height=20).size[1] == 4 * 20 + 3 * 2


def test_no_draw_is_refused():
    with pytest.raises(ValueError, match="n is 0"):
        preview(ramp(), torch.nn.Identity(), 0)
