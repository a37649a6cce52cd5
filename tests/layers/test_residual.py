import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers.residual import ResBlock


def test_without_a_shortcut_the_input_itself_is_added() -> None:
    branch = nn.Conv3d(2, 2, 1)
    x = torch.randn(1, 2, 3, 4, 4)
    block = ResBlock(branch2=branch, activation=nn.ReLU())
    torch.testing.assert_close(block(x), (x + branch(x)).relu())


def test_shortcut_and_fusion_are_used() -> None:
    shortcut, norm, branch = nn.Conv3d(2, 3, 1), nn.BatchNorm3d(3).eval(), nn.Conv3d(2, 3, 1)
    block = ResBlock(shortcut, norm, branch, branch_fusion=torch.maximum)
    x = torch.randn(1, 2, 3, 4, 4)
    torch.testing.assert_close(block(x), torch.maximum(norm(shortcut(x)), branch(x)))


def test_a_block_without_its_branch_is_refused() -> None:
    with pytest.raises(ValueError, match="branch2 is None"):
        ResBlock()
