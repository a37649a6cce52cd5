from pathlib import Path

import pytest
import torch
from torch import nn

import pytorchvideo_clone.hub.vision_transformers as transformers
from pytorchvideo_clone.hub import downloads
from pytorchvideo_clone.hub.checkpoints import CheckpointError
from pytorchvideo_clone.hub.registry import MODELS, create_model, hub_model_builder
from pytorchvideo_clone.models import create_multiscale_vision_transformers
from tests.reference import fill

KEYS = Path(__file__).parent.parent / "models" / "keys"
NAMES = ["mvit_base_16x4", "mvit_base_32x3", "mvit_base_16"]


def published(name: str) -> dict:
    """A state dict of the published weights' keys and shapes."""
    rows = [line.split() for line in (KEYS / f"{name}.txt").read_text().splitlines()]
    return fill.fill_state_dict(
        (key, [] if shape == "-" else [int(size) for size in shape.split(",")], dtype)
        for key, shape, dtype in rows
    )


@pytest.mark.parametrize("aliases", [True, False])
def test_a_checkpoint_of_pytorchvideo_loads_strictly(aliases: bool, tmp_path: Path) -> None:
    state = published("mvit_base_16x4")
    if not aliases:  # as PyTorchVideo's first files
        state = {key: value for key, value in state.items() if "_attention_pool_" not in key}
    torch.save({"model_state": state}, tmp_path / "zoo.pyth")
    model = transformers.mvit_base_16x4(checkpoint=(tmp_path / "zoo.pyth").as_uri())
    assert model.load_report.complete
    loaded = model.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())
    pool, alias = "blocks.1.attn.pool_q.weight", "blocks.1.attn._attention_pool_q.pool.weight"
    assert torch.equal(loaded[alias], state[pool])


@pytest.mark.parametrize("name", NAMES)
def test_arguments_of_the_user_win(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, depth=15, pool_first=True, head_num_classes=9)
    assert len(model.blocks) == 15
    assert model.blocks[0].attn.pool_first
    assert model.head.proj.out_features == 9


def test_weights_come_with_their_number_of_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Weights of ImageNet's 1000 classes for a model that has 400 by default.
    small = {"depth": 1, "spatial_size": 32, "embed_dim_mul": [], "atten_head_mul": []}
    small |= {"pool_q_stride_size": [], "patch_embed_dim": 16}
    state = create_model("mvit_base_16", num_classes=1000, **small).state_dict()
    torch.save({"model_state": state}, tmp_path / "imagenet.pyth")
    entry = MODELS["mvit_base_16"]
    address = (tmp_path / "imagenet.pyth").as_uri()
    monkeypatch.setattr(downloads, "urlopen", None)  # nothing may be downloaded
    weights = type(entry.weights)(**{**vars(entry.weights), "url": address})
    monkeypatch.setitem(MODELS, "mvit_base_16", type(entry)(**{**vars(entry), "weights": weights}))
    model = transformers.mvit_base_16(pretrained=True, **small)
    assert model.load_report.complete
    assert model.head.proj.out_features == 1000
    tuned = transformers.mvit_base_16(pretrained=True, num_classes=7, **small)
    assert set(tuned.load_report.mismatched) == {"head.proj.weight", "head.proj.bias"}
    with pytest.raises(CheckpointError, match="Pass num_classes=1000"):
        transformers.mvit_base_16(pretrained=True, head_num_classes=7, **small)


def test_dictionaries_build_the_models_of_pytorchvideo() -> None:
    for name, config in (
        ("mvit_base_16x4", transformers.mvit_video_base_config),
        ("mvit_base_32x3", transformers.mvit_video_base_32x3_config),
        ("mvit_base_16", transformers.mvit_image_base_16_config),
    ):
        with torch.device("meta"):
            model = hub_model_builder(
                create_multiscale_vision_transformers, default_config=config, spatial_size=None
            )
            expected = create_model(name)
        assert list(model.state_dict()) == list(expected.state_dict())


def test_hub_builder_loads_a_checkpoint(tmp_path: Path) -> None:
    state = nn.Linear(2, 3).state_dict()
    torch.save({"model_state": state}, tmp_path / "linear.pyth")
    settings = {"in_features": 2, "out_features": 4, "bias": True}
    model = hub_model_builder(
        nn.Linear,
        pretrained=True,
        checkpoint_path=str(tmp_path / "linear.pyth"),
        default_config=settings,
        out_features=3,
    )
    assert torch.equal(model.weight, state["weight"])
    assert settings["out_features"] == 4
    with pytest.raises(ValueError, match="checkpoint_path is empty"):
        hub_model_builder(nn.Linear, pretrained=True, default_config=settings)
