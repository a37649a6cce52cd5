import pytest

from tests.goldens import check_case, golden_cases

CASES = golden_cases(
    "layers.json",
    waiting=dict.fromkeys(
        [
            "attention/",
            "block/",
            "mlp/",
            "scriptable_block",
            "pos/",
            "drop_path/",
            "fusion/",
            "perceptron/",
        ],
        "belongs to model families that come later",
    ),
)


@pytest.mark.parametrize("case", CASES)
def test_layer_gives_the_recorded_numbers(case: dict) -> None:
    assert check_case(case) == ""
