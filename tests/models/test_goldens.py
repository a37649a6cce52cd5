import pytest

from tests.goldens import check_case, golden_cases

CASES = golden_cases(
    "models.json",
    differs={
        "block/x3d_res_block/wider": "norm_eps reaches the norm of the shortcut too",
    },
)


@pytest.mark.parametrize("case", CASES)
def test_model_gives_the_recorded_numbers(case: dict) -> None:
    # Both sides are float64, if nothing else is said: only the order of sums may differ.
    rtol = case["rtol"] if case.get("dtype") == "float32" else 1e-9
    assert check_case({**case, "rtol": rtol}) == ""
