import pytest

from tests.goldens import check_case, golden_cases

LATER = dict.fromkeys(
    ("MixUp", "CutMix", "MixVideo", "op/", "affine", "RandAugment", "AugMix", "factory"),
    "augmentations, mixing and the factory come later",
)
DIFFERS = {"random_crop_with_boxes/fixed": "draws from torch's generator, not from numpy's"}


@pytest.mark.parametrize("case", golden_cases("transforms.json", waiting=LATER, differs=DIFFERS))
def test_golden(case):
    assert check_case(case) == ""
