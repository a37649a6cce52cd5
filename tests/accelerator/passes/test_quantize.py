import copy

import pytest
import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.passes.batch_norm import fold_batch_norm
from pytorchvideo_clone.accelerator.passes.frames import to_frames
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.quantize import (
    PAIRS,
    Range,
    as_int8,
    insert_int8,
    layer_name,
    observe,
    out_of_place,
    scale_of,
)

CLIPS = torch.randn(3, 2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Two convolutions around a sum, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm3d(8)
        self.relu = nn.ReLU(inplace=True)
        self.branch = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.stem(x)))
        return self.head((x + self.branch(x)).mean((2, 3, 4)))


def make(frames: bool = False) -> tuple[nn.Module, fx.GraphModule]:
    torch.manual_seed(0)
    model = Net()
    model.norm.running_var.uniform_(0.8, 1.2)
    graph = capture(model.eval(), (CLIPS[0],))
    fold_batch_norm(graph)
    if frames:
        to_frames(graph)
    return model, finish(graph)


def count(graph: fx.GraphModule, name: str) -> int:
    return sum(f"decomposed.{name}" in str(node.target) for node in graph.graph.nodes)


def test_ranges_hold_what_all_clips_gave() -> None:
    model, graph = make()
    ranges = observe(graph, [(clip,) for clip in CLIPS])
    assert ranges["x"] == (float(CLIPS.min()), float(CLIPS.max()))
    with torch.no_grad():
        scores = torch.stack([model(clip) for clip in CLIPS])
    assert ranges["linear"].low == pytest.approx(float(scores.min()))
    assert ranges["relu_"].low == 0


@pytest.mark.parametrize("target", PAIRS)
@pytest.mark.parametrize("frames", [False, True])
def test_int8_differs_by_little_and_as_much_as_its_steps(target: str, frames: bool) -> None:
    model, graph = make(frames)
    ranges = observe(graph, [(clip,) for clip in CLIPS])
    # Over frames, three taps are a centre, two for the inner frames and one for each end.
    assert insert_int8(graph, ranges, pairs=PAIRS[target]) == (11 if frames else 3)
    graph = finish(graph)
    with torch.no_grad():
        output, expected = graph(CLIPS[0]), model(CLIPS[0])
    error = float((output - expected).norm() / expected.norm())
    assert 1e-4 < error < 0.05
    assert graph(CLIPS[0, :1]).shape == (1, 5)


def test_pairs_stand_where_the_target_wants_them() -> None:
    _, graph = make()
    ranges = observe(graph, [(clip,) for clip in CLIPS])
    counts = {}
    for target in PAIRS:
        copied = copy.deepcopy(graph)
        insert_int8(copied, ranges, pairs=PAIRS[target])
        counts[target] = count(copied, "quantize_per_tensor")
        assert counts[target] == count(copied, "dequantize_per_tensor")
        assert count(copied, "dequantize_per_channel") == 3
    # The clip, the activation, the mean; the branch and the scores; the sum.
    assert counts == {"cpu": 3, "openvino": 3, "onnx": 5, "executorch": 6}


def test_layers_are_kept_in_float_by_their_names() -> None:
    for frames in (False, True):
        _, graph = make(frames)
        ranges = observe(graph, [(clip,) for clip in CLIPS])
        insert_int8(graph, ranges, keep={"stem", "branch"})
        assert count(graph, "dequantize_per_channel") == 1
        layers = {layer_name(node) for node in graph.graph.nodes if "conv" in str(node.target)}
        assert layers == {"stem", "branch"}


def test_keeping_all_layers_changes_nothing() -> None:
    model, graph = make()
    insert_int8(graph, observe(graph, [(CLIPS[0],)]), keep={"stem", "branch", "head"})
    torch.testing.assert_close(finish(graph)(CLIPS[1]), model(CLIPS[1]))


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        (Range(0.0, 5.1), 0.0, 5.1),
        (Range(-1.0, 3.0), -1.0, 3.0),
        (Range(2.0, 3.0), 0.0, 3.0),
        (Range(-3.0, -2.0), -3.0, 0.0),
    ],
)
def test_a_scale_spans_the_range_and_zero(given: Range, low: float, high: float) -> None:
    scale, zero = scale_of(given)
    assert (-128 - zero) * scale == pytest.approx(low, abs=scale)
    assert (127 - zero) * scale == pytest.approx(high, abs=scale)
    assert -128 <= zero <= 127


def test_nothing_but_zeros_has_a_scale() -> None:
    scale, zero = scale_of(Range(0.0, 0.0))
    assert scale > 0 and zero == -128


def test_each_channel_of_a_weight_uses_all_of_int8() -> None:
    weight = torch.randn(4, 3, 1, 3, 3) * torch.tensor([0.01, 1, 10, 0]).reshape(4, 1, 1, 1, 1)
    integers, scales = as_int8(weight)
    assert integers.dtype == torch.int8
    assert integers.flatten(1).abs().amax(1).tolist() == [127, 127, 127, 0]
    restored = integers * scales.reshape(4, 1, 1, 1, 1)
    assert bool(((restored - weight).abs() <= scales.reshape(4, 1, 1, 1, 1) / 2 * 1.001).all())


def test_what_a_view_shows_is_still_overwritten() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x + 1
            view = y.flatten()
            y.relu_()
            return view + (x * 2).relu_().flatten()

    graph = capture(Twice(), (torch.randn(2, 3),))
    assert out_of_place(graph) == 1
    x = torch.randn(2, 3)
    torch.testing.assert_close(finish(graph)(x), Twice()(x))
