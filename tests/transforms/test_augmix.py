import pytest
import torch

from pytorchvideo_clone.transforms import AugMix
from pytorchvideo_clone.transforms.augmentations import AUGMIX_LEVELS
from pytorchvideo_clone.transforms.functional import OPERATIONS


def recorded(monkeypatch) -> list[str]:
    calls: list[str] = []
    for name in OPERATIONS:
        monkeypatch.setitem(
            OPERATIONS, name, lambda x, *a, fill, name=name: (calls.append(name), x)[1]
        )
    return calls


def test_all_frames_change_alike():
    video = torch.rand(1, 3, 10, 12).expand(3, -1, -1, -1).contiguous()
    out = AugMix(magnitude=8)(video)
    torch.testing.assert_close(out, out[:1].expand_as(out))
    assert not out.allclose(video)


@pytest.mark.parametrize(("depth", "allowed"), [(-1, {1, 2, 3}), (2, {2}), (20, {20})])
def test_chains_have_the_depth_asked_for(monkeypatch, depth, allowed):
    calls, seen = recorded(monkeypatch), set()
    for _ in range(30):
        calls.clear()
        AugMix(width=1, depth=depth)(torch.rand(1, 3, 2, 2))
        seen.add(len(calls))
        assert set(calls) <= AUGMIX_LEVELS.keys()
    assert seen == allowed


def test_the_shares_add_up_to_one(monkeypatch):
    recorded(monkeypatch)
    video = torch.rand(2, 3, 6, 6)
    torch.testing.assert_close(AugMix(width=4, alpha=0.3)(video), video)
    pixels = (video * 255).byte()
    assert AugMix(width=4, alpha=0.3)(pixels).equal(pixels)


@pytest.mark.parametrize(
    "settings", [{"magnitude": 0}, {"alpha": 0.0}, {"width": 0}, {"depth": 0}, {"depth": -2}]
)
def test_settings_that_cannot_work_are_refused(settings):
    (name, value), *_ = settings.items()
    with pytest.raises(AssertionError, match=f"{name} (is )?{value}"):
        AugMix(**settings)
