import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.dropout import drop_dropout
from pytorchvideo_clone.accelerator.passes.graph import capture, finish


def test_dropout_is_gone_and_the_result_the_same() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.ReLU(), nn.Dropout3d(0.5)).eval()
    x = torch.randn(2, 3, 3, 3, 3)
    graph = capture(model, (x,))
    assert drop_dropout(graph) == 2
    graph = finish(graph)
    assert not any("dropout" in str(node.target) for node in graph.graph.nodes)
    assert torch.equal(graph(x), model(x))
