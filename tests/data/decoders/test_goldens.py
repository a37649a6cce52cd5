import pytest

from tests.goldens import check_case, golden_cases

PREFIXES = (
    "decode",
    "encoded/",
    "frames/",
    "handler/",
    "pts_to_secs",
    "secs_to_pts",
    "thwc_to_cthw",
)
CASES = [case for case in golden_cases("data.json") if case.id.startswith(PREFIXES)]


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    assert check_case(case) == ""
