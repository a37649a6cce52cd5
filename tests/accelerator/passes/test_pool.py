import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from pytorchvideo_clone.accelerator.passes.pool import mean_by_sums, pool_by_mean

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


class Means(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        every = x.mean((2, 3, 4), keepdim=True)
        others = x.mean((2, 3, 4)), x.mean((3, 4), keepdim=True), x.mean((-1, 2, 3), keepdim=True)
        return every, *others


@pytest.mark.parametrize("size", [(3, 2, 1, 1), (70, 4, 31, 32), (130, 2, 5, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_means_over_all_positions_are_sums(size: tuple, dtype: torch.dtype) -> None:
    x = torch.randn(3, *size, dtype=dtype).contiguous(memory_format=torch.channels_last_3d)
    graph = capture(Means(), (x,))
    assert mean_by_sums(graph) == 2
    before = x.clone()
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    # Numbers of bfloat16 have 8 digits; the sum is rounded once more than the mean.
    tolerance = {torch.float64: 1e-15, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    for result, expected in zip(finish(graph)(x), Means()(x.to(wide)), strict=True):
        assert result.dtype == dtype
        torch.testing.assert_close(result.to(wide), expected, rtol=tolerance, atol=tolerance)
    assert torch.equal(x, before)
