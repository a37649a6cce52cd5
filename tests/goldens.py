"""The recorded numbers of PyTorchVideo (tests/reference), as parameters for tests.

A package's `test_goldens.py` lists what does not run yet or differs on purpose, with the reason:

    CASES = golden_cases("layers.json", waiting={"attention/": "comes with MViT"})

    @pytest.mark.parametrize("case", CASES)
    def test_golden(case):
        assert check_case(case) == ""
"""

import pytest

from tests.reference import replay

__all__ = ["check_case", "golden_cases"]


def golden_cases(
    file: str, waiting: dict[str, str] | None = None, differs: dict[str, str] | None = None
) -> list:
    """Cases of a file, without deprecated duplicates (tag `legacy`).

    Args:
        file: name of a case file in tests/reference.
        waiting: id prefix -> why its part does not exist here yet.
        differs: id -> how we differ on purpose; only cases tagged `quirk` or `rng` may be listed.
    """
    waiting, differs = waiting or {}, differs or {}
    cases = replay.load_cases(replay.HERE / file)
    tags = {case["id"]: set(case.get("tags", [])) for case in cases}
    for prefix in waiting:
        assert any(name.startswith(prefix) for name in tags), f"no case begins with {prefix!r}"
    for name in differs:
        assert tags[name] & {"quirk", "rng"}, f"{name} is neither a quirk nor random: match it"
    left_out = tuple(waiting)
    return [
        pytest.param(
            case, id=case["id"], marks=[pytest.mark.slow] if "slow" in tags[case["id"]] else []
        )
        for case in cases
        if not case["id"].startswith(left_out)
        and case["id"] not in differs
        and "legacy" not in tags[case["id"]]
    ]


def check_case(case: dict) -> str:
    """'' if this package reproduces the case, else the reason."""
    return replay.check_case(case, "pytorchvideo_clone")
