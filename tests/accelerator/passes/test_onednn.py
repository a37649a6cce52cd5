import copy
import itertools
import pickle

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.activation import gate_in_place
from pytorchvideo_clone.accelerator.passes.conv3d import to_channels_last
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.onednn import (
    FusedConv,
    FusedRows,
    fuse_convolutions,
    fuse_linears,
    has_onednn,
)

pytestmark = pytest.mark.skipif(not has_onednn(torch.float32), reason="no oneDNN in this torch")


class Sum(nn.Module):
    """The sum of a convolution, and of what it is given, by a wish of its maker."""

    def __init__(self, add, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.conv = nn.Conv3d(4, 4, 1), nn.Conv3d(4, 4, 3, padding=1)
        self.add, self.activation = add, activation or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.activation(self.add(self.conv(x), x))


def fused(model: nn.Module, x: torch.Tensor) -> torch.fx.GraphModule:
    graph = capture(model, (x,))
    to_channels_last(graph)
    fuse_convolutions(graph)
    fuse_linears(graph)
    gate_in_place(graph)
    return finish(graph)


def operators(graph: torch.fx.GraphModule) -> list[str]:
    return [str(node.target) for node in graph.graph.nodes if node.op == "call_function"]


def assert_same(graph: torch.fx.GraphModule, model: nn.Module, *size: int) -> None:
    for batch in (1, 3):
        x = torch.randn(batch, *size)
        before = x.clone()
        torch.testing.assert_close(graph(x), model(x), rtol=1e-4, atol=1e-5)
        assert torch.equal(x, before)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kernel", [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (2, 1, 3)])
def test_any_convolution_is_computed_exactly(kernel: tuple, groups: int) -> None:
    settings = itertools.product([1, (2, 1, 1), (1, 2, 2)], [0, (1, 0, 1)], [True, False])
    for stride, padding, bias in settings:
        conv = nn.Conv3d(4, 8, kernel, stride, padding, (1, 2, 1), groups, bias)
        graph = fused(conv, torch.randn(2, 4, 5, 6, 7))
        assert len(operators(graph)) == 1  # the change to channels-last
        assert_same(graph, conv, 4, 5, 6, 7)


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.SiLU(), nn.Sigmoid(), nn.Hardswish(), nn.GELU()]
)
@pytest.mark.parametrize("groups", [1, 4])
def test_an_activation_is_computed_with_the_convolution(activation, groups: int) -> None:
    model = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1, groups=groups), activation)
    graph = fused(model, torch.randn(2, 4, 3, 6, 6))
    alone = groups > 1 and isinstance(activation, nn.SiLU)
    assert len(operators(graph)) == 1 + alone
    assert_same(graph, model, 4, 3, 6, 6)


@pytest.mark.parametrize("activation", [None, nn.ReLU(), nn.SiLU()])
def test_a_sum_and_a_relu_are_computed_with_the_convolution(activation) -> None:
    model = Sum(lambda y, x: x + y, activation)
    graph = fused(model, torch.randn(2, 4, 3, 6, 6))
    assert len(operators(graph)) == 1 + isinstance(activation, nn.SiLU)
    # What is added is also what the convolution reads: it must not be overwritten.
    assert not graph.fused_conv_0.in_place
    assert_same(graph, model, 4, 3, 6, 6)


def test_a_sum_overwrites_only_what_nobody_reads_any_more() -> None:
    class Net(nn.Module):
        def __init__(self, later: bool) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv3d(4, 4, 1) for _ in range(3))
            self.later = later

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            x = self.a(x)
            y = x + self.c(self.b(x))
            return [y, x] if self.later else [y, y.sum()]

    for later in (False, True):
        model = Net(later)
        graph = fused(model, torch.randn(2, 4, 3, 6, 6))
        assert graph.fused_conv_0.in_place is not later
        assert_same(graph, model, 4, 3, 6, 6)


@pytest.mark.parametrize(
    "add",
    [
        lambda y, x: y + x.mean((2, 3, 4), keepdim=True),  # of another size
        lambda y, x: torch.add(y, x, alpha=2),
        lambda y, x: y + y,
        lambda y, x: y + 1,
        lambda y, x: y + x.flatten(2).reshape(y.shape),  # a view
        lambda y, x: y * x.mean((2, 3, 4), keepdim=True).sigmoid() + x.double(),
    ],
)
def test_other_sums_stay_right(add) -> None:
    model = Sum(add, nn.ReLU())
    assert_same(fused(model, torch.randn(2, 4, 3, 6, 6)), model, 4, 3, 6, 6)


def test_small_pointwise_convolutions_are_linear_layers() -> None:
    model = nn.Sequential(nn.Conv3d(4, 8, 1), nn.ReLU(), nn.Conv3d(8, 4, 1, bias=False))
    graph = fused(model, torch.randn(2, 4, 3, 6, 6))
    assert isinstance(graph.fused_rows_0, FusedRows) and isinstance(graph.fused_rows_1, FusedRows)
    assert len(operators(graph)) == 1  # the change to channels-last
    assert_same(graph, model, 4, 3, 6, 6)
    y = graph(torch.randn(2, 4, 3, 6, 6))
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    large = fused(model, torch.randn(2, 4, 3, 60, 60))
    assert isinstance(large.fused_conv_0, FusedConv)


def test_one_position_is_packed_only_if_the_weight_is_large() -> None:
    small, large = nn.Conv3d(4, 8, 1), nn.Conv3d(512, 512, 1)
    assert operators(fused(small, torch.randn(2, 4, 1, 1, 1)))[-1] == "aten.conv3d.default"
    graph = fused(large, torch.randn(2, 512, 1, 1, 1))
    assert isinstance(graph.fused_rows_0, FusedRows)
    assert_same(graph, large, 512, 1, 1, 1)


def test_linear_layers_of_many_rows_are_packed_with_their_activation() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 8, bias=False), nn.ReLU())
    graph = fused(model, torch.randn(2, 9, 4))
    assert operators(graph) == []
    assert_same(graph, model, 9, 4)
    few = fused(model, torch.randn(2, 4))
    assert "aten.linear.default" in operators(few)
    large = nn.Linear(512, 512)
    assert operators(fused(large, torch.randn(2, 512))) == []
    tanh = nn.Sequential(nn.Linear(4, 8), nn.GELU(approximate="tanh"))
    graph = fused(tanh, torch.randn(2, 9, 4))
    assert operators(graph) == ["aten.gelu.default"]
    assert_same(graph, tanh, 9, 4)


def test_double_and_other_padding_are_left() -> None:
    double = nn.Conv3d(4, 4, 3).double()
    assert "aten.conv3d.default" in operators(fused(double, torch.randn(2, 4, 3, 6, 6).double()))
    for settings in ({"padding": "same"}, {"padding": 1, "padding_mode": "circular"}):
        conv = nn.Conv3d(4, 4, 3, **settings)
        assert_same(fused(conv, torch.randn(2, 4, 3, 6, 6)), conv, 4, 3, 6, 6)


def test_packed_weights_are_copied_pickled_and_stored() -> None:
    model = nn.Sequential(nn.Conv3d(4, 4, 3, groups=2), nn.Flatten(2), nn.Linear(16, 3), nn.ReLU())
    graph = fused(model, torch.randn(2, 4, 3, 6, 6))
    x = torch.randn(2, 4, 3, 6, 6)
    expected = graph(x)
    other = fused(copy.deepcopy(model).apply(_fill), torch.randn(2, 4, 3, 6, 6))
    other.load_state_dict(graph.state_dict())
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph)), other):
        assert torch.equal(twin(x), expected)


def _fill(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.5)
