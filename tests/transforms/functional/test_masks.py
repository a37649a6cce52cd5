import pytest
import torch

from pytorchvideo_clone.transforms import functional


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9, 1.0])
def test_masks_hide_exactly_the_share_asked_for(ratio):
    assert functional.random_token_mask((4, 7, 5), ratio).sum() == int(ratio * 140)
    tube = functional.tube_token_mask((4, 7, 5), ratio)
    assert tube.sum(dim=(1, 2)).tolist() == [int(ratio * 35)] * 4
    assert (tube == tube[0]).all()


def test_random_masks_change_from_frame_to_frame():
    mask = functional.random_token_mask((4, 7, 5), 0.5)
    assert not (mask == mask[0]).all()


@pytest.mark.parametrize("draw", [functional.random_token_mask, functional.tube_token_mask])
def test_masks_follow_the_generator(draw):
    masks = [draw((2, 4, 4), 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert masks[0].equal(masks[1])
    assert not masks[0].equal(masks[2])


def test_an_impossible_share_is_refused():
    with pytest.raises(ValueError, match=r"ratio is 1.5"):
        functional.tube_token_mask((2, 4, 4), 1.5)
