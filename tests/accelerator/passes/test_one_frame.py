from pathlib import Path

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import export_model
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.one_frame import one_frame_by_conv2d

ONE = [
    nn.Conv3d(4, 6, (1, 3, 3), (1, 2, 1), (0, 1, 2), bias=False),
    nn.Conv3d(4, 6, (3, 1, 1), (2, 1, 1), (1, 0, 0)),
    nn.Conv3d(4, 4, (5, 3, 3), 1, (4, 2, 2), (2, 2, 2), groups=4),
    nn.Conv3d(4, 6, (1, 2, 3), groups=2),
]
OTHERS = [
    nn.Conv3d(4, 6, (3, 3, 3), 1, 2),  # of one frame three
    nn.Conv3d(4, 6, (2, 3, 3), 1, (1, 0, 0), (2, 1, 1)),  # between the taps
]


@pytest.mark.parametrize("conv", ONE + OTHERS, ids=str)
def test_convolutions_from_one_frame_to_one_are_of_two_dimensions(conv: nn.Module) -> None:
    x = torch.randn(2, 4, 1, 6, 7)
    graph = capture(conv, (x,))
    assert one_frame_by_conv2d(graph) == (conv in ONE)
    graph = finish(graph)
    assert any(node.target is torch.ops.aten.conv2d.default for node in graph.graph.nodes) == (
        conv in ONE
    )
    for clips in (x, torch.randn(5, 4, 1, 6, 7)):
        torch.testing.assert_close(graph(clips), conv(clips))


def test_clips_of_several_frames_stay_in_three_dimensions() -> None:
    assert one_frame_by_conv2d(capture(ONE[0], (torch.randn(2, 4, 2, 6, 7),))) == 0


class Pooled(nn.Module):
    """As MViT pools the tokens of an image in two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)
        self.pool = nn.Conv3d(32, 32, (1, 3, 3), 1, (0, 1, 1), groups=32, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.linear(x).unflatten(-1, [2, -1]).transpose(1, 2)
        images = tokens.reshape(-1, 1, 8, 8, 32).permute(0, 4, 1, 2, 3)
        return self.pool(images).flatten(2).transpose(1, 2).reshape(-1, 2, 64, 32)


def test_tokens_of_an_image_are_right_in_aot_inductor(tmp_path: Path) -> None:
    report = export_model(Pooled(), torch.randn(2, 64, 64), tmp_path / "pooled.aoti.pt2")
    assert report.difference < 1e-5
