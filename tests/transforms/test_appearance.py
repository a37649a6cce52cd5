import pytest
import torch

from pytorchvideo_clone.transforms import (
    AugmentTransform,
    AugMix,
    ColorJitter,
    LabelAwareFlip,
    RandomErasing,
    RandomGaussianBlur,
    RandomGrayscale,
    TrivialAugment,
)

ALWAYS = [
    ColorJitter(0.4, 0.4, 0.4, 0.1),
    RandomGrayscale(1.0),
    RandomGaussianBlur((1.0, 2.0), p=1.0),
    RandomErasing(1.0),
]


def still(frames: int = 4) -> torch.Tensor:
    return torch.rand(3, 1, 12, 16).repeat(1, frames, 1, 1)


@pytest.mark.parametrize(
    "transform",
    [ColorJitter(0.4), AugmentTransform("Invert", prob=1.0), AugMix(), TrivialAugment()],
)
def test_floats_up_to_255_are_refused_by_what_takes_them_for_white(transform):
    frames = torch.rand(3, 3, 12, 16) * 255
    with pytest.raises(ValueError, match=r"goes up to 25\d.*Div255"):
        transform(frames)
    transform(frames / 255)
    transform(frames.byte())


@pytest.mark.parametrize("transform", ALWAYS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_all_frames_change_alike(transform, dtype):
    clip = still() if dtype == torch.float32 else still().mul(255).byte()
    before = clip.clone()
    out = transform(clip)
    assert out.dtype == dtype
    assert out.shape == clip.shape
    assert clip.equal(before)
    assert not out.equal(clip)
    torch.testing.assert_close(out, out[:, :1].expand_as(out))


@pytest.mark.parametrize(
    "make",
    [
        lambda p, g: ColorJitter(0.5, p=p, generator=g),
        lambda p, g: RandomGrayscale(p, generator=g),
        lambda p, g: RandomGaussianBlur((1.0, 2.0), p, g),
        lambda p, g: RandomErasing(p, generator=g),
    ],
)
def test_the_probability_is_kept_and_the_generator_decides(make):
    clip, state = still(1), torch.get_rng_state()

    def changed(seed: int) -> list[bool]:
        transform = make(0.5, torch.Generator().manual_seed(seed))
        return [not transform(clip).equal(clip) for _ in range(60)]

    assert changed(1) == changed(1) != changed(2)
    assert 15 < sum(changed(1)) < 45
    assert torch.get_rng_state().equal(state)
    assert not any(not make(0.0, None)(clip).equal(clip) for _ in range(5))


def test_colours_stay_within_their_ranges():
    clip = torch.full((3, 1, 2, 2), 0.5)
    means = [float(ColorJitter(brightness=0.4)(clip).mean()) for _ in range(100)]
    assert 0.3 <= min(means) < 0.34
    assert 0.66 < max(means) <= 0.7


def test_the_erased_share_and_shape_stay_within_their_ranges():
    clip = torch.ones(1, 1, 50, 80)
    erase = RandomErasing(1.0, scale=(0.1, 0.3), aspect_ratio=(0.5, 2.0))
    for _ in range(50):
        rows, columns = torch.where(erase(clip)[0, 0] == 0)
        height, width = len(rows.unique()), len(columns.unique())
        assert len(rows) == height * width
        assert 0.08 < len(rows) / 4000 < 0.33
        assert 0.4 < width / height < 2.4


def test_erasing_with_noise_needs_floats():
    out = RandomErasing(1.0, scale=(0.2, 0.3), value="noise")(torch.full((3, 2, 9, 9), 50.0))
    assert (out != 50).sum() > 50
    with pytest.raises(TypeError, match="noise needs floats"):
        RandomErasing(1.0, value="noise")(torch.zeros(3, 2, 9, 9, dtype=torch.uint8))


def test_nothing_is_erased_where_no_rectangle_fits():
    clip = torch.ones(1, 1, 2, 100)
    assert RandomErasing(1.0, scale=(0.9, 0.9), aspect_ratio=(0.5, 0.5))(clip).equal(clip)


def test_a_flip_changes_video_boxes_and_label():
    video = torch.rand(3, 2, 4, 10)
    sample = {
        "video": video,
        "boxes": torch.tensor([[2.0, 1.0, 5.0, 3.0]]),
        "label": 3,
        "name": "a",
    }
    flipped = LabelAwareFlip({3: 4}, p=1.0)(sample)
    assert flipped["video"].equal(video.flip(-1))
    assert flipped["boxes"].tolist() == [[4, 1, 7, 3]]
    assert (flipped["label"], flipped["name"]) == (4, "a")
    assert sample["label"] == 3
    assert sample["video"] is video
    kept = LabelAwareFlip({3: 4}, p=0.0)(sample)
    assert (kept["label"], kept["video"] is video) == (3, True)
    none = {"video": video, "boxes": None, "label": None}
    assert LabelAwareFlip({3: 4}, p=1.0)(none).keys() == none.keys()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ColorJitter(-0.1), "brightness is -0.1"),
        (lambda: ColorJitter(hue=0.6), "hue is at most 0.5"),
        (lambda: RandomGrayscale(1.5), "p is 1.5"),
        (lambda: RandomGaussianBlur((2.0, 1.0)), r"sigma is \(2.0, 1.0\)"),
        (lambda: RandomErasing(value="mean"), "value is 'mean'"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
