from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.passes.frames import to_frames
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.pool import pool_by_mean

CONVOLUTIONS = [
    {"kernel_size": 1},
    {"kernel_size": (1, 3, 3), "stride": (1, 2, 2), "padding": (0, 1, 1)},
    {"kernel_size": (3, 1, 1), "padding": (1, 0, 0)},
    {"kernel_size": 3, "padding": 1, "groups": 4},
    {"kernel_size": 3, "stride": 2, "padding": 1, "bias": False},
    {"kernel_size": (5, 1, 1), "stride": (4, 1, 1), "padding": (2, 0, 0)},
    {"kernel_size": (9, 3, 3), "padding": (4, 1, 1)},  # longer than the clip
    {"kernel_size": (3, 3, 3), "dilation": (2, 1, 1), "padding": (2, 0, 0)},
    {"kernel_size": (2, 3, 3), "padding": (1, 1, 1)},  # no tap reaches every frame
    {"kernel_size": (3, 1, 1)},
    {"kernel_size": (1, 1, 1), "stride": (2, 1, 1)},
    {"kernel_size": (3, 3, 3), "padding": (2, 0, 0), "groups": 2},
]
POOLS = [
    nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    nn.MaxPool3d((2, 1, 1)),
    nn.MaxPool3d(3, 2, 1),
    nn.AvgPool3d((3, 2, 2), stride=1),
    nn.AvgPool3d((7, 5, 5), stride=1),
    nn.AvgPool3d(3, padding=1),
    nn.AdaptiveAvgPool3d(1),
]


def counts(graph: torch.fx.GraphModule) -> Counter[str]:
    return Counter(str(node.target) for node in graph.graph.nodes if node.op == "call_function")


def check(model: nn.Module, size: tuple[int, ...] = (4, 7, 10, 9), batches=(1, 2)) -> list[Counter]:
    """Lower with a batch of one, and with one that may change; compare; give the operators."""
    model = model.double().eval()
    given = []
    for batch in batches:
        x = torch.randn(batch, *size, dtype=torch.float64)
        graph = capture(model, (x,))
        pool_by_mean(graph)
        to_frames(graph)
        graph = finish(graph)
        given.append(counts(graph))
        others = [x] if batch == 1 else [x, torch.randn(5, *size, dtype=torch.float64)]
        for other in others:
            torch.testing.assert_close(graph(other), model(other), rtol=1e-12, atol=1e-12)
    return given


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("arguments", CONVOLUTIONS, ids=str)
def test_every_convolution_becomes_2d(arguments: dict, length: int) -> None:
    conv = nn.Conv3d(4, 8, **arguments)
    try:
        conv(torch.zeros(1, 4, length, 10, 9))
    except RuntimeError:
        pytest.skip("the kernel does not fit into the clip")
    for operators in check(conv, (4, length, 10, 9)):
        assert operators["aten.conv3d.default"] == 0 < operators["aten.conv2d.default"]


def test_steps_over_time_are_slices_without_a_step() -> None:
    model = nn.Conv3d(4, 8, (5, 1, 1), stride=(2, 1, 1), padding=(2, 0, 0)).eval()
    graph = capture(model, (torch.randn(1, 4, 8, 6, 6),))
    to_frames(graph)
    slices = [node for node in graph.graph.nodes if node.target is torch.ops.aten.slice.Tensor]
    assert slices
    assert all(len(node.args) < 5 or node.args[4] == 1 for node in slices)


@pytest.mark.parametrize(("step", "length"), [(1, 13), (2, 13), (1, 4)])
def test_temporal_taps_copy_little(step: int, length: int) -> None:
    conv = nn.Conv3d(4, 4, 3, (1, step, step), 1, groups=4).eval()
    graph = capture(conv, (torch.randn(1, 4, length, 12, 12),))
    to_frames(graph)
    slices = _Slices(graph)
    result = slices.run(torch.randn(1, 4, length, 12, 12))
    assert 0 < slices.copied <= 2 * result.numel()


class _Slices(torch.fx.Interpreter):
    """Counts the numbers that slices copy."""

    copied = 0

    def run_node(self, n: torch.fx.Node):
        result = super().run_node(n)
        if n.target is torch.ops.aten.slice.Tensor:
            self.copied += result.numel()
        return result


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_pools_become_2d(pool: nn.Module) -> None:
    for operators in check(nn.Sequential(nn.Conv3d(4, 4, 1), pool)):
        assert not any("pool3d" in name for name in operators)


class Gated(nn.Module):
    """Squeeze-and-excitation, a branch, a concatenation, and an operator without a form."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv3d(4, 6, 3, padding=1), nn.BatchNorm3d(6)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Conv3d(6, 6, 1), nn.Sigmoid())
        self.norm.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.norm(self.conv(x)))
        y = y * self.gate(y) + 0.5 * y
        y = torch.cat([y, x], dim=1)
        return y.cumsum(2).mean(1)


def test_branches_and_operators_without_a_form() -> None:
    for operators in check(Gated()):
        assert operators["aten.cumsum.default"] == 1
        assert (
            operators["aten.conv2d.default"] == 6
        )  # a gate; a centre, two taps inside, one at each end


def test_images_are_left_alone() -> None:
    graph = capture(nn.Conv2d(3, 4, 3), (torch.randn(2, 3, 8, 8),))
    before = counts(graph)
    assert to_frames(graph) == 0
    assert counts(graph) == before
