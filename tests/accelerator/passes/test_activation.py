import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.activation import (
    activate_in_place,
    gate_in_place,
    recover_silu,
    split_silu,
)
from pytorchvideo_clone.accelerator.passes.conv3d import choose_conv3d_kernels
from pytorchvideo_clone.accelerator.passes.graph import capture, finish


class Swishes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * torch.sigmoid(x)
        z = torch.sigmoid(y) * y
        return z * torch.sigmoid(x)  # another factor: no activation


def test_x_times_its_sigmoid_is_one_operator() -> None:
    x = torch.randn(2, 3)
    graph = capture(Swishes(), (x,))
    assert recover_silu(graph) == 2
    graph = finish(graph)
    targets = [str(node.target) for node in graph.graph.nodes]
    assert targets.count("aten.silu.default") == 2
    assert targets.count("aten.sigmoid.default") == 1
    torch.testing.assert_close(graph(x), Swishes()(x))


def test_silu_becomes_a_product() -> None:
    x = torch.randn(2, 3)
    graph = capture(nn.SiLU(), (x,))
    assert split_silu(graph) == 1
    graph = finish(graph)
    assert not any("silu" in str(node.target) for node in graph.graph.nodes)
    torch.testing.assert_close(graph(x), torch.nn.functional.silu(x))


class Sums(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        alone = torch.relu(x + 1)
        shared = x + 2
        return alone, torch.relu(shared), shared, torch.relu(x)


def test_only_a_fresh_result_that_nobody_else_reads_is_overwritten() -> None:
    x = torch.randn(3, 4)
    before = x.clone()
    graph = capture(Sums(), (x,))
    assert activate_in_place(graph) == 1
    for result, expected in zip(finish(graph)(x), Sums()(x), strict=True):
        torch.testing.assert_close(result, expected)
    assert torch.equal(x, before)


class Gates(nn.Module):
    """Convolutions scaled by what is made of them; some are read again."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv3d(2, 2, 1) for _ in range(5)])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        free, kept, viewed, wider, input_ = (conv(x) for conv in self.convs)
        gate = free.mean((2, 3, 4), keepdim=True).sigmoid()
        flat = viewed.flatten(2)
        results = [free * gate, kept * gate, viewed * gate, x * input_]
        return [*results, kept, flat, wider[:, :, :1] * wider, gate * gate]


def test_a_gate_overwrites_only_what_nobody_reads_any_more() -> None:
    model, x = Gates(), torch.randn(2, 2, 3, 4, 4)
    before = x.clone()
    graph = capture(model, (x,))
    assert choose_conv3d_kernels(graph) == 5
    assert gate_in_place(graph) == 2  # `free`, and the convolution that scales the input
    for result, expected in zip(finish(graph)(x), model(x), strict=True):
        torch.testing.assert_close(result, expected)
    assert torch.equal(x, before)
