import pytest

from tests.goldens import check_case, golden_cases


@pytest.mark.parametrize("case", golden_cases("clip_samplers.json"))
def test_golden(case):
    assert check_case(case) == ""
