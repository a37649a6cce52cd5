import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.batch_norm import fold_batch_norm
from pytorchvideo_clone.accelerator.passes.graph import capture, finish
from tests.reference import fill


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_norm_goes_into_the_convolution_before_it(dims: int, affine: bool, bias: bool) -> None:
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1](4, 6, 3, groups=2, bias=bias)
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1](6, 0.01, affine=affine)
    model = fill.fill_module(nn.Sequential(conv, norm, nn.ReLU())).double().eval()
    x = torch.randn(2, 4, *(5,) * dims, dtype=torch.float64)
    graph = capture(model, (x,))
    assert fold_batch_norm(graph) == 1
    graph = finish(graph)
    assert not any("batch_norm" in str(node.target) for node in graph.graph.nodes)
    torch.testing.assert_close(graph(x), model(x), rtol=1e-12, atol=1e-12)


def test_norms_that_share_their_input_or_have_none_before_them_stay() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.BatchNorm3d(4)
            self.conv = nn.Conv3d(4, 4, 1)
            self.norm = nn.BatchNorm3d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(self.first(x))
            return y + self.norm(y)

    model = fill.fill_module(Net()).eval()
    x = torch.randn(2, 4, 3, 3, 3)
    graph = capture(model, (x,))
    assert fold_batch_norm(graph) == 0
    torch.testing.assert_close(finish(graph)(x), model(x))


def test_a_convolution_used_twice_is_folded_for_each_use() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(4, 4, 1)
            self.norms = nn.ModuleList([nn.BatchNorm3d(4), nn.BatchNorm3d(4)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for norm in self.norms:
                x = norm(self.conv(x))
            return x

    model = fill.fill_module(Net()).double().eval()
    x = torch.randn(2, 4, 3, 3, 3, dtype=torch.float64)
    graph = capture(model, (x,))
    assert fold_batch_norm(graph) == 2
    torch.testing.assert_close(finish(graph)(x), model(x), rtol=1e-12, atol=1e-12)
