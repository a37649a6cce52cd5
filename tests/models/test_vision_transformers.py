import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.hub.checkpoints import load_state
from pytorchvideo_clone.hub.conversion import convert_torchvision_mvit
from pytorchvideo_clone.layers.attention import MultiScaleBlock
from pytorchvideo_clone.models.head import create_vit_basic_head
from pytorchvideo_clone.models.vision_transformers import (
    MultiscaleVisionTransformers,
    create_multiscale_vision_transformers,
)
from tests.reference import fill

KEYS = Path(__file__).parent / "keys"
SMALL = {
    "spatial_size": 16,
    "temporal_size": 4,
    "depth": 3,
    "patch_embed_dim": 16,
    "num_heads": 2,
    "head_num_classes": 5,
    "embed_dim_mul": [[1, 2.0]],
    "atten_head_mul": [[1, 2.0]],
    "pool_q_stride_size": [[1, 1, 2, 2]],
    "pool_kv_stride_adaptive": [1, 4, 4],
}
CLIP = (2, 3, 4, 16, 16)


def create(**settings) -> nn.Module:
    return create_multiscale_vision_transformers(**{**SMALL, **settings})


def test_state_dict_with_batch_norms_is_that_of_pytorchvideo() -> None:
    with torch.device("meta"):
        model = create_multiscale_vision_transformers(
            spatial_size=224,
            temporal_size=8,
            norm="batchnorm",
            cls_embed_on=False,
            embed_dim_mul=[[1, 2.0], [3, 2.0], [14, 2.0]],
            atten_head_mul=[[1, 2.0], [3, 2.0], [14, 2.0]],
            pool_q_stride_size=[[1, 1, 2, 2], [3, 1, 2, 2], [14, 1, 2, 2]],
            pool_kv_stride_adaptive=[1, 8, 8],
            pool_kvq_kernel=[3, 3, 3],
        )
    rows = [line.split() for line in (KEYS / "mvit_depth16_batchnorm.txt").read_text().splitlines()]
    expected = [(key, [] if shape == "-" else json.loads(f"[{shape}]")) for key, shape, _ in rows]
    assert [(key, list(value.shape)) for key, value in model.state_dict().items()] == expected


def test_lists_change_width_heads_and_strides_at_their_blocks() -> None:
    model = create(depth=4, pool_q_stride_size=[[1, 1, 2, 2], [3, 1, 2, 2]])
    assert [block.norm1.normalized_shape[0] for block in model.blocks] == [16, 32, 32, 32]
    assert [block.attn.num_heads for block in model.blocks] == [2, 4, 4, 4]
    pools = [(block.attn.pool_q, block.attn.pool_k) for block in model.blocks]
    assert [q and q.stride for q, _ in pools] == [None, (1, 2, 2), None, (1, 2, 2)]
    assert [k and k.stride for _, k in pools] == [(1, 4, 4), (1, 2, 2), (1, 2, 2), None]
    assert pools[0][1].kernel_size == (1, 5, 5)


def test_dropped_paths_grow_with_depth() -> None:
    rates = [
        getattr(block.drop_path, "drop_prob", 0) for block in create(droppath_rate_block=0.2).blocks
    ]
    assert rates == pytest.approx([0, 0.1, 0.2])


def test_weights_begin_as_those_of_vision_transformers() -> None:
    torch.manual_seed(0)
    model = create(patch_embed_dim=64, spatial_size=64)
    drawn = [
        model.blocks[0].mlp.fc1.weight,
        model.head.proj.weight,
        model.cls_positional_encoding.pos_embed_spatial,
    ]
    for parameter in drawn:
        assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
    assert not model.blocks[0].attn.q.bias.any()


@pytest.mark.parametrize("embed", [True, False])
def test_rectangular_input_of_any_size_fills_the_grid(embed: bool) -> None:
    model = create(spatial_size=(18, 27), temporal_size=5, enable_patch_embed=embed)
    assert model.cls_positional_encoding.patch_embed_shape() == (
        (3, 5, 7) if embed else (5, 18, 27)
    )
    x = torch.randn(1, 3, 5, 18, 27) if embed else torch.randn(1, 5 * 18 * 27, 16)
    assert model.eval()(x).shape == (1, 5)


def test_images_are_clips_of_one_frame() -> None:
    model = create(
        temporal_size=1,
        use_2d_patch=True,
        conv_patch_embed_kernel=(7, 7),
        conv_patch_embed_stride=(4, 4),
        conv_patch_embed_padding=(3, 3),
    ).eval()
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(model(images.unsqueeze(2)), model(images))
    with pytest.raises(ValueError, match="the clip has 2 frames; an image model takes 1"):
        model(torch.randn(2, 3, 2, 16, 16))


@pytest.mark.parametrize("norm", ["layernorm", "batchnorm"])
def test_the_norm_of_the_patches_is_used(norm: str) -> None:
    model = create(enable_patch_embed_norm=True, norm=norm, cls_embed_on=False).train()
    patches = model.patch_embed(5 + torch.randn(4, 3, 4, 16, 16))
    dims = (0, 1) if norm == "batchnorm" else (2,)
    assert patches.mean(dims).abs().max() < 1e-5


def test_fusing_leaves_no_batch_norm_and_the_same_numbers() -> None:
    model = create(
        norm="batchnorm", cls_embed_on=False, enable_patch_embed_norm=True, dim_mul_in_att=True
    )
    fill.fill_module(model)
    model.double().eval()
    clip = torch.randn(CLIP, dtype=torch.double)
    expected = model(clip)
    model.fuse_bn()
    torch.testing.assert_close(model(clip), expected)
    assert not [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def test_fusing_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call eval\(\) before fuse_bn"):
        create(norm="batchnorm").train().fuse_bn()


def test_parts_can_be_left_out_or_replaced() -> None:
    tokens = create(head=None).eval()
    assert tokens(torch.randn(CLIP)).shape == (2, 9, 32)
    hidden = create(
        head=lambda **kwargs: create_vit_basic_head(**{**kwargs, "seq_pool_type": "none"}),
        head_activation=nn.Sigmoid,
        cls_embed_on=False,
    ).eval()
    scores = hidden(torch.randn(CLIP))
    assert scores.shape == (2, 8, 5)
    assert ((scores > 0) & (scores < 1)).all()

    class Mine(MultiscaleVisionTransformers):
        pass

    assert isinstance(create(multiscale_vit_class=Mine), Mine)


def test_dropout_reaches_positions_attention_and_perceptrons() -> None:
    model = create(dropout_rate_block=0.3)
    rates = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.3] * (1 + 2 * 3) + [0.5]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 2, 16, 16), "16 patches; expected 32, from a grid of 2 x 4 x 4"),
        ((1, 3, 4, 24, 24), "72 patches; expected 32, from a grid of 2 x 4 x 4"),
        ((1, 4, 4, 16, 16), r"4 channels, \(1, 4, 4, 16, 16\); expected 3"),
    ],
)
def test_clips_of_another_shape_are_refused(shape: tuple, message: str) -> None:
    with pytest.raises((ValueError, RuntimeError), match=message):
        create()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embed_dim_mul": [[4, 2.0]]}, r"embed_dim_mul has \[4, 2.0\]; .* from 0 to 3 and 1 num"),
        ({"embed_dim_mul": [[0, 2.0]]}, "before which there is none; set patch_embed_dim"),
        ({"atten_head_mul": [[3, 2.0]]}, r"atten_head_mul has \[3, 2.0\]; .* from 0 to 2"),
        ({"pool_q_stride_size": [[1, 2, 2]]}, r"has \[1, 2, 2\]; expected .* and 3 numbers"),
        ({"pool_kv_stride_size": [[1, 1, 2, 2]]}, "both given; choose one"),
        ({"pool_kv_stride_adaptive": [4, 4]}, r"is \(4, 4\); expected \(T, H, W\)"),
        ({"pool_kvq_kernel": [3]}, r"pool_kvq_kernel is \(3,\); expected \(T, H, W\)"),
        ({"conv_patch_embed_kernel": (7, 7)}, r"conv_patch_embed_kernel is \(7, 7\)"),
        ({"temporal_size": 1, "use_2d_patch": True}, r"\(3, 7, 7\); expected \(H, W\)"),
        ({"pooling_mode": "median"}, "expected 'conv', 'avg' or 'max'"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(**settings)


def test_scripting_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="use torch.export"):
        create(create_scriptable_model=True)


def test_blocks_are_as_many_as_asked_for() -> None:
    model = create(depth=5)
    assert sum(isinstance(module, MultiScaleBlock) for module in model.modules()) == 5


def test_relative_positions_are_those_of_torchvision() -> None:
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    settings = [
        MSBlockConfig(1, 16, 16, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 4, 4]),
        MSBlockConfig(2, 16, 32, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 2, 2]),
        MSBlockConfig(2, 32, 32, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
    ]
    theirs = MViT((40, 40), 8, settings, True, False, True, True, num_classes=5).double().eval()
    ours = create(
        spatial_size=40,
        temporal_size=8,
        patch_embed_dim=16,
        num_heads=1,
        pool_q_stride_size=[[0, 1, 1, 1], [1, 1, 2, 2], [2, 1, 1, 1]],
        pool_kvq_kernel=[3, 3, 3],
        dim_mul_in_att=True,
        separate_qkv=False,
        residual_pool=True,
        residual_pool_cls=False,
        abs_pos_embed=False,
        rel_pos_embed=True,
    )
    ours = ours.double().eval()
    for name, value in theirs.named_parameters():
        nn.init.normal_(value, std=1.0 if "rel_pos" in name else 0.3)
    load_state(ours, convert_torchvision_mvit(theirs.state_dict()), "torchvision's")
    clip = torch.randn(2, 3, 8, 40, 40, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(ours(clip), theirs(clip), rtol=1e-9, atol=1e-9)
