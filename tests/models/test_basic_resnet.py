import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import create_basic_resnet
from pytorchvideo_clone.models.basic_resnet import (
    create_2plus1d_basic_block,
    create_2plus1d_stem,
    create_basic_block,
)

CLIP = (2, 3, 8, 32, 32)


def create(**settings) -> nn.Module:
    return create_basic_resnet(**{"stem_dim_out": 8, "model_num_class": 5, **settings}).eval()


def test_stages_have_two_convolutions_a_block_and_double_the_width() -> None:
    model = create()
    convolutions = [m for m in model.blocks[1:].modules() if isinstance(m, nn.Conv3d)]
    shortcuts = [m for m in convolutions if m.kernel_size == (1, 1, 1)]
    assert (len(convolutions), len(shortcuts)) == (16 + 3, 3)
    x = torch.randn(CLIP)
    shapes = []
    for block in model.blocks[:-1]:
        x = block(x)
        shapes.append(tuple(x.shape[1:4]))
    assert shapes == [(8, 8, 16), (8, 8, 16), (16, 4, 8), (32, 2, 4), (64, 1, 2)]
    assert len(create(model_depth=34).blocks[3].res_blocks) == 6


def test_depths_of_other_networks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model_depth is 50; expected one of \(18, 34\)"):
        create(model_depth=50)
    with pytest.raises(ValueError, match="conv_c is given"):
        create_basic_block(dim_in=4, dim_inner=4, dim_out=4, conv_c=nn.Identity)


def test_every_block_begins_as_its_shortcut() -> None:
    model = create(block=create_2plus1d_basic_block, stem=create_2plus1d_stem)
    blocks = [block for stage in model.blocks[1:5] for block in stage.res_blocks]
    assert all((block.branch2.norm_b.weight == 0).all() for block in blocks)
    assert all((block.branch2.conv_a.norm.weight == 1).all() for block in blocks)


def test_parts_are_replaced_or_left_out() -> None:
    clip = torch.randn(CLIP)
    plain = create(norm=None, activation=nn.GELU, head=None)
    assert plain(clip).shape == (2, 64, 1, 2, 2)
    kinds = {type(module) for module in plain.modules()}
    assert nn.GELU in kinds
    assert not kinds & {nn.ReLU, nn.BatchNorm3d}
    mixed = create(block=(create_2plus1d_basic_block, *(create_basic_block,) * 3), stem=None)
    assert mixed(torch.randn(2, 8, 4, 16, 16)).shape == (2, 5)
    pooled = create(stem_pool=nn.MaxPool3d, head_pool=nn.AvgPool3d)
    assert pooled(clip).shape == (2, 5)


def test_norm_settings_reach_every_norm() -> None:
    block = create_2plus1d_basic_block(dim_in=4, dim_inner=8, dim_out=8, norm_eps=0.5)
    stem = create_2plus1d_stem(in_channels=3, out_channels=8, norm_eps=0.5)
    norms = [m for m in (*block.modules(), *stem.modules()) if isinstance(m, nn.BatchNorm3d)]
    assert len(norms) == 6
    assert {norm.eps for norm in norms} == {0.5}
