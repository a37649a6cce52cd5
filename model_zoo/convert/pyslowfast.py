"""Turn a checkpoint of PySlowFast (.pyth) into ours: ResNets, SlowFast, X3D and MViT.

    python -m model_zoo.convert.pyslowfast slowfast_r50 SLOWFAST_8x8_R50.pyth ours.pth --keys

Such a file holds {"epoch", "model_state", "optimizer_state", "cfg"}. The names of the ResNets' and
SlowFast's keys are those that PySlowFast prints for its models, and those of X3D and MViT are
publicly known; the conversion is tested on state dicts with these names, and has not been tried on
a published file. A key that is not in the tables, such as one of a non-local block, is named and
the file refused. Files of Caffe2 (.pkl) are no torch checkpoints, and are refused as well.
"""

import argparse
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.hub import LoadReport, create_model
from pytorchvideo_clone.hub.checkpoints import load_state, read_checkpoint
from pytorchvideo_clone.hub.conversion import rename

# Inside a residual block: PySlowFast's name -> ours. X3D's norm b is a chain with what follows it.
BLOCK = {
    "branch1": "branch1_conv",
    "branch1_bn": "branch1_norm",
    "branch2.a": "branch2.conv_a",
    "branch2.a_bn": "branch2.norm_a",
    "branch2.b": "branch2.conv_b",
    "branch2.b_bn": "branch2.norm_b",
    "branch2.c": "branch2.conv_c",
    "branch2.c_bn": "branch2.norm_c",
}
X3D_BLOCK = {
    **BLOCK,
    "branch2.b_bn": "branch2.norm_b.0",
    "branch2.se.fc1": "branch2.norm_b.1.block.0",
    "branch2.se.fc2": "branch2.norm_b.1.block.2",
}
STEM = {"conv": "conv", "bn": "norm"}
# PyTorchVideo, and so ours, calls X3D's spatial convolution conv_t and its temporal one conv_xy.
X3D_STEM = {"conv_xy": "conv.conv_t", "conv": "conv.conv_xy", "bn": "norm"}
FUSION = {"conv_f2s": "conv_fast_to_slow", "bn": "norm"}
X3D_HEAD = {
    "conv_5": "pool.pre_conv",
    "conv_5_bn": "pool.pre_norm",
    "lin_5": "pool.post_conv",
    "lin_5_bn": "pool.post_norm",
}
MVIT_KEYS = {
    r"patch_embed\.proj\.": "patch_embed.patch_model.",
    r"cls_token": "cls_positional_encoding.cls_token",
    r"pos_embed": "cls_positional_encoding.pos_embed",
    r"(blocks\.\d+\.attn\.)rel_pos_([thw])": r"\1rel_pos.\2",
    r"norm_stem\.": "patch_embed.norm.",
    r"norm\.": "norm_embed.",
    r"head\.projection\.": "head.proj.",
}
HEAD = "head.projection.weight"


def key_table(ours: Mapping[str, Any]) -> dict[str, str]:
    """Make the table from PySlowFast's keys to those of one of our models.

    Args:
        ours: the model's state dict, whose keys say where its stages, pathways and head are.

    Returns:
        By regular expression, as in `rename`.
    """
    if any(key.startswith("cls_positional_encoding.") for key in ours):
        return MVIT_KEYS
    joined = "\n".join(ours)
    body = "model." if joined.startswith("model.") else ""
    x3d = ".pre_conv." in joined
    stages = sorted({int(n) for n in re.findall(r"blocks\.(\d+)\.\S*res_blocks", joined)})
    pathways = sorted(set(re.findall(r"multipathway_blocks\.(\d)", joined)))
    table = {}

    def enter(prefix: str, theirs: str, our_prefix: str, name: str) -> None:
        table[rf"{prefix}{re.escape(theirs)}\."] = f"{our_prefix}{name}."

    for number, block in enumerate([0, *stages], start=1):
        for pathway in pathways or ["0"]:
            at = f"{body}blocks.{block}." + (f"multipathway_blocks.{pathway}." if pathways else "")
            if number == 1:
                for theirs, name in (X3D_STEM if x3d else STEM).items():
                    enter(rf"s1\.pathway{pathway}_stem\.", theirs, at, name)
                continue
            for theirs, name in (X3D_BLOCK if x3d else BLOCK).items():
                residual = rf"s{number}\.pathway{pathway}_res(\d+)\."
                enter(residual, theirs, rf"{at}res_blocks.\1.", name)
        for theirs, name in FUSION.items():
            enter(rf"s{number}_fuse\.", theirs, f"{body}blocks.{block}.multipathway_fusion.", name)
    head = next((key for key in ours if re.search(r"(blocks\.\d+|head)\.proj\.weight", key)), "")
    enter(r"head\.", "projection", head.removesuffix("proj.weight"), "proj")
    for theirs, name in X3D_HEAD.items():
        enter(r"head\.", theirs, head.removesuffix("proj.weight"), name)
    return table


def convert_state(
    state: Mapping[str, Tensor], model: nn.Module
) -> tuple[dict[str, Tensor], dict[str, tuple[str, ...]]]:
    """Turn a state dict with PySlowFast's keys into that of one of our models.

    Queries, keys and values are split or joined as the model has them. The norm of a shortcut that
    our X3D lacks, that of its first stage, is written into the convolution before it and the bias
    of the norm beside it: the numbers in evaluation stay.

    Args:
        state: the state dict.
        model: the model that it is for.

    Returns:
        Our state dict, in which an unknown key stays as it is, and for each key of `state` where it
        went.
    """
    ours = model.state_dict()
    table = key_table(ours)
    converted: dict[str, Tensor] = {}
    went: dict[str, tuple[str, ...]] = {}
    for key, value in state.items():
        names = (rename(key, table),)
        parts = (value,)
        fused = re.fullmatch(r"(blocks\.\d+\.attn\.)qkv(\.\w+)", names[0])
        if fused and names[0] not in ours:
            names = tuple(f"{fused[1]}{x}{fused[2]}" for x in "qkv")
            parts = value.chunk(3)
        converted.update(zip(names, parts, strict=True))
        went[key] = names
    _join_qkv(converted, went, ours)
    _fold_shortcut_norms(converted, went, ours, model)
    return converted, went


def convert(name: str, source: str, target: str, **kwargs: Any) -> LoadReport:
    """Convert a checkpoint and write ours, after it has been loaded into the model.

    Args:
        name: our name of the model.
        source: path or URL of PySlowFast's checkpoint.
        target: the file to be written, {"model_state": ..., "renamed": where each key went}.
        kwargs: arguments of our builder, for a checkpoint that was not made with our defaults.

    Returns:
        What became of each key, by our names.

    Raises:
        ValueError: if we have no such model.
        CheckpointError: if the checkpoint does not fit, naming unknown and missing keys; nothing is
            written then.
        FileNotFoundError: if it does not exist.
    """
    state = read_checkpoint(source)["model_state"]
    classes = {"num_classes": len(state[HEAD])} if HEAD in state else {}
    model = create_model(name, **{**classes, **kwargs})
    converted, went = convert_state(state, model)
    report = load_state(model, converted, source)
    torch.save({"model_state": model.state_dict(), "renamed": went}, target)
    return report


def main() -> None:
    """Convert what the command line says and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="our name of the model, such as slowfast_r50")
    parser.add_argument("source", help="PySlowFast's checkpoint, a path or URL")
    parser.add_argument("target", help="file to be written")
    parser.add_argument("--keys", action="store_true", help="print where every key went")
    arguments = parser.parse_args()
    print(convert(arguments.name, arguments.source, arguments.target))
    if arguments.keys:
        for theirs, ours in torch.load(arguments.target)["renamed"].items():
            print(f"{theirs} -> {', '.join(ours)}")


def _join_qkv(
    converted: dict[str, Tensor], went: dict[str, tuple[str, ...]], ours: Mapping[str, Tensor]
) -> None:
    for key in ours:
        parts = [key.replace(".qkv.", f".{x}.") for x in "qkv"]
        if ".attn.qkv." in key and all(part in converted for part in parts):
            converted[key] = torch.cat([converted.pop(part) for part in parts])
            went.update({source: (key,) for source, names in went.items() if names[0] in parts})


def _fold_shortcut_norms(
    converted: dict[str, Tensor],
    went: dict[str, tuple[str, ...]],
    ours: Mapping[str, Tensor],
    model: nn.Module,
) -> None:
    for key in [key for key in converted if key.endswith(".branch1_norm.running_var")]:
        norm, block = key.removesuffix("running_var"), key.removesuffix("branch1_norm.running_var")
        if key in ours or f"{block}branch2.norm_c.bias" not in converted:
            continue
        eps = model.get_submodule(f"{block}branch2.norm_c").eps
        parts = {
            name.removeprefix(norm): converted.pop(name)
            for name in list(converted)
            if name.startswith(norm)
        }
        scale = parts["weight"] * torch.rsqrt(parts["running_var"] + eps)
        shift = parts["bias"] - parts["running_mean"] * scale
        weight, bias = f"{block}branch1_conv.weight", f"{block}branch2.norm_c.bias"
        converted[weight] = converted[weight] * scale.view(-1, 1, 1, 1, 1)
        converted[bias] = converted[bias] + shift
        went.update(
            {source: (weight, bias) for source, names in went.items() if names[0].startswith(norm)}
        )


if __name__ == "__main__":
    main()
