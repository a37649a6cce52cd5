import pytest
import torch
from torch.utils.data import DataLoader

from pytorchvideo_clone.transforms import (
    AugMix,
    RandAugment,
    RandomHorizontalFlip,
    RandomResizedCrop,
    create_video_transform,
)

SMALL = {"num_samples": 4, "min_size": 15, "max_size": 20}


def clip() -> torch.Tensor:
    return torch.randint(0, 256, (3, 9, 20, 30), dtype=torch.uint8)


@pytest.mark.parametrize("augmentation", ["default", "randaug", "augmix"])
@pytest.mark.parametrize("crop", [None, {}])
@pytest.mark.parametrize("size", [10, (10, 12)])
def test_training_gives_normalised_clips_of_the_size(augmentation, crop, size):
    transform = create_video_transform(
        "train", crop_size=size, aug_type=augmentation, random_resized_crop_paras=crop, **SMALL
    )
    out = transform(clip())
    assert out.shape == (3, 4, *((10, 10) if size == 10 else size))
    assert out.dtype == torch.float32
    # (0 - 0.45) / 0.225 and (1 - 0.45) / 0.225.
    assert -2.01 < out.min() < 0 < out.max() < 2.45


def test_a_random_resized_crop_is_flipped_too_and_its_settings_stay_as_they_were():
    settings = {"scale": (1.0, 1.0), "aspect_ratio": (1.5, 1.5)}
    transform = create_video_transform(
        "train",
        crop_size=(10, 15),
        horizontal_flip_prob=1.0,
        random_resized_crop_paras=settings,
        **SMALL,
    )
    assert settings == {"scale": (1.0, 1.0), "aspect_ratio": (1.5, 1.5)}
    plain = create_video_transform(
        "train",
        crop_size=(10, 15),
        horizontal_flip_prob=0.0,
        random_resized_crop_paras=settings,
        **SMALL,
    )
    video = clip()
    assert transform(video).equal(plain(video).flip(-1))
    assert [type(step) for step in transform][-2:] == [RandomResizedCrop, RandomHorizontalFlip]


@pytest.mark.parametrize(
    ("augmentation", "kind", "settings"),
    [
        ("randaug", RandAugment, {"magnitude": 4, "transform_hparas": {"fill": 0.1}}),
        (
            "augmix",
            AugMix,
            {"width": 2, "transform_hparas": {"fill": 7}, "sampling_hparas": {"sampling_min": 2}},
        ),
    ],
)
def test_every_argument_of_the_augmentation_reaches_it(augmentation, kind, settings):
    transform = create_video_transform("train", aug_type=augmentation, aug_paras=settings)
    augment = next(step for step in transform if isinstance(step, kind))
    assert {name: getattr(augment, name) for name in settings} == settings


def test_samples_lose_the_keys_named_and_keep_the_rest():
    transform = create_video_transform(
        "val", video_key="video", remove_key=["audio"], crop_size=10, **SMALL
    )
    sample = {"video": clip(), "audio": 1, "label": 2}
    out = transform(sample)
    assert out.keys() == {"video", "label"}
    assert sample.keys() == {"video", "audio", "label"}
    assert out["video"].shape == (3, 4, 10, 10)


def test_testing_has_no_chance():
    transform, video = create_video_transform("val", crop_size=10, **SMALL), clip()
    assert transform(video).equal(transform(video))


@pytest.mark.parametrize("crop_size", [(10,), (10, 2.5), 7.5, None])
def test_a_crop_that_is_no_size_is_refused(crop_size):
    with pytest.raises(TypeError, match="whole number or two"):
        create_video_transform("val", crop_size=crop_size)


@pytest.mark.parametrize("crop", [None, {}])
@pytest.mark.parametrize("augmentation", ["randaug", "augmix"])
def test_one_generator_draws_for_the_whole_chain(augmentation, crop):
    def draws() -> torch.Tensor:
        transform = create_video_transform(
            "train",
            crop_size=10,
            aug_type=augmentation,
            random_resized_crop_paras=crop,
            generator=torch.Generator().manual_seed(1),
            **SMALL,
        )
        return torch.stack([transform(video) for _ in range(4)])

    video, state = clip(), torch.get_rng_state()
    assert draws().equal(draws())
    assert torch.get_rng_state().equal(state)


def test_workers_draw_differently_and_a_seed_repeats_them():
    transform = create_video_transform("train", crop_size=10, aug_type="randaug", **SMALL)
    loader = DataLoader(
        [clip()] * 4, batch_size=1, num_workers=2, collate_fn=lambda clips: transform(clips[0])
    )

    def epoch() -> torch.Tensor:
        torch.manual_seed(0)
        return torch.stack(list(loader))

    first = epoch()
    assert first.equal(epoch())
    assert not any(first[place].equal(first[0]) for place in (1, 2, 3))
