import pytest

from tests.goldens import check_case, golden_cases

# What the recorded cases replace by a number -> where we draw that number.
SEAMS = {
    "numpy.random.randint": "pytorchvideo_clone.transforms.functional.spatial.random_size",
    "torch.distributions.beta.Beta.sample": "pytorchvideo_clone.transforms.functional.random_beta",
}


@pytest.mark.parametrize("case", golden_cases("transforms.json"))
def test_golden(case):
    patch = {SEAMS.get(name, name): value for name, value in case.get("patch", {}).items()}
    assert check_case({**case, "patch": patch}) == ""
