import pytest
import torch

from pytorchvideo_clone.transforms import RandomTokenMask, TubeTokenMask


@pytest.mark.parametrize("make", [RandomTokenMask, TubeTokenMask])
def test_samples_get_masks_of_their_own_that_collate(make):
    mask = make((2, 4, 4), 0.5, mask_key="hidden")
    sample = {"video": torch.zeros(3, 4, 8, 8)}
    samples = [mask(sample) for _ in range(3)]
    assert sample.keys() == {"video"}
    hidden = torch.utils.data.default_collate(samples)["hidden"]
    assert hidden.shape == (3, 2, 4, 4)
    assert hidden.dtype == torch.bool
    assert hidden.flatten(1).sum(1).tolist() == [16] * 3
    assert not hidden[0].equal(hidden[1])


def test_only_tubes_repeat_over_time():
    tube, free = (make((4, 6, 6), 0.5)({})["mask"] for make in (TubeTokenMask, RandomTokenMask))
    assert (tube == tube[0]).all()
    assert not (free == free[0]).all()
