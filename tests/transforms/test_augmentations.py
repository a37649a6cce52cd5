import pytest
import torch

from pytorchvideo_clone.transforms import AugmentTransform
from pytorchvideo_clone.transforms.augmentations import AUGMIX_LEVELS, LEVELS, affine
from pytorchvideo_clone.transforms.functional import OPERATIONS

FULL = {
    "AdjustBrightness": (1.9, 0.1),
    "AutoContrast": (None, None),
    "Posterize": (0, 0),
    "Rotate": (30.0, -30.0),
    "ShearX": (0.3, -0.3),
    "Solarize": (0.0, 0.0),
    "TranslateY": (0.45, -0.45),
}


def arguments(table, name, level):
    function, params = table[name]
    return function(level, params)


def test_every_operation_has_a_level():
    assert LEVELS.keys() == OPERATIONS.keys()
    assert AUGMIX_LEVELS.keys() == OPERATIONS.keys() - {"Invert"}


@pytest.mark.parametrize("name", FULL)
def test_the_largest_levels_are_those_of_pytorchvideo(name):
    for level, expected in zip((10, -10), FULL[name], strict=True):
        expected = () if expected is None else pytest.approx((expected,))
        assert arguments(LEVELS, name, level) == expected


def test_augmix_has_strengths_of_its_own():
    assert arguments(AUGMIX_LEVELS, "AdjustContrast", -5) == pytest.approx((1.0,))
    assert arguments(AUGMIX_LEVELS, "TranslateX", -5) == pytest.approx((-1 / 6,))
    assert arguments(AUGMIX_LEVELS, "Rotate", -5) == pytest.approx((-15.0,))


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"magnitude": 9, "sampling_hparas": {"sampling_std": 3}}, 0, 10),
        (
            {"magnitude": 4, "sampling_type": "uniform", "sampling_hparas": {"sampling_min": 1}},
            1,
            4,
        ),
        (
            {
                "magnitude": 4,
                "sampling_type": "uniform",
                "sampling_hparas": {"sampling_min": 1, "sampling_data_type": "float"},
            },
            1,
            4,
        ),
    ],
)
def test_levels_are_drawn_as_asked_in_both_directions(options, low, high):
    torch.manual_seed(0)
    levels = [AugmentTransform("Rotate", **options).draw_level() for _ in range(300)]
    sizes = [abs(level) for level in levels]
    assert (round(min(sizes)), round(max(sizes))) == (low, high)
    assert 100 < sum(level > 0 for level in levels) < 200
    if options.get("sampling_type") == "uniform":
        whole = "sampling_data_type" not in options["sampling_hparas"]
        assert (set(sizes) == {1, 2, 3, 4}) == whole


def test_the_mean_level_is_the_magnitude():
    torch.manual_seed(0)
    levels = [abs(AugmentTransform("Rotate", 5).draw_level()) for _ in range(500)]
    assert sum(levels) / 500 == pytest.approx(5, abs=0.1)


def test_operations_happen_with_their_probability():
    torch.manual_seed(0)
    video = torch.zeros(1, 3, 2, 2)
    changed = [bool(AugmentTransform("Invert", prob=0.3)(video).any()) for _ in range(200)]
    assert 35 < sum(changed) < 85


@pytest.mark.parametrize(("dtype", "grey"), [(torch.float32, 0.5), (torch.uint8, 128)])
def test_what_comes_from_outside_is_grey_by_default(dtype, grey):
    video = torch.ones(2, 3, 10, 10, dtype=dtype)
    out = AugmentTransform("TranslateX").change(video, 10)
    assert out[..., -4:].unique().tolist() == [grey]


def test_tables_can_be_replaced():
    stretch = AugmentTransform(
        "Stretch",
        prob=1.0,
        name_to_transform_func={"Stretch": lambda video, factor, fill: video * factor},
        level_to_arg={"Stretch": lambda level, params: (abs(level) / 10 * params[0],)},
        transform_max_paras={"Stretch": (3.0,)},
        sampling_hparas={"sampling_std": 0.0},
    )
    assert stretch(torch.ones(1, 3, 1, 1)).unique().tolist() == [3.0]


def test_clips_with_channels_first_are_refused():
    with pytest.raises(ValueError, match=r"\(T, C, H, W\).*Permute"):
        AugmentTransform("TranslateX", prob=1.0)(torch.rand(3, 8, 10, 10))


def test_affine_is_found_where_pytorchvideo_has_it():
    assert affine(torch.ones(1, 3, 2, 2), [1, 0, 0, 0, 1, 0]).shape == (1, 3, 2, 2)
