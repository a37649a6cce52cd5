import pytest

from tests.goldens import check_case, golden_cases

PREFIXES = ("ava/", "charades/", "hmdb51/", "ssv2/")
CASES = [case for case in golden_cases("data.json") if case.id.startswith(PREFIXES)]
CASES += golden_cases("clip_samplers.json")


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    assert check_case(case) == ""
