from pathlib import Path

import pytest
import torch

from pytorchvideo_clone.accelerator import convert_to_deployable_form
from pytorchvideo_clone.accelerator.mobile_cpu import EfficientX3d
from pytorchvideo_clone.hub import create_model, mobile, model_entry
from tests.reference import fill

NAMES = mobile.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_of_pytorchvideo_loads_strictly(name: str, tmp_path: Path) -> None:
    # The files of these models are the state dict itself, not {"model_state": ...}.
    saved = fill.fill_module(EfficientX3d())
    torch.save(saved.state_dict(), tmp_path / "original_form.pyth")
    model = getattr(mobile, name)(checkpoint=(tmp_path / "original_form.pyth").as_uri())
    assert model.load_report.complete
    torch.testing.assert_close(model.state_dict(), saved.state_dict())


def test_features_and_a_new_head_from_one_checkpoint(tmp_path: Path) -> None:
    saved = fill.fill_module(EfficientX3d(num_classes=6))
    torch.save(saved.state_dict(), tmp_path / "six.pyth")
    features = create_model("efficient_x3d_s", checkpoint=tmp_path / "six.pyth", head=None).eval()
    tuned = create_model("efficient_x3d_s", checkpoint=tmp_path / "six.pyth", num_classes=2).eval()
    clip = torch.randn(1, 3, 4, 64, 64)
    maps = features(clip)
    assert maps.shape == (1, 192, 4, 2, 2)
    torch.testing.assert_close(saved.eval().head(maps), tuned.head(maps))
    assert tuned(clip).shape == (1, 2)
    with pytest.raises(ValueError, match="head is given"):
        create_model("efficient_x3d_s", head=torch.nn.Linear)


def test_the_published_model_is_deployed_for_its_input_and_any_batch() -> None:
    model = fill.fill_module(create_model("efficient_x3d_xs")).eval()
    shape = model_entry("efficient_x3d_xs").input_spec.input_shape
    deployable = convert_to_deployable_form(model, torch.randn(1, *shape))
    clips = torch.randn(2, *shape)
    torch.testing.assert_close(deployable(clips), model(clips), rtol=1e-4, atol=1e-5)
    assert deployable.convert_report.left == {}
