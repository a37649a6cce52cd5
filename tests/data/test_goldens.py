from collections import Counter
from importlib import import_module

import pytest

from tests.goldens import check_case, golden_cases

PREFIXES = ("csv/", "dataset/", "hms/", "manifest/", "paths/")
CASES = [case for case in golden_cases("data.json") if case.id.startswith(PREFIXES)]


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    assert check_case(case) == ""


def test_every_case_is_checked_once():
    elsewhere = [
        f"tests.data.{name}"
        for name in (
            "datasets.ego4d.test_goldens",
            "datasets.epic_kitchen.test_goldens",
            "datasets.test_domsev",
            "datasets.test_goldens",
            "decoders.test_goldens",
        )
    ]
    checked = CASES + [case for name in elsewhere for case in import_module(name).CASES]
    wanted = golden_cases("data.json") + golden_cases("clip_samplers.json")
    assert Counter(case.id for case in checked) == Counter(case.id for case in wanted)
