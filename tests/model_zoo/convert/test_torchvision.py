from pathlib import Path

import pytest
import torch
import torchvision.models.video as theirs_of
from torch import nn

from model_zoo.convert.torchvision import MODELS, convert
from pytorchvideo_clone.hub import CheckpointError, create_model


def draw(model: nn.Module) -> nn.Module:
    """Draw everything, so that nothing is 0 or 1, in evaluation."""
    torch.manual_seed(0)
    for name, value in model.state_dict().items():
        if name.endswith("running_var"):
            nn.init.uniform_(value, 0.5, 2.0)
        elif "rel_pos" in name:
            nn.init.normal_(value)
        elif value.is_floating_point():
            nn.init.normal_(value, std=0.05)
    return model.eval()


@pytest.mark.parametrize(
    ("name", "side", "frames"),
    [
        ("mvit_v1_b", 224, 16),
        ("mvit_v2_s", 224, 16),
        ("r3d_18", 48, 8),
        ("mc3_18", 48, 8),
        ("r2plus1d_18", 48, 8),
    ],
)
def test_a_converted_model_gives_torchvisions_logits(
    name: str, side: int, frames: int, tmp_path: Path
) -> None:
    theirs = draw(getattr(theirs_of, name)(weights=None, num_classes=7))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    report = convert(name, str(tmp_path / "theirs.pth"), str(tmp_path / "ours.pth"))
    assert report.complete
    # Their file loads as it is, and holds what the converted one does.
    ours = create_model(MODELS[name], num_classes=7, checkpoint=tmp_path / "theirs.pth").eval()
    assert ours.load_report.complete
    converted = torch.load(tmp_path / "ours.pth")["model_state"]
    torch.testing.assert_close(dict(ours.state_dict()), dict(converted), rtol=0, atol=0)
    clip = torch.randn(1, 3, frames, side, side)
    with torch.no_grad():
        expected = theirs(clip)
        # Many layers in float32, in another order of sums.
        torch.testing.assert_close(ours(clip), expected, rtol=1e-4, atol=1e-5)


def test_other_models_and_checkpoints_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    target = tmp_path / "ours.pth"
    with pytest.raises(ValueError, match=r"corresponds to 's3d'; there is mvit_v1_b, "):
        convert("s3d", "theirs.pth", str(target))
    torch.save({"stem.0.weight": torch.zeros(1)}, tmp_path / "theirs.pth")
    with pytest.raises(CheckpointError, match=r"1 unexpected \(stem.0.weight\)"):
        convert("mvit_v1_b", str(tmp_path / "theirs.pth"), str(target))
    assert not target.exists()
