import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes import autotune
from pytorchvideo_clone.accelerator.passes.activation import activate_in_place
from pytorchvideo_clone.accelerator.passes.autotune import measure_kernels
from pytorchvideo_clone.accelerator.passes.conv3d import (
    KERNELS,
    choose_conv3d_kernels,
    to_channels_last,
)
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.onednn import (
    FUSED_KERNELS,
    fuse_convolutions,
    has_onednn,
)


class Net(nn.Module):
    """Two equal blocks of an inverted residual, and a gate of one position."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.ModuleList([nn.Conv3d(8, 16, 1) for _ in range(2)])
        self.deep = nn.ModuleList([nn.Conv3d(16, 16, 3, padding=1, groups=16) for _ in range(2)])
        self.narrow = nn.ModuleList([nn.Conv3d(16, 8, 1, bias=False) for _ in range(2)])
        self.gate = nn.Conv3d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for wide, deep, narrow in zip(self.wide, self.deep, self.narrow, strict=True):
            y = torch.nn.functional.silu(deep(torch.relu(wide(x))))
            x = torch.relu(x + narrow(y))
        return x * self.gate(x.mean((2, 3, 4), keepdim=True)).sigmoid()


def chosen(graph: torch.fx.GraphModule) -> dict[str, str]:
    nodes = [node for node in graph.graph.nodes if "kernel" in node.meta]
    return {
        list(node.meta["nn_module_stack"].values())[-1][0]: node.meta["kernel"] for node in nodes
    }


def measured(model: nn.Module, x: torch.Tensor, **how) -> tuple[torch.fx.GraphModule, int]:
    graph = capture(model, (x,))
    to_channels_last(graph)
    return graph, measure_kernels(graph, **how)


def test_each_different_convolution_is_measured_once_and_results_stay() -> None:
    model, x = Net().eval(), torch.randn(2, 8, 3, 10, 10)
    graph, count = measured(model, x)
    assert count == 3
    kernels = chosen(graph)
    assert list(kernels) == [f"{part}.{i}" for i in (0, 1) for part in ("wide", "deep", "narrow")]
    for part in ("wide", "deep", "narrow"):
        assert kernels[f"{part}.0"] == kernels[f"{part}.1"]
    for change in (fuse_convolutions, choose_conv3d_kernels, activate_in_place):
        change(graph)
    graph = finish(graph)
    for batch in (1, 3):
        x = torch.randn(batch, 8, 3, 10, 10)
        torch.testing.assert_close(graph(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_every_kernel_that_computes_it_is_a_candidate(fused: bool, monkeypatch) -> None:
    tried: list[list[str]] = []

    def last(calls: dict, rule: str) -> str:
        assert rule in calls
        for call in calls.values():
            torch.testing.assert_close(call(), calls[rule](), rtol=1e-4, atol=1e-5)
        tried.append(list(calls))
        return list(calls)[-1]

    monkeypatch.setattr(autotune, "_fastest", last)
    model, x = Net().eval(), torch.randn(2, 8, 20, 6, 6)
    graph, _ = measured(model, x, fused=fused)
    more = [
        ["fused_conv", "fused_rows"],
        ["fused_conv", "fused_silu"],
        ["fused_conv", "fused_rows"],
    ]
    plain = [["rows", "frames", "time", "native"], ["native"], ["rows", "frames", "time", "native"]]
    if fused and has_onednn(torch.float32):
        plain = [kinds + extra for kinds, extra in zip(plain, more, strict=True)]
    assert tried == plain
    assert {kind for kinds in tried for kind in kinds} <= {*KERNELS, *FUSED_KERNELS}
    fuse_convolutions(graph)
    choose_conv3d_kernels(graph)
    x = torch.randn(1, 8, 20, 6, 6)
    torch.testing.assert_close(finish(graph)(x), model(x), rtol=1e-4, atol=1e-5)


def test_the_fastest_wins() -> None:
    work = torch.randn(96, 96)

    def times(count: int):
        return lambda: [work @ work for _ in range(count)]

    assert autotune._fastest({"slow": times(40), "fast": times(4)}, "slow") == "fast"
    assert autotune._fastest({"slow": times(400), "fast": times(4)}, "fast") == "fast"
