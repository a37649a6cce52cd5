import copy
import pickle

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.conv3d import choose_conv3d_kernels, to_channels_last
from pytorchvideo_clone.accelerator.passes.gate import FusedGate, fuse_gates
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.pool import mean_by_sums, pool_by_mean
from pytorchvideo_clone.layers import SqueezeExcitation


class Block(nn.Module):
    """A convolution, the gate of its result, and by wish of its maker more."""

    def __init__(self, activation: nn.Module, read_again: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 6, (1, 3, 3), padding=(0, 1, 1))
        self.gate = SqueezeExcitation(6, 2, is_3d=True)
        self.activation, self.read_again = activation, read_again

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.conv(x)
        y = self.activation(self.gate(x))
        return [y, x] if self.read_again else [y]


def gated(model: nn.Module, x: torch.Tensor) -> tuple[torch.fx.GraphModule, int]:
    graph = capture(model, (x,))
    for change in (pool_by_mean, to_channels_last, mean_by_sums, choose_conv3d_kernels):
        change(graph)
    found = fuse_gates(graph)
    return finish(graph), found


@pytest.mark.parametrize("read_again", [False, True])
@pytest.mark.parametrize("activation", [nn.SiLU(), nn.ReLU(), nn.Identity()], ids=str)
def test_a_gate_is_one_module(activation: nn.Module, read_again: bool) -> None:
    model = Block(activation, read_again).double()
    x = torch.randn(2, 3, 3, 5, 7, dtype=torch.float64)
    before = x.clone()
    graph, found = gated(model, x)
    assert found == 1
    gate = graph.fused_gate_0
    assert isinstance(gate, FusedGate)
    assert gate.silu == isinstance(activation, nn.SiLU) and gate.in_place is not read_again
    for clip in (x, x[:1], torch.randn(4, 3, 3, 5, 7, dtype=torch.float64)):
        for result, expected in zip(graph(clip), model(clip), strict=True):
            torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(x, before)


def test_a_gate_is_copied_and_pickled() -> None:
    model, x = Block(nn.SiLU()), torch.randn(2, 3, 3, 5, 7)
    graph, _ = gated(model, x)
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert torch.equal(twin(x)[0], graph(x)[0])


class Others(nn.Module):
    """Almost gates: each differs in one thing."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.conv, self.a, self.b = nn.Conv3d(3, 6, 1), nn.Conv3d(6, 2, 1), nn.Conv3d(2, 6, 1)
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        mean = x.mean((3, 4) if self.kind == "frames" else (2, 3, 4), keepdim=True)
        small = self.a(mean)
        small = small.tanh() if self.kind == "tanh" else small.relu()
        gate = self.b(small).sigmoid()
        other = x + 1 if self.kind == "another clip" else x
        y = other + gate if self.kind == "sum" else other * gate
        return y + gate if self.kind == "read again" else y


@pytest.mark.parametrize("kind", ["frames", "tanh", "another clip", "sum", "read again"])
def test_others_stay_right(kind: str) -> None:
    model, x = Others(kind), torch.randn(2, 3, 3, 5, 7)
    graph, found = gated(model, x)
    assert found == 0
    torch.testing.assert_close(graph(x), model(x), rtol=1e-4, atol=1e-5)
