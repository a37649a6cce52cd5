import kornia
import pytest
import torch

from pytorchvideo_clone.transforms import (
    AugmentTransform,
    AugMix,
    BatchTransform,
    ClipTransform,
    ColorJitter,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomShortSideScale,
    TrivialAugment,
    functional,
)

PLACES = [{"short_side": (26, 40)}, {"scale": (0.2, 1.0)}]


def clips(count: int = 3, height: int = 30, width: int = 44) -> torch.Tensor:
    """Smooth clips of bytes, as decoders give them, channels last in memory."""
    coarse = torch.rand(count, 3, 4, 5, 6)
    video = torch.nn.functional.interpolate(coarse, (4, height, width), mode="trilinear")
    return video.mul(255).byte().contiguous(memory_format=torch.channels_last_3d)


def test_one_pass_shows_what_random_resized_crop_shows_from_the_same_seed():
    chain = torch.nn.Sequential(
        RandomResizedCrop(24, 24, (0.2, 1.0), (3 / 4, 4 / 3)), RandomHorizontalFlip()
    )
    for seed, clip in enumerate(clips(20)):
        torch.manual_seed(seed)
        expected = functional.normalize(chain(clip).float() / 255, [0.45], [0.225])
        torch.manual_seed(seed)
        got = ClipTransform(24, scale=(0.2, 1.0))(clip)
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_one_pass_shows_what_scaling_and_cropping_show_to_less_than_a_pixel():
    # Every pixel holds its own column or row, so that differences are distances.
    columns = torch.arange(44.0).expand(1, 2, 30, 44)
    rows = torch.arange(30.0)[:, None].expand(1, 2, 30, 44)
    places = torch.cat([columns, rows])
    chain = torch.nn.Sequential(
        RandomShortSideScale(26, 40), RandomCrop(24), RandomHorizontalFlip()
    )
    transform = ClipTransform(24, short_side=(26, 40), mean=None, std=None)
    distances = []
    for seed in range(100):
        torch.manual_seed(seed)
        expected = chain(places)
        torch.manual_seed(seed)
        distances.append((transform(places) - expected).abs())
    assert torch.stack(distances).max() < 0.9  # 0.75 and the pixels beyond the border
    assert torch.stack(distances).mean() < 0.3


def test_without_scaling_one_pass_equals_the_chain_exactly():
    clip = clips(1)[0]
    torch.manual_seed(3)
    expected = RandomHorizontalFlip()(RandomCrop(24)(RandomShortSideScale(30, 30)(clip)))
    torch.manual_seed(3)
    assert ClipTransform(24, short_side=(30, 30), mean=None, std=None)(clip).equal(expected)


@pytest.mark.parametrize("settings", PLACES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_batch_is_its_clips_one_after_another(settings, dtype):
    videos = clips().to(dtype)
    before = videos.clone()
    torch.manual_seed(0)
    expected = torch.stack([ClipTransform((20, 24), **settings)(video) for video in videos])
    torch.manual_seed(0)
    batch = BatchTransform((20, 24), **settings)(videos)
    assert batch.equal(expected)
    assert batch.shape == (3, 3, 4, 20, 24)
    assert videos.equal(before)


@pytest.mark.parametrize("step", [ColorJitter, RandAugment, RandomErasing, TrivialAugment])
def test_a_batch_is_its_clips_with_steps_too(step):
    def views(transform: type, of: list[torch.Tensor]) -> torch.Tensor:
        # A generator for boxes and one for the steps: a batch draws all its boxes first.
        boxes, chance = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
        settings = {ColorJitter: (0.4, 0.4, 0.4, 0.1), RandAugment: (9, 3, 0.9)}.get(step, ())
        steps = [step(*settings, generator=chance)]
        one = transform(24, scale=(0.2, 1.0), steps=steps, generator=boxes)
        return torch.cat([one(x) for x in of])

    videos = clips(6)
    together = views(BatchTransform, [videos])
    assert together.equal(views(ClipTransform, list(videos)).view_as(together))


@pytest.mark.parametrize("transform", [ClipTransform, BatchTransform])
def test_frames_share_a_draw_unless_each_gets_its_own(transform):
    still = clips(2)[:, :, :1].repeat(1, 1, 4, 1, 1)
    still = still[0] if transform is ClipTransform else still
    together = transform(16, scale=(0.2, 0.5))(still)
    apart = transform(16, scale=(0.2, 0.5), per_frame=True)(still)
    assert together.shape == apart.shape
    first = [views.narrow(-3, 0, 1).expand_as(views) for views in (together, apart)]
    assert together.equal(first[0])
    assert not torch.allclose(apart, first[1], atol=0.1)


def test_clips_of_a_batch_get_different_draws():
    same = clips(1).repeat(4, 1, 1, 1, 1)
    views = BatchTransform(16, scale=(0.2, 0.5))(same)
    assert all(not torch.allclose(views[0], view, atol=0.1) for view in views[1:])


def test_a_generator_of_its_own_decides_and_torchs_stays():
    def views(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return BatchTransform(16, scale=(0.2, 0.5), generator=generator)(videos)

    videos, state = clips(), torch.get_rng_state()
    assert views(1).equal(views(1))
    assert not views(1).equal(views(2))
    assert torch.get_rng_state().equal(state)


def marked(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Black clips with one white rectangle each, and its box."""
    videos = torch.zeros(batch, 3, 2, 40, 60)
    videos[..., 16:25, 25:34] = 255
    return videos, torch.tensor([[25.0, 16.0, 34.0, 25.0]]).repeat(batch, 1)


def assert_boxes_hold(views: torch.Tensor, boxes: torch.Tensor, count: int) -> None:
    seen = 0
    for view, (x1, y1, x2, y2) in zip(views, boxes.tolist(), strict=True):
        rows, columns = torch.where(view[0, 0] > 127)
        if rows.numel():
            seen += 1
            # The last pixel of a box moves as its first one does, PyTorchVideo's convention.
            assert x1 - 2 <= columns.min() <= columns.max() <= x2 + 2
            assert y1 - 2 <= rows.min() <= rows.max() <= y2 + 2
    assert seen > count / 2


@pytest.mark.parametrize("settings", [{"short_side": (32, 48)}, {"scale": (0.4, 1.0)}])
def test_boxes_follow(settings):
    videos, boxes = marked(20)
    transform = {"mean": None, "std": None, **settings}
    batch = {"video": videos, "boxes": torch.cat([torch.arange(20.0)[:, None], boxes], dim=1)}
    result = BatchTransform((28, 30), **transform)(batch)
    assert result["boxes"][:, 0].tolist() == list(range(20))
    assert_boxes_hold(result["video"], result["boxes"][:, 1:], 20)
    samples = [
        ClipTransform((28, 30), **transform)({"video": video, "boxes": box[None]})
        for video, box in zip(videos, boxes, strict=True)
    ]
    assert_boxes_hold(
        torch.stack([sample["video"] for sample in samples]),
        torch.cat([sample["boxes"] for sample in samples]),
        20,
    )
    assert batch["boxes"][:, 1:].equal(boxes)


def test_boxes_of_whole_numbers_follow_too():
    videos, boxes = marked(2)
    numbers = torch.arange(2.0)[:, None]
    floats = torch.cat([numbers, boxes], dim=1)

    def moved(given: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        transform = BatchTransform(28, scale=(0.4, 1.0), generator=generator)
        return transform({"video": videos, "boxes": given})["boxes"]

    assert moved(floats.long()).equal(moved(floats))


def test_mirrored_clips_change_their_labels():
    settings = {"short_side": (30, 30), "horizontal_flip_prob": 0.5, "label_swaps": {0: 1}}
    ramp = torch.arange(44, dtype=torch.uint8).expand(16, 3, 2, 30, 44)
    batch = {"video": ramp, "label": torch.zeros(16, dtype=torch.int64), "boxes": None}
    result = BatchTransform(24, **settings)(batch)
    falls = result["video"][:, 0, 0, 0, 0] > result["video"][:, 0, 0, 0, -1]
    assert result["label"].equal(falls.long())
    assert 0 < falls.sum() < 16
    assert result["boxes"] is None
    named = BatchTransform(24, **{**settings, "label_swaps": {"left": "right"}})
    result = named({"video": ramp, "label": ["left"] * 16})
    falls = result["video"][:, 0, 0, 0, 0] > result["video"][:, 0, 0, 0, -1]
    assert result["label"] == ["right" if fall else "left" for fall in falls]
    sample = ClipTransform(24, **{**settings, "horizontal_flip_prob": 1.0})
    assert sample({"video": ramp[0], "label": 1, "boxes": None})["label"] == 0


def test_steps_see_floats_up_to_one_and_each_clip_its_own_draw():
    seen = []

    def look(clip: torch.Tensor) -> torch.Tensor:
        seen.append((tuple(clip.shape), clip.dtype, float(clip.max()) <= 1))
        return clip

    videos = clips(1).repeat(3, 1, 1, 1, 1)
    steps = [look, ColorJitter(0.9)]
    views = BatchTransform(24, short_side=(24, 24), horizontal_flip_prob=0, steps=steps)(videos)
    assert seen == [((3, 4, 24, 24), torch.float32, True)] * 3
    means = [float(view.mean()) for view in views]
    assert len(set(means)) == 3


def test_steps_change_nothing_else():
    videos, settings = clips(), {"short_side": (26, 40)}
    torch.manual_seed(1)
    plain = BatchTransform(24, **settings)(videos)
    torch.manual_seed(1)
    with_steps = BatchTransform(
        24, **settings, steps=[torch.nn.Identity()], last_steps=[torch.nn.Identity()]
    )(videos)
    torch.testing.assert_close(with_steps, plain, atol=1e-5, rtol=1e-5)


def test_erasing_after_normalising_writes_zero():
    transform = BatchTransform(
        24, short_side=(26, 40), mean=(2.0,) * 3, std=(1.0,) * 3, last_steps=[RandomErasing(1.0)]
    )
    views = transform(clips())
    assert ((views == 0).flatten(1).sum(1) > 0).all()


def test_kornias_video_sequential_is_a_step():
    darken = kornia.augmentation.VideoSequential(
        kornia.augmentation.ColorJiggle(brightness=(0.0, 0.9), p=1.0),
        data_format="BCTHW",
        same_on_frame=True,
    )
    videos = clips(1).repeat(3, 1, 1, 1, 1)
    settings = {"short_side": (24, 24), "horizontal_flip_prob": 0.0, "mean": None, "std": None}
    views = BatchTransform((24, 35), **settings, steps=[darken])(videos)
    assert views.shape == (3, 3, 4, 24, 35)
    means = views.mean(dim=(1, 3, 4))
    assert means[:, 0].unique().numel() == 3  # a draw for each clip
    plain = BatchTransform((24, 35), **settings)(videos).float().div(255).mean(dim=(1, 3, 4))
    assert (means <= plain + 1e-6).all()


@pytest.mark.parametrize(
    "step",
    [AugMix(9), AugmentTransform("Rotate", prob=1.0), RandAugment(prob=1.0), TrivialAugment()],
)
def test_learned_augmentation_is_a_step(step):
    torch.manual_seed(0)
    settings = {"short_side": (24, 24), "horizontal_flip_prob": 0.0, "mean": None, "std": None}
    videos = clips(1).repeat(6, 1, 1, 1, 1)
    views = BatchTransform((24, 35), **settings, steps=[step])(videos)
    assert views.shape == (6, 3, 4, 24, 35)
    assert views.mean(dim=(1, 2, 3, 4)).unique().numel() > 2


def test_bytes_stay_bytes_without_mean():
    views = BatchTransform(16, scale=(0.5, 1.0), mean=None, std=None)(clips())
    assert views.dtype == torch.uint8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "short_side is None and scale None"),
        ({"short_side": (8, 9), "scale": (0.1, 1.0)}, "give one of them"),
        ({"scale": (0.1, 1.0), "mean": None}, "give both or neither"),
        ({"short_side": 256}, "short_side is 256; it must be a range"),
        ({"short_side": (9, 8)}, r"short_side is \(9, 8\); it must be a range"),
        ({"scale": (0.1, 1.0), "horizontal_flip_prob": 2}, "horizontal_flip_prob is 2"),
        ({"scale": (0.1, 1.0), "per_frame": True, "label_swaps": {0: 1}}, "label_swaps needs"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BatchTransform(8, **settings)


def test_clips_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="The crop is 24x24"):
        BatchTransform(24, short_side=(16, 20))(clips())
    with pytest.raises(ValueError, match=r"shape \(3, 4, 30, 44\); .*BatchTransform \(B, C"):
        BatchTransform(8, scale=(0.1, 1.0))(clips()[0])
    with pytest.raises(ValueError, match=r"ClipTransform takes \(C, T, H, W\)"):
        ClipTransform(8, scale=(0.1, 1.0))({"video": clips()})
    with pytest.raises(ValueError, match="boxes need per_frame=False"):
        ClipTransform(8, scale=(0.1, 1.0), per_frame=True)(
            {"video": clips()[0], "boxes": torch.zeros(1, 4)}
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_device_agrees_with_the_cpu():
    videos = clips()
    for mean in (None, (0.45,) * 3):
        transform = BatchTransform(24, short_side=(26, 40), mean=mean, std=mean and (0.225,) * 3)
        torch.manual_seed(0)
        here = transform(videos)
        torch.manual_seed(0)
        there = transform(videos.cuda()).cpu()
        # One grey value: bytes are rounded after interpolating.
        torch.testing.assert_close(
            here.float(), there.float(), atol=1.01 if mean is None else 0.02, rtol=0
        )
