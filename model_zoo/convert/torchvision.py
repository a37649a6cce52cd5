"""Turn torchvision's weights of a video model into ours.

    python -m model_zoo.convert.torchvision mvit_v1_b mvit_v1_b-dbeb1030.pth mvit_base_16x4.pth

The result loads with `create_model("mvit_base_16x4", checkpoint="mvit_base_16x4.pth")`. Of
torchvision's other video models ours have no counterpart: r3d_18, mc3_18 and r2plus1d_18 are made
of basic blocks, mvit_v2_s has relative positions in every block, and swin3d is another family.
"""

import argparse
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pytorchvideo_clone.hub import LoadReport, create_model
from pytorchvideo_clone.hub.checkpoints import load_state, read_checkpoint

# torchvision's key -> ours; first match wins.
MVIT_KEYS = {
    r"conv_proj\.": "patch_embed.patch_model.",
    r"pos_encoding\.class_token": "cls_positional_encoding.cls_token",
    r"pos_encoding\.spatial_pos": "cls_positional_encoding.pos_embed_spatial",
    r"pos_encoding\.temporal_pos": "cls_positional_encoding.pos_embed_temporal",
    r"pos_encoding\.class_pos": "cls_positional_encoding.pos_embed_class",
    r"(blocks\.\d+\.attn\.)project\.0\.": r"\1proj.",
    r"(blocks\.\d+\.attn\.)pool_([qkv])\.pool\.": r"\1pool_\2.",
    r"(blocks\.\d+\.attn\.)pool_([qkv])\.norm_act\.0\.": r"\1norm_\2.",
    r"(blocks\.\d+\.mlp\.)0\.": r"\1fc1.",
    r"(blocks\.\d+\.mlp\.)3\.": r"\1fc2.",
    r"(blocks\.\d+\.)project\.": r"\1proj.",
    r"norm\.": "norm_embed.",
    r"head\.1\.": "head.proj.",
}


def convert_mvit(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the state dict of torchvision's `mvit_v1_b` into that of our `mvit_base_16x4`.

    A key that is not known stays as it is, for the report of the loading to name it.
    """
    converted: dict[str, Tensor] = {}
    for key, value in state.items():
        if ".attn.qkv." in key:
            for name, part in zip("qkv", value.chunk(3), strict=True):
                converted[key.replace(".qkv.", f".{name}.")] = part
            continue
        ours = _rename(key)
        # Ours have a dimension for the batch, and one for the steps where there is one token.
        if key.startswith("pos_encoding."):
            value = value.reshape(1, -1, value.shape[-1])
        converted[ours] = value
    return converted


# torchvision's name -> ours, and what turns the one's weights into the other's.
MODELS: dict[str, tuple[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]]] = {
    "mvit_v1_b": ("mvit_base_16x4", convert_mvit),
}


def convert(name: str, source: str, target: str) -> LoadReport:
    """Convert a checkpoint and write ours, after it has been loaded into the model.

    Args:
        name: torchvision's name of the model.
        source: path or URL of torchvision's checkpoint.
        target: the file to be written.

    Returns:
        What became of each key.

    Raises:
        ValueError: if no model here corresponds.
        CheckpointError: if the checkpoint is not of that model; nothing is written then.
        FileNotFoundError: if it does not exist.
    """
    if name not in MODELS:
        raise ValueError(f"no model here corresponds to {name!r}; there is {', '.join(MODELS)}.")
    ours, converter = MODELS[name]
    state = converter(read_checkpoint(source)["model_state"])
    classes = [len(value) for key, value in state.items() if key == "head.proj.weight"]
    model = create_model(ours, num_classes=classes[0] if classes else None)
    report = load_state(model, state, source)
    torch.save({"model_state": model.state_dict()}, target)
    return report


def main() -> None:
    """Convert what the command line says and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("source", help="torchvision's checkpoint, a path or URL")
    parser.add_argument("target", help="file to be written")
    arguments = parser.parse_args()
    print(convert(arguments.name, arguments.source, arguments.target))


def _rename(key: str) -> str:
    for pattern, ours in MVIT_KEYS.items():
        if re.match(pattern, key):
            return re.sub(pattern, ours, key, count=1)
    return key


if __name__ == "__main__":
    main()
