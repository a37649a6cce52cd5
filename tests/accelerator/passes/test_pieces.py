import itertools
import random

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.conv3d import to_channels_last
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.onednn import fuse_convolutions, has_onednn
from pytorchvideo_clone.accelerator.passes.pieces import InPieces, compute_in_pieces

pytestmark = pytest.mark.skipif(not has_onednn(torch.float32), reason="no oneDNN in this torch")

# Bytes of a frame of eight channels of 6 x 6 numbers.
FRAME = 8 * 6 * 6 * 4


def in_pieces(model: nn.Module, x: torch.Tensor, limit: int) -> tuple[torch.fx.GraphModule, int]:
    graph = capture(model, (x,))
    to_channels_last(graph)
    fuse_convolutions(graph)
    found = compute_in_pieces(graph, limit)
    return finish(graph), found


def largest_frames(pieces: InPieces, x: torch.Tensor) -> int:
    """How many frames the first layer gives at most."""
    frames = []
    hook = pieces.first.register_forward_hook(lambda layer, args, y: frames.append(y.shape[2]))
    pieces(x)
    hook.remove()
    return max(frames)


def test_any_two_layers_are_computed_exactly() -> None:
    cases = itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), range(2, 12), range(1, 12))
    done = 0
    for kernel, stride, padding, length, frames in random.Random(0).sample([*cases], 400):
        reads = kernel + stride - 1
        if not padding < kernel <= reads <= frames or kernel > length + 2 * padding:
            continue
        first = nn.Conv3d(3, 4, 1).double()
        second = nn.Conv3d(4, 4, (kernel, 3, 3), (stride, 2, 2), (padding, 1, 1), groups=4).double()
        pieces = InPieces(first, second, kernel, stride, padding, frames)
        for batch in (1, 3):
            x = torch.randn(batch, 3, length, 5, 6, dtype=torch.float64)
            torch.testing.assert_close(pieces(x), second(first(x)), rtol=1e-12, atol=1e-12)
        assert largest_frames(pieces, x) <= frames
        done += 1
    assert done > 100


@pytest.mark.parametrize("stride", [1, 2])
def test_large_results_are_computed_in_pieces(stride: int) -> None:
    second = nn.Conv3d(8, 8, 3, (stride, 2, 2), 1, groups=8)
    model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.ReLU(), second)
    graph, found = in_pieces(model, torch.randn(2, 3, 19, 6, 6), 16 * FRAME)
    assert found == 1
    for batch in (1, 3):
        x = torch.randn(batch, 3, 19, 6, 6)
        y = graph(x)
        torch.testing.assert_close(y, model(x), rtol=1e-4, atol=1e-5)
        assert y.is_contiguous(memory_format=torch.channels_last_3d)
    assert largest_frames(graph.in_pieces_0, x) <= 16


def test_pools_of_frames_follow_too() -> None:
    for pool in (nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), nn.MaxPool3d((1, 2, 2))):
        model = nn.Sequential(nn.Conv3d(3, 8, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU(), pool)
        x = torch.randn(2, 3, 5, 6, 6)
        graph, found = in_pieces(model, x, 4 * FRAME)
        assert found == 1 and largest_frames(graph.in_pieces_0, x) == 3
        torch.testing.assert_close(graph(x), model(x), rtol=1e-4, atol=1e-5)


class Branches(nn.Module):
    """The first result is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 8, 1), nn.Conv3d(8, 2, 1, (1, 2, 2))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.first(x)
        return [x, self.second(x)]


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Conv3d(3, 8, 1), nn.ReLU()),
        nn.Sequential(nn.Conv3d(3, 8, 1), nn.Conv3d(8, 8, 1)),  # as large
        nn.Sequential(nn.Conv3d(3, 8, (3, 1, 1), padding=(1, 0, 0)), nn.Conv3d(8, 1, 1)),
        nn.Sequential(nn.Conv3d(3, 8, 1), nn.Conv3d(8, 1, 3, 1, (2, 1, 1), (2, 1, 1))),
        nn.Sequential(nn.Conv3d(3, 8, 1), nn.MaxPool3d(2)),
        nn.Sequential(nn.Conv3d(3, 8, 1), nn.Conv3d(8, 1, (2, 1, 1))),  # reads half of what fits
        Branches(),
    ],
    ids=range(7),
)
def test_others_stay(model: nn.Module) -> None:
    x = torch.randn(2, 3, 6, 6, 6)
    graph, found = in_pieces(model, x, 4 * FRAME)
    assert found == 0
    torch.testing.assert_close(graph(x), model(x), rtol=1e-4, atol=1e-5)


def test_small_clips_stay_whole() -> None:
    model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.Conv3d(8, 8, 1, (1, 2, 2)))
    assert in_pieces(model, torch.randn(2, 3, 4, 6, 6), 4 * FRAME)[1] == 0
    assert in_pieces(model, torch.randn(2, 3, 5, 6, 6), 4 * FRAME)[1] == 1
