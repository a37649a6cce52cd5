"""State dicts with other projects' names of our models' parameters, turned into ours."""

import re
from collections.abc import Mapping

from torch import Tensor

__all__ = ["convert_torchvision_mvit", "convert_torchvision_resnet", "rename"]

# torchvision's key -> ours; the first match counts.
MVIT_KEYS = {
    r"conv_proj\.": "patch_embed.patch_model.",
    r"pos_encoding\.class_token": "cls_positional_encoding.cls_token",
    r"pos_encoding\.spatial_pos": "cls_positional_encoding.pos_embed_spatial",
    r"pos_encoding\.temporal_pos": "cls_positional_encoding.pos_embed_temporal",
    r"pos_encoding\.class_pos": "cls_positional_encoding.pos_embed_class",
    r"(blocks\.\d+\.attn\.)project\.0\.": r"\1proj.",
    r"(blocks\.\d+\.attn\.)pool_([qkv])\.pool\.": r"\1pool_\2.",
    r"(blocks\.\d+\.attn\.)pool_([qkv])\.norm_act\.0\.": r"\1norm_\2.",
    r"(blocks\.\d+\.attn\.)rel_pos_([thw])": r"\1rel_pos.\2",
    r"(blocks\.\d+\.mlp\.)0\.": r"\1fc1.",
    r"(blocks\.\d+\.mlp\.)3\.": r"\1fc2.",
    r"(blocks\.\d+\.)project\.": r"\1proj.",
    r"norm\.": "norm_embed.",
    r"head\.1\.": "head.proj.",
}
_BLOCK = r"layer(\d)\.(\d+)\."
_OUR_BLOCK = r"blocks.\1.res_blocks.\2."
R3D_KEYS = {
    r"stem\.0\.": "blocks.0.conv.",
    r"stem\.1\.": "blocks.0.norm.",
    rf"{_BLOCK}conv1\.0\.": rf"{_OUR_BLOCK}branch2.conv_a.",
    rf"{_BLOCK}conv1\.1\.": rf"{_OUR_BLOCK}branch2.norm_a.",
    rf"{_BLOCK}conv2\.0\.": rf"{_OUR_BLOCK}branch2.conv_b.",
    rf"{_BLOCK}conv2\.1\.": rf"{_OUR_BLOCK}branch2.norm_b.",
    rf"{_BLOCK}downsample\.0\.": rf"{_OUR_BLOCK}branch1_conv.",
    rf"{_BLOCK}downsample\.1\.": rf"{_OUR_BLOCK}branch1_norm.",
    r"fc\.": "blocks.5.proj.",
}
R2PLUS1D_KEYS = {
    r"stem\.0\.": "blocks.0.conv.conv_xy.",
    r"stem\.1\.": "blocks.0.conv.norm.",
    r"stem\.3\.": "blocks.0.conv.conv_t.",
    r"stem\.4\.": "blocks.0.norm.",
    **{
        rf"{_BLOCK}conv{number}\.0\.{index}\.": rf"{_OUR_BLOCK}branch2.conv_{letter}.{part}."
        for number, letter in ((1, "a"), (2, "b"))
        for index, part in ((0, "conv_xy"), (1, "norm"), (3, "conv_t"))
    },
    **{pattern: ours for pattern, ours in R3D_KEYS.items() if not pattern.startswith("stem")},
}


def rename(key: str, table: Mapping[str, str]) -> str:
    r"""Replace the beginning of a key by the first pattern that matches it; others stay.

    Args:
        key: of a state dict.
        table: by regular expression, what stands for it; groups as in `re.sub`.

    >>> rename("fc.weight", {r"fc\.": "proj."})
    'proj.weight'
    """
    for pattern, ours in table.items():
        if re.match(pattern, key):
            return re.sub(pattern, ours, key, count=1)
    return key


def convert_torchvision_mvit(
    state: Mapping[str, Tensor], *, split_qkv: bool = False
) -> dict[str, Tensor]:
    """Turn the state dict of torchvision's MViT into ours; any other stays as it is.

    A key that is not known stays, for the report of the loading to name it.

    Args:
        state: the state dict.
        split_qkv: give queries, keys and values a layer each, as `separate_qkv` of our model does.
    """
    if "conv_proj.weight" not in state:
        return dict(state)
    converted: dict[str, Tensor] = {}
    for key, value in state.items():
        if split_qkv and ".attn.qkv." in key:
            for name, part in zip("qkv", value.chunk(3), strict=True):
                converted[key.replace(".qkv.", f".{name}.")] = part
            continue
        # Ours have a dimension for the batch, and one for the steps where there is one token.
        if key.startswith("pos_encoding."):
            value = value.reshape(1, -1, value.shape[-1])
        converted[rename(key, MVIT_KEYS)] = value
    return converted


def convert_torchvision_resnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the state dict of torchvision's r3d_18, mc3_18 or r2plus1d_18 into ours.

    A key that is not known stays, for the report of the loading to name it, and so do ours.
    """
    table = R2PLUS1D_KEYS if "stem.3.weight" in state else R3D_KEYS
    return {rename(key, table): value for key, value in state.items()}
