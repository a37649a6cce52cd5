import math

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.resnet import create_bottleneck_block
from pytorchvideo_clone.models.weight_init import init_net_weights


def test_residual_branches_begin_at_zero() -> None:
    block = create_bottleneck_block(dim_in=4, dim_inner=4, dim_out=4)
    init_net_weights(block)
    assert (block.norm_c.weight == 0).all()
    assert (block.norm_a.weight == 1).all()
    assert (block.norm_b.weight == 1).all()


def test_convolutions_follow_the_number_of_outputs() -> None:
    conv = nn.Conv3d(8, 64, 3)
    init_net_weights(conv)
    # 13824 draws: the deviation is known to 0.6 %.
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 27)), rel=0.05)
    assert (conv.bias == 0).all()


def test_linear_layers_are_normal_or_xavier() -> None:
    linear, marked = nn.Linear(100, 100), nn.Linear(100, 100)
    marked.xavier_init = True
    init_net_weights(nn.ModuleList([linear, marked]), init_std=0.02)
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert marked.weight.abs().max().item() == pytest.approx(math.sqrt(3 / 100), rel=0.05)


def test_norms_without_weights_and_custom_norms_are_left_alone() -> None:
    model = nn.Sequential(nn.BatchNorm3d(3, affine=False), nn.Identity(), nn.GroupNorm(1, 3))
    init_net_weights(model)
    assert (model[2].weight == 1).all()


def test_transformer_style_truncates() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pos_embed = nn.Parameter(torch.zeros(1, 50, 64))
            self.proj = nn.Linear(64, 64)
            self.norm = nn.LayerNorm(64)

    tokens = Tokens()
    init_net_weights(tokens, init_std=0.02, style="vit")
    assert tokens.pos_embed.std().item() == pytest.approx(0.02, rel=0.1)
    assert tokens.proj.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert (tokens.proj.bias == 0).all()
    assert (tokens.norm.weight == 1).all()


def test_unknown_style_is_refused() -> None:
    with pytest.raises(NotImplementedError, match=r"'cnn'.*resnet.*vit"):
        init_net_weights(nn.Linear(1, 1), style="cnn")
