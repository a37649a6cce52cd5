import pickle

import pytest
import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.conv3d import Geometry
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.int8 import (
    Int8Conv,
    Int8Linear,
    Steps,
    ToBytes,
    float_layers,
    fuse_int8,
    has_int8,
)
from pytorchvideo_clone.accelerator.passes.quantize import as_int8, insert_int8, observe

needs_int8 = pytest.mark.skipif(not has_int8(), reason="this CPU has no AVX512-VNNI")
STEPS = Steps(0.05, 100)


def draw_bytes(*size: int) -> Tensor:
    return torch.randint(0, 256, size, dtype=torch.uint8)


def values(x: Tensor, steps: Steps = STEPS) -> Tensor:
    return (x.float() - steps.zero) * steps.scale


@needs_int8
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
        ((3, 3, 3), (1, 2, 2), (1, 1, 1), (1, 1, 1)),
        ((1, 7, 7), (1, 2, 2), (0, 3, 3), (1, 1, 1)),
        ((5, 1, 1), (4, 1, 1), (2, 0, 0), (1, 1, 1)),
        ((3, 1, 3), (1, 1, 1), (2, 0, 1), (2, 1, 1)),
    ],
)
def test_a_convolution_gives_what_its_numbers_stand_for(kernel, stride, padding, dilation) -> None:
    torch.manual_seed(0)
    integers, scales = as_int8(torch.randn(8, 6, *kernel))
    geometry = Geometry((5, 9, 8), kernel, stride, padding, dilation, 1)
    conv = Int8Conv(geometry, integers, scales, torch.randn(8), STEPS)
    x = draw_bytes(3, 6, 5, 9, 8)
    weight = integers * scales.reshape(-1, 1, 1, 1, 1)
    expected = nn.functional.conv3d(values(x), weight, conv.bias, stride, padding, dilation)
    torch.testing.assert_close(conv(x), expected, rtol=1e-4, atol=1e-4)
    conv.result = Steps(float(expected.max()) / 200, 3)
    given = conv(x)
    assert given.dtype == torch.uint8
    # Half a step, for what the range holds; below it is cut off.
    expected = expected.clamp(min=-3 * conv.result.scale)
    assert float((values(given, conv.result) - expected).abs().max()) <= 0.501 * conv.result.scale


@needs_int8
def test_a_linear_layer_gives_what_its_numbers_stand_for() -> None:
    integers, scales = as_int8(torch.randn(5, 12))
    linear = Int8Linear(32, integers, scales, None, STEPS)
    for rows in (32, 7):
        x = draw_bytes(2, rows, 12)
        expected = values(x) @ (integers * scales[:, None]).T
        torch.testing.assert_close(linear(x), expected, rtol=1e-4, atol=1e-4)


def test_bytes_are_the_nearest_and_cut_off_at_the_ends() -> None:
    x = torch.tensor([-100.0, -5.0, -0.026, 0.0, 0.024, 0.026, 7.75, 100.0])
    assert ToBytes(STEPS)(x).tolist() == [0, 0, 99, 100, 100, 101, 255, 255]
    clip = torch.randn(2, 3, 4, 5, 6).contiguous(memory_format=torch.channels_last_3d)
    assert ToBytes(STEPS)(clip).is_contiguous(memory_format=torch.channels_last_3d)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 8, (1, 3, 3), stride=(1, 2, 2))
        self.depthwise = nn.Conv3d(8, 8, 3, padding=1, groups=8)
        self.a = nn.Conv3d(8, 16, 1)
        self.b = nn.Conv3d(16, 8, (3, 1, 1), padding=(1, 0, 0))
        self.gate = nn.Conv3d(8, 8, 1)
        self.rows = nn.Linear(8, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(torch.relu(self.stem(x)))
        x = x + self.b(torch.relu(self.a(x)))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3, 4), keepdim=True)))
        return self.head(self.rows(x.flatten(2).transpose(1, 2)).mean(1))


def prepare() -> tuple[fx.GraphModule, Tensor]:
    torch.manual_seed(0)
    clip = torch.randn(2, 3, 4, 16, 16)
    graph = finish(capture(Net().eval(), (clip,)))
    insert_int8(graph, observe(graph, [(clip,)]), float_layers(graph))
    return graph, clip


@needs_int8
def test_layers_compute_what_the_pairs_say() -> None:
    graph, clip = prepare()
    graph.recompile()
    expected = graph(clip)
    assert fuse_int8(graph) == 4
    fused = finish(graph)
    assert not any("quantize" in str(node.target) for node in fused.graph.nodes)
    # Where a sum in another order falls on the other side of half a step, a byte differs by one.
    torch.testing.assert_close(fused(clip), expected, rtol=0.01, atol=0.005)
    again = pickle.loads(pickle.dumps(fused))
    torch.testing.assert_close(again(clip[:1]), fused(clip[:1]), rtol=0, atol=0)
    other = finish(graph)
    for layer in other.modules():
        if isinstance(layer, Int8Conv):
            layer.weight = torch.zeros_like(layer.weight)
    other.load_state_dict(fused.state_dict())
    torch.testing.assert_close(other(clip), fused(clip), rtol=0, atol=0)


@needs_int8
def test_bytes_go_from_layer_to_layer_without_the_activation() -> None:
    graph, _ = prepare()
    fuse_int8(graph)
    kinds = [
        type(graph.get_submodule(n.target)) for n in graph.graph.nodes if n.op == "call_module"
    ]
    # The clip, what the depthwise convolution gives and the rows; between a and b there are bytes.
    assert kinds.count(ToBytes) == 3
    relus = [node for node in graph.graph.nodes if "relu" in str(node.target)]
    assert len(relus) == 1


def test_layers_without_a_gain_are_named() -> None:
    graph = capture(Net().eval(), (torch.randn(2, 3, 4, 16, 16),))
    assert float_layers(graph) == ["depthwise", "gate", "head"]
    graph = capture(Net().double().eval(), (torch.randn(2, 3, 4, 16, 16).double(),))
    assert len(float_layers(graph)) == 7
