import torch

from pytorchvideo_clone.hub import create_model
from pytorchvideo_clone.hub.conversion import (
    convert_torchvision_mvit,
    convert_torchvision_resnet,
    rename,
)


def test_the_first_pattern_counts_and_unknown_keys_stay() -> None:
    table = {r"a\.(\d)": r"b.\1", "a": "c"}
    assert [rename(key, table) for key in ("a.1.x", "a.x", "x.a")] == ["b.1.x", "c.x", "x.a"]


def test_the_fused_projection_is_split_and_unknown_keys_stay() -> None:
    state = {
        "conv_proj.weight": torch.zeros(1),
        "blocks.3.attn.qkv.bias": torch.arange(6),
        "other": torch.zeros(1),
    }
    split = convert_torchvision_mvit(state, split_qkv=True)
    assert split["blocks.3.attn.k.bias"].tolist() == [2, 3]
    parts = [f"blocks.3.attn.{name}.bias" for name in "qkv"]
    assert list(split) == ["patch_embed.patch_model.weight", *parts, "other"]
    assert "blocks.3.attn.qkv.bias" in convert_torchvision_mvit(state)


def test_our_own_state_dicts_stay() -> None:
    with torch.device("meta"):
        for name, convert in (
            ("mvit_base_16x4", convert_torchvision_mvit),
            ("mvit_v2_s", convert_torchvision_mvit),
            ("r3d_18", convert_torchvision_resnet),
            ("r2plus1d_18", convert_torchvision_resnet),
        ):
            state = create_model(name).state_dict()
            assert list(convert(state)) == list(state)
