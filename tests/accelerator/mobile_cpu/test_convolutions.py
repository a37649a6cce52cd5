import copy

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import (
    Conv3d3x1x1BnAct,
    Conv3d3x3x3DwBnAct,
    Conv3d5x1x1BnAct,
    Conv3dPwBnAct,
    Conv3dTemporalKernel1BnAct,
)
from tests.reference import fill

BLOCKS = {
    "pointwise": lambda **kwargs: Conv3dPwBnAct(4, 6, **kwargs),
    "depthwise": lambda **kwargs: Conv3d3x3x3DwBnAct(4, spatial_stride=2, **kwargs),
    "spatial": lambda **kwargs: Conv3dTemporalKernel1BnAct(
        4, 6, groups=2, spatial_kernel=3, spatial_padding=1, spatial_stride=2, **kwargs
    ),
    "temporal 3": lambda **kwargs: Conv3d3x1x1BnAct(4, 4, groups=4, **kwargs),
    "temporal 5": lambda **kwargs: Conv3d5x1x1BnAct(4, 6, **kwargs),
}
SETTINGS = [
    {},
    {"activation": "swish", "bias": True, "norm_eps": 0.1},
    {"activation": "hswish", "use_bn": False},
    {"activation": "identity", "use_bn": False, "bias": True},
]


def make(kind: str, **settings) -> nn.Module:
    return fill.fill_module(BLOCKS[kind](**settings)).double().eval()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", BLOCKS)
def test_converted_it_computes_the_same_for_any_batch_and_length(kind: str, settings: dict) -> None:
    block, deployable = make(kind, **settings), make(kind, **settings)
    deployable.convert((1, 4, 4, 6, 6))
    assert deployable.convert_flag
    assert not any(isinstance(part, nn.Conv3d | nn.BatchNorm3d) for part in deployable.modules())
    for batch, frames in ((1, 4), (3, 4), (2, 1), (2, 7)):
        x = torch.randn(batch, 4, frames, 6, 7, dtype=torch.float64)
        torch.testing.assert_close(deployable(x), block(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", BLOCKS)
def test_for_qnnpack_pointwise_and_depthwise_convolutions_stay(kind: str) -> None:
    block, deployable = make(kind), make(kind)
    deployable.convert((1, 4, 4, 6, 6), convert_for_quantize=True, native_conv3d_op_qnnpack=True)
    kept = any(isinstance(part, nn.Conv3d) for part in deployable.modules())
    assert kept == (kind in ("pointwise", "depthwise"))
    assert not any(isinstance(part, nn.BatchNorm3d) for part in deployable.modules())
    x = torch.randn(2, 4, 4, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(deployable(x), block(x), rtol=1e-12, atol=1e-12)


def test_a_block_converts_once_from_either_mode() -> None:
    torch.manual_seed(0)
    block, clip = Conv3dPwBnAct(4, 6), torch.randn(1, 4, 4, 6, 6)
    block(clip)  # the norm gathers statistics
    expected = copy.deepcopy(block).eval()(clip)
    block.convert(clip.shape)
    torch.testing.assert_close(block(clip), expected)
    with pytest.raises(AssertionError, match="Conv3dPwBnAct is converted already"):
        block.convert((1, 4, 4, 6, 6))


@pytest.mark.parametrize("kind", BLOCKS)
def test_settings_of_the_norm_reach_it(kind: str) -> None:
    norm = BLOCKS[kind](norm_eps=0.01, norm_momentum=0.3).kernel.bn
    assert (norm.eps, norm.momentum) == (0.01, 0.3)


def test_norms_of_several_processes_are_written_into_the_convolution_too() -> None:
    block, deployable = make("pointwise"), make("pointwise")
    deployable = nn.SyncBatchNorm.convert_sync_batchnorm(deployable)
    deployable.requires_grad_(False).convert((1, 4, 4, 6, 6))
    assert not any(parameter.requires_grad for parameter in deployable.parameters())
    x = torch.randn(2, 4, 4, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(deployable(x), block(x), rtol=1e-12, atol=1e-12)
