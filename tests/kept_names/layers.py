"""Attention, encodings and other layers: read, given tuples, and compiled by torch.jit.script."""

from typing import Any

import torch
from torch import nn

from pytorchvideo_clone.layers import (
    DropPath,
    MultiScaleAttention,
    MultiScaleBlock,
    PositionalEncoding,
    SpatioTemporalClsPositionalEncoding,
    make_fusion_layer,
    make_multilayer_perceptron,
)
from pytorchvideo_clone.layers.batch_norm import NaiveSyncBatchNorm3d
from pytorchvideo_clone.layers.nonlocal_net import create_nonlocal
from pytorchvideo_clone.layers.squeeze_excitation import SqueezeAndExcitationLayer2D
from pytorchvideo_clone.layers.swish import Swish
from pytorchvideo_clone.models.head import (
    create_res_basic_head,
    create_res_roi_pooling_head,
    create_vit_basic_head,
)
from pytorchvideo_clone.models.masked_multistream import (
    LearnMaskedDefault,
    MaskedTemporalPooling,
    TransposeTransformerEncoder,
)
from pytorchvideo_clone.models.resnet import create_bottleneck_block
from pytorchvideo_clone.models.slowfast import FastToSlowFusionBuilder
from pytorchvideo_clone.models.stem import create_conv_patch_embed, create_res_basic_stem
from pytorchvideo_clone.models.vision_transformers import create_multiscale_vision_transformers


def grid_as_it_was_given() -> None:
    block, x = MultiScaleBlock(16, 16, num_heads=2), torch.ones(1, 33, 16)
    for grid in ((2, 4, 4), [2, 4, 4], torch.Size([2, 4, 4])):
        assert block(x, grid)[1] is grid
    pooled = MultiScaleBlock(16, 16, num_heads=2, kernel_q=(1, 3, 3), stride_q=(1, 2, 2))
    assert pooled(x, (2, 4, 4))[1] == [2, 2, 2]


def settings_of_a_block() -> None:
    block = MultiScaleBlock(16, 32, num_heads=2)
    assert (block.dim, block.dim_out) == (16, 32)
    assert (block.attn.num_heads, block.attn.scale) == (2, 8**-0.5)


def replaced_pools() -> None:
    """A pool or norm that is set has an effect, under either of the names of the state dict."""
    attention = MultiScaleAttention(16, num_heads=2, kernel_q=(1, 3, 3), stride_q=(1, 2, 2))
    attention.pool_q = nn.MaxPool3d((1, 4, 4))
    attention.norm_q = None
    assert attention(torch.ones(1, 33, 16), (2, 4, 4))[1] == [2, 1, 1]
    assert attention._attention_pool_q.norm is None


def patches_of_an_encoding() -> None:
    for separate in (True, False):
        encoding = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4), sep_pos_embed=separate)
        assert encoding.num_spatial_patch == 12
        assert encoding.num_temporal_patch == 2
    joint = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4))
    assert joint.pos_embed.shape == (1, joint.num_spatial_patch * joint.num_temporal_patch + 1, 8)


def arguments_of_forwards() -> None:
    x = torch.tensor([[[[[2.0]]]], [[[[4.0]]]]])
    assert Swish()(x=torch.zeros(1)) == 0
    assert NaiveSyncBatchNorm3d(num_features=1).eval()(input=x).shape == x.shape


def _check_scripts(module: nn.Module, *arguments: Any) -> None:
    module.eval()
    with torch.no_grad():
        found = torch.jit.script(module)(*arguments)
        torch.testing.assert_close(found, module(*arguments), rtol=1e-5, atol=1e-6)


def mvit_that_scripts() -> None:
    settings: dict[str, Any] = {
        "spatial_size": 16,
        "temporal_size": 4,
        "depth": 2,
        "patch_embed_dim": 8,
        "head_num_classes": 5,
        "embed_dim_mul": [[1, 2.0]],
        "atten_head_mul": [[1, 2.0]],
        "pool_q_stride_size": [[1, 1, 2, 2]],
        "pool_kv_stride_adaptive": [1, 2, 2],
    }
    clip = torch.randn(1, 3, 4, 16, 16)
    for changed in (
        {"dropout_rate_block": 0.1, "droppath_rate_block": 0.1, "head_activation": nn.Softmax},
        {"cls_embed_on": False, "sep_pos_embed": False, "norm": "batchnorm", "pool_first": True},
    ):
        _check_scripts(create_multiscale_vision_transformers(**{**settings, **changed}), clip)


def attention_that_scripts() -> None:
    x, grid = torch.randn(1, 33, 16), [2, 4, 4]
    _check_scripts(MultiScaleBlock(16, 16, 2, separate_qkv=False, residual_pool=True), x, grid)
    pooled = MultiScaleBlock(
        16, 32, 2, dim_mul_in_att=True, kernel_q=(1, 3, 3), stride_q=(1, 2, 2), pool_mode="max"
    )
    _check_scripts(pooled, x, grid)
    _check_scripts(MultiScaleAttention(16, num_heads=2, kernel_kv=(3, 3, 3)), x, grid)


def encodings_that_script() -> None:
    for separate in (True, False):
        for has_cls in (True, False):
            encoding = SpatioTemporalClsPositionalEncoding(8, (2, 3, 4), separate, has_cls)
            _check_scripts(encoding, torch.randn(1, 24, 8))
    _check_scripts(PositionalEncoding(8), torch.randn(1, 5, 8))


def layers_that_script() -> None:
    clip, features = torch.randn(1, 8, 2, 7, 7), [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    for method in ("concat", "temporal_concat", "max", "sum", "prod"):
        _check_scripts(make_fusion_layer(method, [4, 4]), features)
    _check_scripts(DropPath(0.1), clip)
    _check_scripts(make_multilayer_perceptron([4, 5, 6])[0], features[0])
    _check_scripts(create_nonlocal(dim_in=8, dim_inner=4), clip)
    _check_scripts(SqueezeAndExcitationLayer2D(16), torch.randn(1, 16, 4, 4))
    mask = torch.tensor([[True, True, False], [False, False, False]])
    for method in ("max", "avg", "sum"):
        _check_scripts(MaskedTemporalPooling(method), features[0], mask)
    _check_scripts(LearnMaskedDefault(4), torch.randn(2, 4), mask)
    _check_scripts(TransposeTransformerEncoder(4), features[0], mask)


def stems_and_heads_that_script() -> None:
    clip = torch.randn(1, 8, 2, 7, 7)
    _check_scripts(create_res_basic_stem(in_channels=8, out_channels=4), clip)
    _check_scripts(create_conv_patch_embed(in_channels=8, out_channels=4), clip)
    _check_scripts(create_bottleneck_block(dim_in=8, dim_inner=4, dim_out=16), clip)
    _check_scripts(create_res_basic_head(in_features=8, out_features=5), clip)
    _check_scripts(create_vit_basic_head(in_features=8, out_features=5), torch.randn(1, 3, 8))
    boxes = torch.tensor([[0, 4.0, 4.0, 24.0, 20.0]])
    roi_head = create_res_roi_pooling_head(
        in_features=8,
        out_features=5,
        resolution=(7, 7),
        spatial_scale=0.25,
        pool_kernel_size=(2, 1, 1),
    )
    _check_scripts(roi_head, clip, boxes)
    fusion = FastToSlowFusionBuilder(8, 2, (7, 1, 1), (4, 1, 1)).create_module(16, 1)
    _check_scripts(fusion, [torch.randn(1, 16, 2, 4, 4), torch.randn(1, 2, 8, 4, 4)])
