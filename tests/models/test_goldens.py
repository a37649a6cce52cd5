import itertools

import pytest
from torch import Tensor, nn

from tests.goldens import check_case, golden_cases

CASES = golden_cases(
    "models.json",
    differs={
        "block/x3d_res_block/wider": "norm_eps reaches the norm of the shortcut too",
    },
)
CONV3D = nn.functional.conv3d


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """As torch's, whose kernel of float64 takes one channel after another: five times as long."""
    if not 1 < groups == x.shape[1] == len(weight) or dilation != (1, 1, 1):
        return CONV3D(x, weight, bias, stride, padding, dilation, groups)
    x = nn.functional.pad(x, [size for size in reversed(padding) for _ in range(2)])
    taps = weight.shape[2:]
    counts = [(n - tap) // step + 1 for n, tap, step in zip(x.shape[2:], taps, stride, strict=True)]
    total = x.new_zeros(*x.shape[:2], *counts)
    if bias is not None:
        total += bias.view(-1, 1, 1, 1)
    for place in itertools.product(*map(range, taps)):
        seen = [
            slice(begin, begin + step * (count - 1) + 1, step)
            for begin, step, count in zip(place, stride, counts, strict=True)
        ]
        total.addcmul_(x[:, :, *seen], weight[:, 0, *place].view(-1, 1, 1, 1))
    return total


@pytest.mark.parametrize("case", CASES)
def test_model_gives_the_recorded_numbers(case: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.get("dtype") != "float32":
        monkeypatch.setattr(nn.functional, "conv3d", conv3d)
    # Both sides are float64, if nothing else is said: only the order of sums may differ.
    rtol = case["rtol"] if case.get("dtype") == "float32" else 1e-9
    assert check_case({**case, "rtol": rtol}) == ""
