import pytest

from tests.goldens import check_case, golden_cases

CASES = golden_cases("mobile.json")


@pytest.mark.parametrize("case", CASES)
def test_block_gives_the_recorded_numbers(case: dict) -> None:
    # Both sides are float64 before conversion: only the order of sums may differ.
    rtol = case.get("rtol", 1e-5) if case.get("dtype") == "float32" else 1e-9
    assert check_case({**case, "rtol": rtol}) == ""


def test_deployable_form_keeps_every_digit_of_the_block() -> None:
    # PyTorchVideo converts in float32 only, so that its recorded numbers after conversion are.
    cases = {case.values[0]["id"]: case.values[0] for case in CASES}
    before = {name: case["expect"] for name, case in cases.items() if name.endswith("/before")}
    compared = 0
    for name, case in cases.items():
        expect = before.get(f"{name.rpartition('/')[0]}/before")
        if expect and not name.endswith("/before") and "raises" not in case["expect"]:
            exact = {**case, "dtype": "float64", "rtol": 1e-9, "expect": expect}
            if "train" not in case:
                assert check_case(exact) == "", name
                compared += 1
    assert compared > 30
