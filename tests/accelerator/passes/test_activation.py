import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.activation import activate_in_place, recover_silu
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
