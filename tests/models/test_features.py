import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import Net, create_resnet, create_slowfast
from pytorchvideo_clone.models.features import extract_features, feature_info
from pytorchvideo_clone.models.vision_transformers import (
    MultiscaleVisionTransformers,
    create_multiscale_vision_transformers,
)
from tests.models.test_families import SHALLOW, families

CONVOLUTIONAL = {name: family for name, family in SHALLOW.items() if "mvit" not in name}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def flat(features) -> list[torch.Tensor]:
    return features if isinstance(features, list) else [features]


@families
def test_every_family_has_the_same_taps(create, make_inputs) -> None:
    model, x = create().eval(), make_inputs()[0]
    batch = len(flat(x)[0])
    with torch.no_grad():
        maps = extract_features(model, x, pooled=False)
        pooled = extract_features(model, x)
    stages = [f"stage{n}" for n in range(1, len(maps) - 1)]
    assert stages == STAGES or isinstance(model, MultiscaleVisionTransformers)
    assert list(maps) == list(pooled) == ["stem", *stages, "head"]
    assert feature_info(model, x) == {
        name: [tuple(part.shape) for part in feature]
        if isinstance(feature, list)
        else tuple(feature.shape)
        for name, feature in maps.items()
    }
    for name, feature in pooled.items():
        parts = flat(maps[name])
        assert feature.shape == (batch, sum(part.shape[1] for part in parts))
        assert all(part.dim() == 5 for part in parts)


@pytest.mark.parametrize(
    ("create", "make_inputs"), CONVOLUTIONAL.values(), ids=CONVOLUTIONAL.keys()
)
def test_features_are_those_of_the_forward_pass(create, make_inputs) -> None:
    model, inputs = create().eval(), make_inputs()
    seen = []
    for module in model.modules():
        module.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.no_grad():
        model(*inputs)
        known = {id_of(tensor) for output in seen for tensor in flat(output)}
        seen.clear()
        for feature in extract_features(model, inputs[0], pooled=False).values():
            for tensor in flat(feature):
                assert id_of(tensor) in known


def id_of(tensor: torch.Tensor) -> tuple:
    return tuple(tensor.shape), tensor.double().sum().item()


@families
def test_the_graph_of_features_has_no_breaks(create, make_inputs) -> None:
    model, x = create().eval(), make_inputs()[0]
    torch.compiler.reset()  # each model is one more version of the same function
    compiled = torch.compile(extract_features, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(
            compiled(model, x, ["stage1", "head"]), extract_features(model, x, ["stage1", "head"])
        )


@pytest.mark.parametrize("cls_embed_on", [True, False])
def test_stages_of_mvit_end_before_the_queries_are_pooled(cls_embed_on: bool) -> None:
    model = create_multiscale_vision_transformers(
        spatial_size=32,
        temporal_size=4,
        depth=4,
        cls_embed_on=cls_embed_on,
        patch_embed_dim=8,
        embed_dim_mul=[[1, 2.0], [3, 2.0]],
        pool_q_stride_size=[[1, 1, 2, 2], [3, 1, 2, 2]],
    ).eval()
    seen = []
    model.blocks[2].register_forward_hook(lambda module, args, output: seen.append(output[0]))
    model.head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    clip = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        model(clip)
        maps = extract_features(model, clip, pooled=False)
        pooled = extract_features(model, clip)
    assert {name: tuple(feature.shape[1:]) for name, feature in maps.items()} == {
        "stem": (8, 2, 8, 8),
        "stage1": (16, 2, 8, 8),
        "stage2": (32, 2, 4, 4),
        "stage3": (32, 2, 2, 2),
        "head": (32, 2, 2, 2),
    }
    tokens, last = seen[0], seen[1]
    patches = tokens[:, 1:] if cls_embed_on else tokens
    torch.testing.assert_close(maps["stage2"].flatten(2).transpose(1, 2), patches)
    torch.testing.assert_close(pooled["stage2"], patches.mean(1))
    torch.testing.assert_close(pooled["head"], last[:, 0] if cls_embed_on else last.mean(1))


def test_blocks_behind_the_last_tap_do_not_run() -> None:
    model = create_resnet(stem_dim_out=8).eval()
    ran = []
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, i=i: ran.append(i))
    extract_features(model, torch.randn(1, 3, 2, 32, 32), ["stage2", "stem"])
    assert ran == [0, 1, 2]


def test_a_pool_between_stages_is_behind_the_first_and_no_stage() -> None:
    model = create_resnet(stem_dim_out=8, stage1_pool=nn.MaxPool3d, head=None)
    info = feature_info(model, torch.empty(1, 3, 4, 32, 32))
    assert list(info) == ["stem", *STAGES, "head"]
    assert [shape[2] for shape in info.values()] == [4, 4, 2, 2, 2, 2]
    assert info["head"] == info["stage4"] == (1, 256, 2, 1, 1)


def test_without_a_stem_there_is_no_such_tap() -> None:
    model = create_resnet(stem_dim_out=8, stem=None)
    assert next(iter(feature_info(model, torch.empty(1, 8, 2, 16, 16)))) == "stage1"


def test_pathways_that_are_left_apart_are_pooled_one_after_another() -> None:
    model = create_slowfast(model_depth=18, stem_dim_outs=(16, 2), head=None, head_pool=None).eval()
    clip = torch.randn(2, 3, 8, 32, 32)
    pooled = extract_features(model, clip, ["head"])["head"]
    slow, fast = model(clip)
    torch.testing.assert_close(pooled, torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))


def test_the_model_stays_where_it_is() -> None:
    model = create_resnet(stem_dim_out=8)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    feature_info(model, torch.empty(1, 3, 4, 32, 32))
    assert model.training
    torch.testing.assert_close(dict(model.state_dict()), before)


@pytest.mark.parametrize("taps", [["stage5"], []])
def test_unknown_taps_are_refused_with_the_known_ones(taps: list[str]) -> None:
    with pytest.raises(ValueError, match=r"there is no tap .*; expected some of \['stem'"):
        extract_features(create_resnet(stem_dim_out=8), torch.empty(1, 3, 4, 32, 32), taps)


def test_other_modules_are_refused() -> None:
    with pytest.raises(TypeError, match="the model is a Linear; expected a network of"):
        extract_features(nn.Linear(2, 2), torch.empty(1, 2))
    with pytest.raises(TypeError, match="the network has no stages"):
        extract_features(Net(blocks=nn.ModuleList([nn.ReLU()])), torch.empty(1, 2))
