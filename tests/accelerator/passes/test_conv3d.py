import copy
import random

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.conv3d import (
    KERNELS,
    choose_conv3d_kernels,
    to_channels_last,
)
from pytorchvideo_clone.accelerator.passes.graph import capture, finish

# One convolution of each kind, and the (T, H, W) of its clip.
KINDS = {
    "linear": (nn.Conv3d(4, 6, 1), (1, 1, 1)),
    "rows": (nn.Conv3d(4, 6, 1, bias=False), (5, 6, 7)),
    "frames": (nn.Conv3d(4, 6, (1, 3, 3), (1, 2, 1), (0, 1, 0), (1, 2, 1), 2), (5, 6, 7)),
    "time": (nn.Conv3d(4, 4, (3, 1, 1), (2, 1, 1), (2, 0, 0), (2, 1, 1), 4), (5, 6, 7)),
    "native": (nn.Conv3d(4, 4, 3, padding=1, groups=4), (5, 6, 7)),
}


def lowered(conv: nn.Conv3d, x: torch.Tensor) -> torch.fx.GraphModule:
    graph = capture(conv, (x,))
    assert to_channels_last(graph) == 1
    assert choose_conv3d_kernels(graph) == 1
    return finish(graph)


def kind_of(graph: torch.fx.GraphModule) -> str:
    names = [node.target for node in graph.graph.nodes if node.op == "call_module"]
    assert len(names) == 1
    return names[0].rpartition("_")[0]


@pytest.mark.parametrize("kind", KERNELS)
def test_each_kind_is_computed_by_its_kernel(kind: str) -> None:
    conv, clip = KINDS[kind]
    conv = copy.deepcopy(conv).double()
    graph = lowered(conv, torch.randn(2, 4, *clip, dtype=torch.float64))
    assert kind_of(graph) == kind
    for batch in (1, 3):
        x = torch.randn(batch, 4, *clip, dtype=torch.float64)
        torch.testing.assert_close(graph(x), conv(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KERNELS)
def test_the_result_lies_in_channels_last(kind: str) -> None:
    conv, clip = KINDS[kind]
    x = torch.randn(2, 4, *clip)
    y = lowered(conv, x)(x)
    torch.testing.assert_close(y, conv(x), rtol=1e-4, atol=1e-5)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


def test_any_convolution_is_computed_exactly() -> None:
    draw, kinds = random.Random(0), set()
    kernels = [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (2, 1, 3)]
    steps = [(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 1, 1)]
    for seed in range(25):
        torch.manual_seed(seed)
        conv = nn.Conv3d(
            4,
            8,
            draw.choice(kernels),
            stride=draw.choice(steps),
            padding=draw.choice([(0, 0, 0), (0, 0, 0), (0, 1, 1), (1, 0, 0)]),
            dilation=draw.choice(steps),
            groups=draw.choice([1, 1, 2, 4]),
            bias=draw.random() < 0.5,
            dtype=torch.float64,
        )
        x = torch.randn(2, 4, draw.choice([5, 16]), 6, 7, dtype=torch.float64)
        graph = lowered(conv, x)
        kinds.add(kind_of(graph))
        torch.testing.assert_close(graph(x), conv(x), rtol=1e-12, atol=1e-12)
    assert kinds == {"rows", "frames", "time", "native"}


def test_a_kernel_that_was_chosen_is_taken() -> None:
    conv = nn.Conv3d(4, 6, 1)
    x = torch.randn(2, 4, 5, 6, 7)
    graph = capture(conv, (x,))
    next(n for n in graph.graph.nodes if "conv3d" in str(n.target)).meta["kernel"] = "time"
    choose_conv3d_kernels(graph)
    graph = finish(graph)
    assert kind_of(graph) == "time"
    torch.testing.assert_close(graph(x), conv(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", [{"padding": "same"}, {"padding_mode": "circular"}])
def test_padding_of_another_kind_stays_right(settings: dict) -> None:
    conv = nn.Conv3d(4, 4, 3, **{"padding": 1, **settings})
    x = torch.randn(2, 4, 5, 6, 7)
    graph = capture(conv, (x,))
    choose_conv3d_kernels(graph)
    torch.testing.assert_close(finish(graph)(x), conv(x), rtol=1e-4, atol=1e-5)
