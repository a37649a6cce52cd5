import pytest
import torch

from pytorchvideo_clone.transforms.functional import convert_to_one_hot, swap_label


@pytest.mark.parametrize("label_smooth", [0.0, 0.1, 0.9])
def test_rows_sum_to_one_and_are_largest_at_the_target(label_smooth):
    targets = torch.tensor([2, 0, 3])
    hot = convert_to_one_hot(targets, 4, label_smooth)
    torch.testing.assert_close(hot.sum(1).float(), torch.ones(3))
    assert hot.argmax(1).equal(targets)


def test_a_negative_class_is_refused():
    with pytest.raises(AssertionError, match=r"run from -1 to 2.*\[0, 3\]"):
        convert_to_one_hot(torch.tensor([-1, 2]), 4)


def test_labels_of_a_pair_change_places_in_both_directions():
    swaps = {"left": "right", 3: 4}
    assert swap_label("left", swaps) == "right"
    assert swap_label("right", swaps) == "left"
    assert swap_label("up", swaps) == "up"
    assert swap_label([3, 4, 5], swaps) == [4, 3, 5]
    assert swap_label(("left", "up"), swaps) == ("right", "up")
    assert swap_label((0, 1), {(0, 1): (1, 0)}) == (1, 0)  # a tuple may be a label itself
    assert swap_label(torch.tensor(4), swaps).equal(torch.tensor(3))


def test_weights_of_labels_change_places():
    label = torch.tensor([0.1, 0.2, 0.7])
    torch.testing.assert_close(swap_label(label, {0: 2}), torch.tensor([0.7, 0.2, 0.1]))
    assert label[0] == 0.1
    assert swap_label(torch.tensor([True, False, False]), {0: 2}).tolist() == [False, False, True]


def test_a_label_with_two_partners_is_refused():
    with pytest.raises(ValueError, match="'b' must have one partner only"):
        swap_label("a", {"a": "b", "b": "c"})
    assert swap_label("a", {"a": "b", "b": "a"}) == "b"
