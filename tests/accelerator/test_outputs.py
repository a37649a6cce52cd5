import math

import pytest
import torch

from pytorchvideo_clone.accelerator.outputs import (
    arguments,
    copied,
    difference,
    doubled,
    map_tensors,
    tensors,
    worst,
)

ONES = torch.ones(2, 3)
NAN = torch.full((2, 3), torch.nan)


def test_structures_are_kept_and_tensors_found_in_order() -> None:
    x = ([ONES, 2 * ONES], {"boxes": 3 * ONES}, None)
    assert [int(tensor.max()) for tensor in tensors(x)] == [1, 2, 3]
    changed = map_tensors(lambda tensor: tensor + 1, x)
    assert isinstance(changed, tuple) and isinstance(changed[0], list) and changed[2] is None
    assert [int(tensor.max()) for tensor in tensors(changed)] == [2, 3, 4]
    assert doubled(x)[1]["boxes"].shape == (4, 3)


def test_all_arguments_of_a_model_are_a_tuple() -> None:
    assert arguments(ONES)[0] is ONES
    assert arguments((ONES, None)) == (ONES, None)
    assert len(arguments([ONES, ONES])[0]) == 2


@pytest.mark.parametrize("example", [None, [], (), [[1.0]], "clip"])
def test_an_example_without_tensors_is_an_error(example: object) -> None:
    with pytest.raises(TypeError, match=r"the example is .*; give a tensor, such as a clip"):
        arguments(example)


def test_an_empty_batch_is_no_example() -> None:
    with pytest.raises(ValueError, match=r"the example is empty, \(0, 3\); give a batch"):
        arguments([ONES[:0], ONES])


def test_copies_share_neither_lists_nor_numbers() -> None:
    x = [ONES.clone()]
    copy = copied(x)
    copy[0] += 1
    copy.append(ONES)
    assert len(x) == 1 and torch.equal(x[0], ONES)


def test_the_difference_is_that_of_all_tensors_together() -> None:
    assert difference([ONES, 4 * ONES], [ONES, 5 * ONES]) == pytest.approx(0.2)
    assert difference(ONES, 0 * ONES) == 1
    assert difference(ONES, ONES[:1]) == difference([ONES], [ONES, ONES]) == math.inf


@pytest.mark.parametrize("place", [0, 1])
def test_numbers_that_are_none_are_never_left_out(place: int) -> None:
    output = [ONES, ONES]
    output[place] = NAN
    assert math.isnan(difference(output, [ONES, ONES]))
    assert math.isnan(difference([ONES, ONES], output))
    values = [0.5, 0.5]
    values[place] = math.nan
    assert math.isnan(worst(values))
    assert worst([0.25, 0.5]) == 0.5 and worst([]) == 0
