import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.pool import pool_by_mean

WHOLE = [nn.AdaptiveAvgPool3d(1), nn.AvgPool3d((4, 6, 5)), nn.AvgPool3d((4, 6, 5), stride=1)]
PARTS = [
    nn.AdaptiveAvgPool3d((1, 2, 1)),
    nn.AvgPool3d((4, 6, 4)),
    nn.AvgPool3d((4, 6, 5), padding=(1, 0, 0)),
    nn.AvgPool3d((4, 6, 5), divisor_override=7),
    nn.MaxPool3d((4, 6, 5)),
]


@pytest.mark.parametrize("pool", WHOLE + PARTS, ids=str)
def test_pools_over_everything_become_means_and_others_stay(pool: nn.Module) -> None:
    x = torch.randn(2, 3, 4, 6, 5)
    graph = capture(pool, (x,))
    assert pool_by_mean(graph) == (pool in WHOLE)
    torch.testing.assert_close(finish(graph)(x), pool(x))
