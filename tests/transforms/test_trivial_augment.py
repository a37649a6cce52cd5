import pytest
import torch
from torchvision.transforms import v2

from pytorchvideo_clone.transforms import TrivialAugment


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_all_frames_change_alike_and_the_clip_stays(dtype):
    frame = torch.rand(1, 3, 12, 16)
    frame = frame.mul(255).byte() if dtype == torch.uint8 else frame
    clip, kinds = frame.repeat(4, 1, 1, 1), 0
    before = clip.clone()
    for _ in range(20):
        out = TrivialAugment()(clip)
        assert out.dtype == dtype
        assert out.equal(out[:1].expand_as(out))
        kinds += not out.equal(clip)
    assert kinds > 10
    assert clip.equal(before)


def test_it_does_what_torchvision_does_from_the_same_seed():
    clip = torch.randint(0, 256, (2, 3, 12, 16), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    seeds = torch.Generator().manual_seed(0)
    ours = TrivialAugment(generator=generator)
    for _ in range(10):
        out = ours(clip)
        torch.manual_seed(int(torch.randint(0, 2**31, (), generator=seeds)))
        assert out.equal(v2.TrivialAugmentWide()(clip))


def test_torchs_generator_moves_by_one_draw_only():
    clip = torch.rand(1, 3, 8, 8)
    torch.manual_seed(0)
    TrivialAugment()(clip)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    torch.randint(0, 2**31, ())
    assert torch.get_rng_state().equal(state)
    TrivialAugment(generator=torch.Generator())(clip)
    assert torch.get_rng_state().equal(state)


def test_one_strength_is_refused():
    with pytest.raises(ValueError, match="num_magnitude_bins is 1"):
        TrivialAugment(1)
