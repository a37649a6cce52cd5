import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from model_zoo.convert.pyslowfast import convert, convert_state
from pytorchvideo_clone.hub import CheckpointError, create_model
from pytorchvideo_clone.hub.checkpoints import load_state
from tests.model_zoo.convert.test_torchvision import draw

SMALL = {"stem_dim_out": 8}
POOL = {**SMALL, "head_pool": nn.AdaptiveAvgPool3d}
X3D = {"input_clip_length": 4, "input_crop_size": 32, "depth_factor": 1.0}
MVIT = {"spatial_size": 32, "temporal_size": 4, "patch_embed_dim": 16}
# Our name of a model, its arguments, frames and side of a clip, and some keys that PySlowFast has.
CASES = [
    ("slow_r50", POOL, 4, 32, ["s1.pathway0_stem.conv.weight", "s2.pathway0_res0.branch1.weight"]),
    ("i3d_r50", POOL, 4, 32, ["s5.pathway0_res2.branch2.c_bn.running_mean"]),
    (
        "slowfast_r50",
        {"model_depth": 18, "stem_dim_outs": (16, 2), "head_pool": nn.AdaptiveAvgPool3d},
        8,
        32,
        ["s1.pathway1_stem.bn.weight", "s1_fuse.conv_f2s.weight", "s4_fuse.bn.running_var"],
    ),
    ("slow_r50_detection", SMALL, 4, 64, ["s2.pathway0_res2.branch2.b_bn.bias"]),
    (
        "x3d_xs",
        X3D,
        4,
        32,
        [
            "s1.pathway0_stem.conv_xy.weight",
            "s3.pathway0_res0.branch2.se.fc1.bias",
            "head.lin_5.weight",
        ],
    ),
    ("mvit_base_16x4", MVIT, 4, 32, ["patch_embed.proj.weight", "pos_embed_spatial", "norm.bias"]),
    ("mvit_v2_s", MVIT, 4, 32, ["blocks.0.attn.rel_pos_h", "blocks.0.attn.qkv.weight"]),
]
# Ours -> PySlowFast's, stated apart from the table under test.
THEIR_PARTS = [
    ("branch1_conv", "branch1"),
    ("branch1_norm", "branch1_bn"),
    (r"norm_b\.1\.block\.0", "se.fc1"),
    (r"norm_b\.1\.block\.2", "se.fc2"),
    (r"norm_b\.0", "b_bn"),
    (r"branch2\.conv_([abc])", r"branch2.\1"),
    (r"norm_([abc])(?=\.)", r"\1_bn"),
]
THEIR_MVIT = [
    (r"^patch_embed\.patch_model", "patch_embed.proj"),
    (r"^cls_positional_encoding\.", ""),
    (r"rel_pos\.", "rel_pos_"),
    (r"^norm_embed", "norm"),
    (r"^head\.proj", "head.projection"),
]


def their_key(key: str, stages: list[int], x3d: bool) -> str:
    key = key.removeprefix("model.")
    index, rest = re.match(r"(?:blocks\.(\d+)|detection_head)\.(.+)", key).groups()
    if rest.startswith("proj."):
        return f"head.{rest.replace('proj', 'projection')}"
    if rest.startswith("pool."):
        names = {"pre_conv": "conv_5", "pre_norm": "conv_5_bn", "post_conv": "lin_5"}
        _, layer, end = rest.split(".")
        return f"head.{names[layer]}.{end}"
    stage = 1 if index == "0" else stages.index(int(index)) + 2
    if rest.startswith("multipathway_fusion."):
        rest = rest.removeprefix("multipathway_fusion.")
        rest = rest.replace("conv_fast_to_slow", "conv_f2s").replace("norm", "bn")
        return f"s{stage}_fuse.{rest}"
    pathway = 0
    if rest.startswith("multipathway_blocks."):
        _, pathway, rest = rest.split(".", 2)
    if stage == 1:
        rest = rest.replace("norm", "bn")
        if x3d:
            rest = rest.replace("conv.conv_xy", "conv").replace("conv.conv_t", "conv_xy")
        return f"s1.pathway{pathway}_stem.{rest}"
    for ours, theirs in THEIR_PARTS:
        rest = re.sub(ours, theirs, rest)
    return re.sub(r"res_blocks\.(\d+)", rf"s{stage}.pathway{pathway}_res\1", rest)


def as_pyslowfast(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict of one of our models, by PySlowFast's names."""
    state = {
        key: value for key, value in model.state_dict().items() if "_attention_pool" not in key
    }
    if any(key.startswith("patch_embed") for key in state):
        renamed = {}
        for key, value in state.items():
            for ours, theirs in THEIR_MVIT:
                key = re.sub(ours, theirs, key)
            renamed[key] = value
        return renamed
    stages = sorted({int(n) for n in re.findall(r"blocks\.(\d+)\.\S*res_blocks", " ".join(state))})
    x3d = any("pre_conv" in key for key in state)
    return {their_key(key, stages, x3d): value for key, value in state.items()}


def save(state: dict, path: Path) -> str:
    torch.save({"epoch": 3, "model_state": state, "optimizer_state": {}, "cfg": "A: 1\n"}, path)
    return str(path)


@pytest.mark.parametrize(("name", "arguments", "frames", "side", "known"), CASES)
def test_a_checkpoint_gives_the_same_numbers(
    name: str, arguments: dict, frames: int, side: int, known: list[str], tmp_path: Path
) -> None:
    model = draw(create_model(name, num_classes=7, **arguments))
    state = as_pyslowfast(model)
    assert set(known) <= set(state)
    assert {"head.projection.weight", "head.projection.bias"} <= set(state)
    source, target = save(state, tmp_path / "theirs.pyth"), tmp_path / "ours.pth"
    report = convert(name, source, str(target), **arguments)
    assert report.complete
    renamed = torch.load(target)["renamed"]
    assert list(renamed) == list(state)
    ours = create_model(name, num_classes=7, checkpoint=target, **arguments).eval()
    inputs = [torch.randn(1, 3, frames, side, side)]
    if "detection" in name:
        inputs.append(torch.tensor([[0, 1.0, 2.0, 30.0, 40.0]]))
    with torch.no_grad():
        torch.testing.assert_close(ours(*inputs), model(*inputs), rtol=0, atol=0)


def test_queries_keys_and_values_are_split_and_joined() -> None:
    fused, separate = (
        create_model("mvit_base_16x4", num_classes=3, separate_qkv=separate, **MVIT).eval()
        for separate in (False, True)
    )
    draw(fused)
    clip = torch.randn(1, 3, 4, 32, 32)
    for source, target in ((fused, separate), (separate, fused)):
        converted, went = convert_state(as_pyslowfast(source), target)
        nn.init.normal_(target.head.proj.weight)
        assert load_state(target, converted, "theirs").complete
        with torch.no_grad():
            torch.testing.assert_close(target(clip), source(clip), rtol=1e-4, atol=1e-5)
    assert went["blocks.2.attn.k.bias"] == ("blocks.2.attn.qkv.bias",)


def test_the_norm_of_a_shortcut_that_ours_lacks_is_folded() -> None:
    model, with_norm = (create_model("x3d_xs", num_classes=3, **X3D).eval() for _ in range(2))
    with_norm.blocks[1].res_blocks[0].branch1_norm = nn.BatchNorm3d(24)
    converted, went = convert_state(as_pyslowfast(draw(with_norm)), model)
    assert load_state(model, converted, "theirs").complete
    assert set(went["s2.pathway0_res0.branch1_bn.running_mean"]) == {
        "blocks.1.res_blocks.0.branch1_conv.weight",
        "blocks.1.res_blocks.0.branch2.norm_c.bias",
    }
    clip = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(clip), with_norm(clip), rtol=1e-4, atol=1e-5)


def test_unknown_missing_and_other_keys_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    state = as_pyslowfast(create_model("x3d_xs", num_classes=3))
    target = tmp_path / "ours.pth"
    extra = {**state, "s3.pathway0_nonlocal1.conv_theta.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"1 unexpected \(s3.pathway0_nonlocal1.conv_theta"):
        convert("x3d_xs", save(extra, tmp_path / "a.pyth"), str(target))
    fewer = {key: value for key, value in state.items() if key != "head.conv_5.weight"}
    with pytest.raises(CheckpointError, match=r"1 missing \(blocks.5.pool.pre_conv.weight\)"):
        convert("x3d_xs", save(fewer, tmp_path / "b.pyth"), str(target))
    with pytest.raises(CheckpointError, match=r"unexpected \(s1.pathway0_stem.conv_xy.weight"):
        convert("slow_r50", save(state, tmp_path / "c.pyth"), str(target))
    assert not target.exists()


def test_the_command_prints_where_every_key_went(tmp_path: Path) -> None:
    state = as_pyslowfast(create_model("x3d_xs", num_classes=3))
    source, target = save(state, tmp_path / "theirs.pyth"), str(tmp_path / "ours.pth")
    command = [sys.executable, "-m", "model_zoo.convert.pyslowfast", "x3d_xs", source, target]
    run = subprocess.run([*command, "--keys"], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[0] == f"{len(state)} entries loaded"
    assert len(lines) == 1 + len(state)
    assert "head.lin_5.weight -> blocks.5.pool.post_conv.weight" in lines
