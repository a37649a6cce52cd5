import copy
import pickle
import random
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from pytorchvideo_clone.accelerator import optimize, restore_model, transmute_model
from pytorchvideo_clone.accelerator.train_cpu import CpuConv3d
from pytorchvideo_clone.hub import create_model
from tests.reference import fill


def gradients(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output, and the gradients of everything, for a loss that all outputs are part of."""
    x = x.clone().requires_grad_()
    y = model(x)
    torch.manual_seed(0)
    (y * torch.randn(y.shape, dtype=y.dtype)).sum().backward()
    return [y.detach(), x.grad, *(parameter.grad for parameter in model.parameters())]


def assert_same_gradients(model: nn.Module, x: torch.Tensor) -> nn.Module:
    fast = copy.deepcopy(model)
    transmute_model(fast, "cpu")
    for value, expected in zip(gradients(fast, x), gradients(model, x), strict=True):
        allowed = 1e-11 * float(expected.abs().max())
        torch.testing.assert_close(value, expected, rtol=1e-11, atol=allowed)
    return fast


def test_any_convolution_has_its_output_and_gradient() -> None:
    draw = random.Random(0)
    for seed in range(40):
        torch.manual_seed(seed)
        groups = draw.choice([1, 1, 2, 4])
        kernel = draw.choice([(1, 1, 1), (1, 3, 3), (3, 1, 1), (5, 1, 1), (3, 3, 3), (3, 1, 3)])
        stride = draw.choice([(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 1, 1)])
        padding = draw.choice([(0, 0, 0), tuple(size // 2 for size in kernel)])
        dilation = draw.choice([(1, 1, 1), (1, 1, 1), (1, 2, 1)])
        conv = nn.Conv3d(
            4, 4 * draw.choice([1, 2]), kernel, stride, padding, dilation, groups, seed % 2 == 0
        )
        x = torch.randn(draw.choice([1, 4]), 4, draw.choice([5, 8]), 6, 7, dtype=torch.float64)
        assert type(assert_same_gradients(conv.double(), x)) is CpuConv3d
    squeezed = nn.Conv3d(4, 2, 1).double()
    assert_same_gradients(squeezed, torch.randn(2, 4, 1, 1, 1, dtype=torch.float64))
    depthwise = nn.Conv3d(4, 4, 3, padding=1, groups=4).double()
    assert_same_gradients(depthwise, torch.randn(2, 4, 1, 5, 5, dtype=torch.float64))


@pytest.mark.parametrize("clip", [(5, 7, 6), (1, 5, 8), (2, 1, 1)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2), (3, 1, 2)])
def test_gradients_made_of_convolutions_are_exact(
    clip: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    over_time = (stride[0], 1, 1)
    for conv in (
        nn.Conv3d(4, 4, 3, stride, 1, groups=4),
        nn.Conv3d(4, 4, (3, 1, 2), stride, (2, 0, 1), groups=4, bias=False),
        nn.Conv3d(4, 4, (5, 3, 1), stride, (3, 2, 0), groups=4),  # padded beyond the kernel's half
        nn.Conv3d(4, 6, (3, 1, 1), over_time, (1, 0, 0)),
        nn.Conv3d(4, 6, (7, 1, 1), over_time, (3, 0, 0), bias=False),
        nn.Conv3d(4, 4, (3, 3, 3), (stride[0], 1, 1), (2, 2, 2), (2, 2, 2), groups=4),
        nn.Conv3d(4, 6, 1, stride),
    ):
        x = torch.randn(2, 4, *clip, dtype=torch.float64)
        assert_same_gradients(conv.double(), x)


def test_gradients_agree_with_differences_and_are_differentiable() -> None:
    for conv in (nn.Conv3d(2, 2, 3, (1, 2, 1), 1, groups=2), nn.Conv3d(2, 3, (3, 1, 1))):
        fast = conv.double()
        transmute_model(fast, "cpu")
        x = torch.randn(1, 2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
        inputs = (x, *fast.parameters())

        def convolve(x: torch.Tensor, *_: torch.Tensor, fast: nn.Module = fast) -> torch.Tensor:
            return fast(x)

        assert torch.autograd.gradcheck(convolve, inputs)
        assert torch.autograd.gradgradcheck(convolve, inputs)


def test_results_lie_in_channels_last_whatever_comes_in() -> None:
    for conv in (nn.Conv3d(3, 4, 3), nn.Conv3d(3, 4, 1), nn.Conv3d(3, 3, 3, groups=3)):
        transmute_model(conv, "cpu")
        y = conv(torch.randn(2, 3, 4, 6, 6))
        assert y.is_contiguous(memory_format=torch.channels_last_3d)


def test_autocast_computes_in_bfloat16_and_leaves_float32_gradients() -> None:
    x = torch.randn(2, 4, 4, 6, 6)
    for conv in (
        nn.Conv3d(4, 4, 3, (1, 2, 2), 1, groups=4),
        nn.Conv3d(4, 4, (3, 1, 1)),
        nn.Conv3d(4, 4, 1),
    ):
        exact = [value.clone() for value in gradients(conv, x)]
        conv.zero_grad()
        transmute_model(conv, "cpu")
        with torch.autocast("cpu", torch.bfloat16):
            assert conv(x).dtype == torch.bfloat16
            found = gradients(conv, x)
        assert [value.dtype for value in found[1:]] == [torch.float32] * 3
        for value, expected in zip(found, exact, strict=True):
            assert (value - expected).norm() < 2e-2 * expected.norm()


SMALL: dict[str, dict[str, Any]] = {
    "x3d_tiny": {},
    "slow_r50": {"stem_dim_out": 16, "head_pool": nn.AdaptiveAvgPool3d},
    "csn_r101": {"model_depth": 50, "stem_dim_out": 16, "head_pool": nn.AdaptiveAvgPool3d},
    "r2plus1d_r50": {"stem_dim_out": 16, "head_pool": nn.AdaptiveAvgPool3d},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_model_trains_with_its_gradients(name: str) -> None:
    model = create_model(name, num_classes=3, dropout_rate=0.0, **SMALL[name])
    model = fill.fill_module(model).double().train()
    frames, side = (8, 64) if name == "x3d_tiny" else (4, 48)
    x = torch.randn(2, 3, frames, side, side, dtype=torch.float64)
    fast = assert_same_gradients(model, x)
    names = [key for key, part in model.named_modules() if isinstance(part, nn.Conv3d)]
    assert list(fast.transmute_report.replaced) == names
    assert fast.transmute_report.left == {}
    assert list(fast.state_dict()) == list(model.state_dict())


def test_parameters_stay_and_everything_is_undone() -> None:
    model = nn.Sequential(nn.Conv3d(4, 4, 1), nn.ReLU(), nn.Conv3d(4, 4, 3))
    parameters = list(model.parameters())
    printed = str(model)
    transmute_model(model, "cpu", prefix="net")
    assert list(model.transmute_report.replaced) == ["net.0", "net.2"]
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    x = torch.randn(2, 4, 3, 6, 6)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(twin[0]) is CpuConv3d
        assert torch.equal(twin(x), model(x))
    assert restore_model(model) is model
    assert str(model) == printed
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))


def test_what_may_compute_something_else_stays_and_is_reported() -> None:
    class Scaled(nn.Conv3d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    model = nn.Sequential(
        Scaled(4, 4, 1),
        nn.Conv3d(4, 4, 3, padding="same"),
        nn.Conv3d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 4, 3),
    )
    kinds = [type(part) for part in model]
    transmute_model(model, "cpu")
    assert [type(part) for part in model] == kinds
    assert model.transmute_report.replaced == {}
    assert model.transmute_report.left == {
        "0": "Scaled may compute something else",
        "1": "padding is 'same'",
        "2": "padding_mode is 'circular'",
    }
    single = nn.Conv3d(4, 4, 3)
    x = torch.randn(4, 3, 6, 6)  # a clip without a batch
    expected = single(x)
    transmute_model(single, "cpu")
    torch.testing.assert_close(single(x), expected)


def test_torchvisions_convolutions_which_only_set_sizes_train_faster_too() -> None:
    model = fill.fill_module(torchvision.models.video.mc3_18(num_classes=3)).eval()
    kinds = [type(part) for part in model.modules()]
    x = torch.randn(1, 3, 4, 16, 16)
    expected = model(x)
    transmute_model(model, "cpu")
    assert model.transmute_report.left == {}
    replaced = [part for part in model.modules() if isinstance(part, nn.Conv3d)]
    assert len(model.transmute_report.replaced) == len(replaced) == 20
    assert {type(part) for part in replaced} == {CpuConv3d}
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)
    transmute_model(model, "cpu")  # again
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model):
        assert [type(part) for part in restore_model(copied).modules()] == kinds


def test_a_transmuted_model_is_optimized_like_the_model() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU())
    transmute_model(model, "cpu")
    fast = optimize(model, torch.randn(1, 3, 4, 8, 8))
    assert fast.report.passes["fold_batch_norm"] == 1
    assert type(model[0]) is CpuConv3d
