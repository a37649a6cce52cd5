import torch
from torch import nn
from torchvision.ops import roi_align

from pytorchvideo_clone.accelerator.passes.dtype import to_bfloat16
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
