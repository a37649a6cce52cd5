import pytest
import torch

from pytorchvideo_clone.transforms.functional import convert_to_one_hot


@pytest.mark.parametrize("label_smooth", [0.0, 0.1, 0.9])
def test_rows_sum_to_one_and_are_largest_at_the_target(label_smooth):
    targets = torch.tensor([2, 0, 3])
    hot = convert_to_one_hot(targets, 4, label_smooth)
    torch.testing.assert_close(hot.sum(1).float(), torch.ones(3))
    assert hot.argmax(1).equal(targets)


def test_a_negative_class_is_refused():
    with pytest.raises(AssertionError, match=r"run from -1 to 2.*\[0, 3\]"):
        convert_to_one_hot(torch.tensor([-1, 2]), 4)
