import copy
import pickle
import random

import pytest
import torch
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


@pytest.mark.parametrize("name", ["x3d_tiny", "csn_r101"])
def test_a_model_trains_with_its_gradients(name: str) -> None:
    arguments = {"model_depth": 50, "head_pool": nn.AdaptiveAvgPool3d} if name != "x3d_tiny" else {}
    model = create_model(name, num_classes=3, dropout_rate=0.0, **arguments)
    model = fill.fill_module(model).double().train()
    frames = 8 if name == "x3d_tiny" else 4
    x = torch.randn(2, 3, frames, 64, 64, dtype=torch.float64)
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


def test_a_transmuted_model_is_optimized_like_the_model() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU())
    transmute_model(model, "cpu")
    fast = optimize(model, torch.randn(1, 3, 4, 8, 8))
    assert fast.report.passes["fold_batch_norm"] == 1
    assert type(model[0]) is CpuConv3d
