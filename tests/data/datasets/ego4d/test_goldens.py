import pytest

from tests.goldens import check_case, golden_cases

CASES = [case for case in golden_cases("data.json") if case.id.startswith("ego4d/")]


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    assert check_case(case) == ""
