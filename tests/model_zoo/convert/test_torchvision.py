from pathlib import Path

import pytest
import torch

from model_zoo.convert.torchvision import MODELS, convert, convert_mvit
from pytorchvideo_clone.hub import CheckpointError, create_model, model_entry


def test_a_converted_mvit_gives_torchvisions_logits(tmp_path: Path) -> None:
    from torchvision.models.video import mvit_v1_b

    theirs = mvit_v1_b(weights=None, num_classes=7).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.05)  # norms and biases too: nothing may be 0 or 1
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    report = convert("mvit_v1_b", str(tmp_path / "theirs.pth"), str(tmp_path / "ours.pth"))
    assert report.complete
    ours = create_model("mvit_base_16x4", num_classes=7, checkpoint=tmp_path / "ours.pth").eval()
    clip = torch.randn(1, 3, 16, 224, 224)
    with torch.no_grad():
        # 16 blocks in float32, in another order of sums.
        torch.testing.assert_close(ours(clip), theirs(clip), rtol=1e-4, atol=1e-5)


def test_the_input_is_that_of_torchvisions_weights() -> None:
    from torchvision.models.video import MViT_V1_B_Weights

    theirs = MViT_V1_B_Weights.KINETICS400_V1
    view = theirs.transforms()
    spec = model_entry(MODELS["mvit_v1_b"][0]).input_spec
    assert (spec.mean, spec.std) == (tuple(view.mean), tuple(view.std))
    assert [spec.test_crop] * 2 == view.crop_size
    assert spec.num_frames == theirs.meta["min_temporal_size"]


def test_the_fused_projection_is_split_and_unknown_keys_stay() -> None:
    state = {"blocks.3.attn.qkv.bias": torch.arange(6), "other": torch.zeros(1)}
    converted = convert_mvit(state)
    assert converted["blocks.3.attn.k.bias"].tolist() == [2, 3]
    assert list(converted) == [*(f"blocks.3.attn.{x}.bias" for x in "qkv"), "other"]


def test_other_models_and_checkpoints_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    target = tmp_path / "ours.pth"
    with pytest.raises(ValueError, match=r"corresponds to 'r3d_18'; there is mvit_v1_b\."):
        convert("r3d_18", "theirs.pth", str(target))
    torch.save({"stem.0.weight": torch.zeros(1)}, tmp_path / "theirs.pth")
    with pytest.raises(CheckpointError, match=r"1 unexpected \(stem.0.weight\)"):
        convert("mvit_v1_b", str(tmp_path / "theirs.pth"), str(target))
    assert not target.exists()
