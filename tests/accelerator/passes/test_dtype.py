import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import roi_align

from pytorchvideo_clone.accelerator.passes.dtype import (
    ROWS,
    attention_by_products,
    to_bfloat16,
)
from pytorchvideo_clone.accelerator.passes.graph import capture, finish


class Net(nn.Module):
    """Images, boxes and whole numbers to numbers of all formats."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x, boxes, count) -> dict[str, torch.Tensor]:
        y = self.norm(self.conv(x)).relu()
        regions = roi_align(y, boxes, (2, 2))
        return {"regions": regions * 2, "scores": y.mean((2, 3)), "count": count + 1}


def test_a_graph_is_computed_in_bfloat16_and_keeps_its_formats() -> None:
    model = Net().eval()
    boxes = torch.tensor([[0, 0.0, 0.0, 4.0, 4.0], [1, 1.0, 1.0, 5.0, 3.0]])
    inputs = (torch.randn(2, 3, 8, 8), boxes, torch.tensor([1, 2]))
    graph = capture(model, inputs)
    assert to_bfloat16(graph) == 6  # two weights of the convolution, four of the norm
    graph = finish(graph)
    formats = {tensor.dtype for tensor in graph.state_dict().values()}
    assert torch.float32 not in formats and torch.bfloat16 in formats
    with torch.no_grad():
        expected, result = model(*inputs), graph(*inputs)
    for name, value in expected.items():
        assert result[name].dtype == value.dtype
        torch.testing.assert_close(result[name], value, rtol=0.03, atol=0.03)
    assert not torch.equal(result["scores"], expected["scores"])  # it was computed in bfloat16


def test_a_graph_without_weights_gets_casts_alone() -> None:
    graph = capture(nn.ReLU(), (torch.randn(2, 3, 4),))
    assert to_bfloat16(graph) == 0
    result = finish(graph)(torch.full((1, 3, 4), 1 + 2**-12))
    assert torch.equal(result, torch.ones(1, 3, 4))  # bfloat16 rounds it away


@pytest.mark.parametrize("rows", [1, ROWS, ROWS + 3])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_by_products_is_the_same(rows: int, scale: float | None) -> None:
    query = torch.randn(2, 3, rows, 4, dtype=torch.float64)
    key, value = (torch.randn(2, 3, 7, size, dtype=torch.float64) for size in (4, 5))
    expected = F.scaled_dot_product_attention(query, key, value, scale=scale)
    result = attention_by_products(query, key, value, scale)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)


class Attention(nn.Module):
    def __init__(self, **settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(x, x, x, **self.settings)


@pytest.mark.parametrize(
    "settings", [{}, {"scale": 0.5}, {"is_causal": True}, {"attn_mask": torch.eye(5).bool()}]
)
def test_attention_without_a_mask_becomes_products(settings: dict) -> None:
    model, x = Attention(**settings), torch.randn(2, 3, 5, 4)
    graph = capture(model, (x,))
    to_bfloat16(graph)
    targets = [node.target for node in graph.graph.nodes]
    assert (attention_by_products in targets) == (settings.keys() <= {"scale"})
    torch.testing.assert_close(finish(graph)(x), model(x), rtol=0.03, atol=0.03)
