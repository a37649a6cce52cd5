import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import extract_features, feature_info
from pytorchvideo_clone.models.swin import create_swin3d

SMALL = {"embed_dim": 12, "depths": (1, 2, 1, 1), "head_num_classes": 5}


def test_it_scores_clips_of_any_size() -> None:
    model = create_swin3d(**SMALL).eval()
    for frames, side in ((4, 32), (5, 50)):
        assert model(torch.randn(2, 3, frames, side, side)).shape == (2, 5)


def test_the_head_can_be_left_out_or_replaced() -> None:
    torch.manual_seed(0)
    whole = create_swin3d(**SMALL).eval()
    body = create_swin3d(**SMALL, head=None).eval()
    body.load_state_dict({k: v for k, v in whole.state_dict().items() if k[:5] != "head."})
    clip = torch.randn(1, 3, 4, 32, 32)
    features = body(clip)
    assert features.shape == (1, 96)
    torch.testing.assert_close(whole.head(features), whole(clip))
    bilinear = create_swin3d(**SMALL, head=lambda dim, classes: nn.Linear(dim, classes, bias=False))
    assert [key for key in bilinear.state_dict() if key.startswith("head")] == ["head.weight"]


@pytest.mark.parametrize("shape", [(1, 4, 4, 32, 32), (3, 4, 32, 32)])
def test_a_clip_of_another_form_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=r"expected 3 channels: \(B, 3, T, H, W\)"):
        create_swin3d(**SMALL)(torch.randn(shape))


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="window"):
        create_swin3d(window=(8, 7, 7))


def test_features_are_tapped_as_in_other_families() -> None:
    model = create_swin3d(**SMALL).eval()
    clip = torch.randn(2, 3, 8, 64, 64)
    with torch.no_grad():
        maps = extract_features(model, clip, pooled=False)
        assert {name: tuple(feature.shape[1:]) for name, feature in maps.items()} == {
            "stem": (12, 4, 16, 16),
            "stage1": (12, 4, 16, 16),
            "stage2": (24, 4, 8, 8),
            "stage3": (48, 4, 4, 4),
            "stage4": (96, 4, 2, 2),
            "head": (96, 4, 2, 2),
        }
        pooled = extract_features(model, clip, ["head"])["head"]
        torch.testing.assert_close(model.head(pooled), model(clip))
    assert feature_info(model, clip)["stage3"] == (2, 48, 4, 4, 4)
