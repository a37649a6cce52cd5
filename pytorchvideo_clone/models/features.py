"""Features from inside a network, by the same names for every family."""

import copy
import math
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.models._fit import run_block
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, MultiPathWayWithFuse, Net
from pytorchvideo_clone.models.stages import ResStage
from pytorchvideo_clone.models.vision_transformers import MultiscaleVisionTransformers

__all__ = ["extract_features", "feature_info"]


def extract_features(
    model: nn.Module, x: Any, taps: Sequence[str] | None = None, pooled: bool = True
) -> dict[str, Any]:
    """Run a network up to the last of some taps and give what is there.

    The taps, in order, are "stem", "stage1", "stage2", ... (the output of each, after the fusion of
    its pathways, before a pool between stages) and "head" (what goes into the head; without one,
    what the network gives). Whether gradients flow and norms are in training is up to the caller.

    Args:
        model: any network of this package's builders; of one with a region head its body.
        x: what the network takes, e.g. (B, C, T, H, W); no boxes.
        taps: names of taps; default all.
        pooled: average over time and space.

    Returns:
        The features by tap. Pooled: (B, C); several pathways one after another, slow first.
        Otherwise maps (B, C, T, H, W), and a list of them for several pathways, each with its own
        T. SlowFast's "head" is after the pathways' pool. A stage of MViT ends before a block that
        pools its queries; its maps hold the tokens of the patches, and its pooled "head" is
        what its head classifies: the class token, if there is one.

    Raises:
        ValueError: if there is no such tap, or none is named.
        TypeError: if the model is no network of this package.

    >>> from pytorchvideo_clone.models import create_x3d
    >>> model = create_x3d(input_clip_length=4, input_crop_size=64).eval()
    >>> features = extract_features(model, torch.ones(2, 3, 4, 64, 64), ["stage2", "head"])
    >>> {name: tuple(feature.shape) for name, feature in features.items()}
    {'stage2': (2, 48), 'head': (2, 192)}
    """
    if isinstance(model, DetectionBBoxNetwork):
        model = model.model
    blocks, run = _taps_of(model)
    wanted = list(blocks) if taps is None else list(taps)
    for name in wanted or [""]:
        if name not in blocks:
            raise ValueError(f"there is no tap {name!r}; expected some of {list(blocks)}.")
    features = run(model, x, {blocks[name] for name in wanted}, pooled)
    return {name: features[blocks[name]] for name in wanted}


def feature_info(model: nn.Module, x: Any) -> dict[str, Any]:
    """Shapes of the maps at all taps of `extract_features`, without computing them.

    Args:
        model: as in `extract_features`.
        x: as in `extract_features`; only its shape counts, so that it may be on the "meta" device.

    Returns:
        By tap a shape (B, C, T, H, W), and a list of them for several pathways.

    >>> from pytorchvideo_clone.models import create_resnet
    >>> clip = torch.empty(1, 3, 8, 224, 224, device="meta")
    >>> feature_info(create_resnet(stem_dim_out=8), clip)["stage4"]
    (1, 256, 8, 7, 7)
    """
    # A copy that shares no memory, and needs none.
    tensors = chain(model.parameters(), model.buffers())
    twin = copy.deepcopy(model, {id(tensor): tensor.detach().to("meta") for tensor in tensors})
    x = x.to("meta") if isinstance(x, Tensor) else [part.to("meta") for part in x]
    with torch.no_grad():
        features = extract_features(twin.eval(), x, pooled=False)
    return {
        name: tuple(feature.shape)
        if isinstance(feature, Tensor)
        else [tuple(part.shape) for part in feature]
        for name, feature in features.items()
    }


def _taps_of(model: nn.Module) -> tuple[dict[str, int], Callable[..., dict[int, Any]]]:
    """By tap, the number of the block that gives its features; and what runs up to a block."""
    if isinstance(model, MultiscaleVisionTransformers):
        return _tapped_token_blocks(model), _run_tokens
    if _is_swin(model):
        return _tapped_swin_stages(model), _run_swin
    if isinstance(model, Net):
        return _tapped_blocks(model), _run
    raise TypeError(
        f"the model is a {type(model).__name__}; expected a network of this package's builders."
    )


def _tapped_blocks(model: Net) -> dict[str, int]:
    stages = [i for i, block in enumerate(model.blocks) if _is_stage(block)]
    if not stages:
        raise TypeError("the network has no stages; expected one of this package's builders.")
    taps = {"stem": stages[0] - 1} if stages[0] else {}
    taps |= {f"stage{n}": i for n, i in enumerate(stages, start=1)}
    after = range(stages[-1] + 1, len(model.blocks))
    heads = (i for i in after if any(True for _ in model.blocks[i].parameters()))
    return {**taps, "head": next(heads, len(model.blocks)) - 1}


def _is_stage(block: nn.Module) -> bool:
    if isinstance(block, MultiPathWayWithFuse):
        return any(isinstance(part, ResStage) for part in block.multipathway_blocks)
    return isinstance(block, ResStage)


def _run(model: Net, x: Any, wanted: set[int], pooled: bool) -> dict[int, Any]:
    """Features of the wanted blocks, by number; the blocks behind them do not run."""
    features: dict[int, Any] = {}
    if model.pack is not None:
        x = model.pack(x)
    for i, block in enumerate(model.blocks[: max(wanted) + 1]):
        x = run_block(block, x, name=f"blocks[{i}]")
        if i in wanted:
            features[i] = _pool(x) if pooled else x
    return features


def _pool(x: Tensor | list[Tensor]) -> Tensor:
    parts = [x] if isinstance(x, Tensor) else x
    return torch.cat([part.flatten(2).mean(2) for part in parts], dim=1)


def _tapped_token_blocks(model: MultiscaleVisionTransformers) -> dict[str, int]:
    """-1 is the embedding, and the number of blocks the last norm."""
    count = len(model.blocks)
    ends = [i - 1 for i in range(1, count) if model.blocks[i].pool_skip is not None]
    stages = {f"stage{n}": i for n, i in enumerate([*ends, count - 1], start=1)}
    return {"stem": -1, **stages, "head": count}


def _run_tokens(
    model: MultiscaleVisionTransformers, x: Tensor, wanted: set[int], pooled: bool
) -> dict[int, Any]:
    """As `_run`, with the class token taken away from maps."""
    features: dict[int, Any] = {}
    thw: Any = model.cls_positional_encoding.patch_embed_shape()
    count = len(model.blocks)
    for layer in (model.patch_embed, model.cls_positional_encoding, model.pos_drop):
        if layer is not None:
            x = layer(x)
    for i in range(-1, max(wanted) + 1):
        if 0 <= i < count:
            x, thw = model.blocks[i](x, thw)
        elif i == count and model.norm_embed is not None:
            x = model.norm_embed(x)
        if i in wanted:
            extra = x.shape[1] - math.prod(thw)  # 1 with a class token
            patches = x[:, extra:].transpose(1, 2)
            if not pooled:
                features[i] = patches.unflatten(2, tuple(thw))
            else:
                features[i] = x[:, 0] if i == count and extra else patches.mean(2)
    return features


def _is_swin(model: nn.Module) -> bool:
    # torchvision is slow to import; without it there is no such model.
    torchvision = sys.modules.get("torchvision.models.video")
    return torchvision is not None and isinstance(model, torchvision.SwinTransformer3d)


def _tapped_swin_stages(model: Any) -> dict[str, int]:
    """0 is the embedding; stages and the merging of patches between them take turns after it."""
    count = len(model.features)
    stages = {f"stage{n}": i for n, i in enumerate(range(1, count + 1, 2), start=1)}
    return {"stem": 0, **stages, "head": count + 1}


def _run_swin(model: Any, x: Tensor, wanted: set[int], pooled: bool) -> dict[int, Tensor]:
    """As `_run`; inside the network the channels come last."""
    features: dict[int, Tensor] = {}
    embed = nn.Sequential(model.patch_embed, model.pos_drop)
    for i, block in enumerate([embed, *model.features, model.norm][: max(wanted) + 1]):
        x = block(x)
        if i in wanted:
            maps = x.movedim(-1, 1)
            features[i] = _pool(maps) if pooled else maps
    return features
