import pytest
import torch

from pytorchvideo_clone.transforms import functional


def test_mixing_pairs_the_first_with_the_last_and_leaves_the_batch_as_it_was():
    batch = torch.tensor([[0.0], [10.0], [20.0]])
    before = batch.clone()
    mixed = functional.mix_with_reversed(batch, 0.75)
    assert mixed.tolist() == [[5.0], [10.0], [15.0]]
    assert batch.equal(before)


def test_bytes_are_mixed_as_floats():
    batch = torch.tensor([[250], [251]], dtype=torch.uint8)
    mixed = functional.mix_with_reversed(batch, 0.5)
    assert mixed.dtype == torch.float32
    assert mixed.tolist() == [[250.5], [250.5]]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_rectangle_is_pasted_in_every_frame_and_channel(dtype):
    batch = torch.stack([torch.full((3, 2, 5, 7), value) for value in (0, 1)]).to(dtype)
    before = batch.clone()
    mixed = functional.cut_mix(batch, (1, 2, 3, 4))
    assert mixed.dtype == dtype
    assert batch.equal(before)
    expected = torch.zeros(5, 7, dtype=dtype)
    expected[1:4, 2:6] = 1
    assert mixed[0].equal(expected.expand(3, 2, 5, 7))
    assert mixed[1].equal(1 - expected.expand(3, 2, 5, 7))


def test_cuts_lie_within_the_clip_and_reach_every_pixel():
    generator = torch.Generator().manual_seed(0)
    reached = torch.zeros(9, 14)
    for _ in range(300):
        top, left, height, width = functional.random_cut(9, 14, 0.7, generator)
        assert 0 <= top <= top + height <= 9
        assert 0 <= left <= left + width <= 14
        assert height <= 9 * 0.3**0.5
        assert width <= 14 * 0.3**0.5
        reached[top : top + height, left : left + width] += 1
    assert (reached > 0).all()
