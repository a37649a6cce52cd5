import pytest
import torch
import torchvision.models.video as theirs_of
from torchvision.models import get_model_weights

from pytorchvideo_clone.hub import create_model, list_models, model_entry

OF_TORCHVISION = [
    name
    for name in list_models()
    if (weights := model_entry(name).weights) and "pytorch.org" in weights.url
]


@pytest.mark.parametrize("name", ["swin3d_t", "swin3d_s", "swin3d_b"])
def test_swin_is_torchvisions_module(name: str) -> None:
    with torch.device("meta"):
        theirs, ours = getattr(theirs_of, name)(weights=None), create_model(name)
    assert repr(ours) == repr(theirs)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


@pytest.mark.parametrize("name", [*OF_TORCHVISION, "mvit_base_16x4"])
def test_weights_and_input_are_what_torchvision_says(name: str) -> None:
    entry = model_entry(name)
    there = "mvit_v1_b" if name == "mvit_base_16x4" else name
    theirs = get_model_weights(there)["KINETICS400_V1"]
    spec, view, weights = entry.input_spec, theirs.transforms(), entry.weights
    assert (spec.mean, spec.std) == (tuple(view.mean), tuple(view.std))
    assert [spec.test_crop] * 2 == view.crop_size
    assert weights.params == theirs.meta["num_params"]
    assert f"clip_len={spec.num_frames}" in theirs.meta["_docs"].replace("`", "")
    rate = spec.fps / spec.sampling_rate
    assert f"frame_rate={rate:g}`" in theirs.meta["_docs"]
    assert f"clips_per_video={spec.test_clips}`" in theirs.meta["_docs"]
    if name in OF_TORCHVISION:  # the weights of the other are PyTorchVideo's
        assert spec.side == view.resize_size[0]
        assert weights.url == theirs.url
        assert weights.url.removesuffix(".pth").endswith(f"-{weights.sha256}")
        assert weights.gflops == theirs.meta["_ops"]
        metrics = theirs.meta["_metrics"]["Kinetics-400"]
        assert weights.accuracy == {"top1": metrics["acc@1"], "top5": metrics["acc@5"]}
        assert weights.num_classes == len(theirs.meta["categories"])
