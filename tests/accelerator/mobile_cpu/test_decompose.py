import random
from itertools import product

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu.decompose import FrameConv3d, fold_norm, tap_reach


def random_conv(seed: int) -> nn.Conv3d:
    """Any geometry: kernels longer than the clip, strides that skip, padding beyond the kernel."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    groups = draw.choice([1, 2, 4])
    return nn.Conv3d(
        groups * draw.choice([1, 2]),
        groups * draw.choice([1, 2]),
        [draw.choice([1, 2, 3, 5]) for _ in range(3)],
        stride=[draw.choice([1, 2, 3]) for _ in range(3)],
        padding=[draw.choice([0, 1, 2, 3]) for _ in range(3)],
        dilation=[draw.choice([1, 2]) for _ in range(3)],
        groups=groups,
        bias=draw.random() < 0.5,
        dtype=torch.float64,
    )


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_any_convolution_is_the_sum_of_its_taps(frames: int) -> None:
    compared = 0
    for seed in range(60):
        conv = random_conv(seed)
        x = torch.randn(1 + seed % 3, conv.in_channels, frames, 9, 10, dtype=torch.float64)
        try:
            expected = conv(x)
        except RuntimeError:  # the kernel is longer than clip and padding
            with pytest.raises(RuntimeError):
                FrameConv3d(conv)(x)
            continue
        torch.testing.assert_close(FrameConv3d(conv)(x), expected, rtol=1e-12, atol=1e-12)
        compared += 1
    assert compared > 30


def test_gradients_are_those_of_the_convolution() -> None:
    conv = nn.Conv3d(4, 6, 3, stride=(1, 2, 2), padding=1, dtype=torch.float64)
    frame = FrameConv3d(conv)
    x = torch.randn(2, 4, 5, 6, 6, dtype=torch.float64)
    (frame(x) ** 2).sum().backward()
    (conv(x) ** 2).sum().backward()
    grads = torch.stack([tap.grad for tap in frame.taps], 2)
    torch.testing.assert_close(grads, conv.weight.grad)
    torch.testing.assert_close(frame.bias.grad, conv.bias.grad)


def test_one_module_takes_clips_of_any_batch_length_and_size() -> None:
    conv = nn.Conv3d(3, 4, (3, 3, 3), padding=1)
    frame = FrameConv3d(conv)
    for batch, frames, side in product((1, 3), (1, 5), (4, 7)):
        x = torch.randn(batch, 3, frames, side, side)
        torch.testing.assert_close(frame(x), conv(x), rtol=1e-4, atol=1e-5)


def test_the_exported_graph_has_convolutions_of_frames_alone_and_any_batch() -> None:
    conv = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.Conv3d(4, 4, (3, 1, 1), stride=2))
    frame = nn.Sequential(*(FrameConv3d(layer) for layer in conv))
    batch = torch.export.Dim("batch", max=8)
    program = torch.export.export(
        frame, (torch.randn(2, 3, 5, 6, 6),), dynamic_shapes=({0: batch},), strict=False
    )
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {name for name in called if "conv" in name} == {"aten.conv2d.default"}
    x = torch.randn(7, 3, 5, 6, 6)
    torch.testing.assert_close(program.module()(x), conv(x), rtol=1e-4, atol=1e-5)


def test_taps_reach_the_steps_for_which_they_read_a_frame() -> None:
    for offset, frames, stride, steps in product(range(-4, 5), (1, 3), (1, 2), (1, 4)):
        first, end = tap_reach(offset, frames, stride, steps)
        read = [step for step in range(steps) if 0 <= offset + step * stride < frames]
        assert list(range(first, end)) == read


@pytest.mark.parametrize("wrong", [{"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}])
def test_padding_of_another_kind_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"Conv3d\(.*cannot be computed frame by frame: its pad"):
        FrameConv3d(nn.Conv3d(3, 4, 3, **wrong))


def test_a_clip_that_is_too_short_is_refused_in_a_sentence() -> None:
    frame = FrameConv3d(nn.Conv3d(3, 4, (5, 1, 1), padding=(1, 0, 0), dilation=(2, 1, 1)))
    with pytest.raises(RuntimeError, match=r"the clip has 6 frames.*takes 7\."):
        frame(torch.randn(1, 3, 6, 2, 2))
    assert frame(torch.randn(1, 3, 7, 2, 2)).shape[2] == 1


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_folded_norm_is_the_norm_after_the_convolution(bias: bool, affine: bool) -> None:
    conv = nn.Conv3d(3, 4, 3, bias=bias).double()
    norm = nn.BatchNorm3d(4, affine=affine).double().eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    before = conv.weight.clone()
    x = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(fold_norm(conv, norm)(x), norm(conv(x)))
    assert torch.equal(conv.weight, before)
