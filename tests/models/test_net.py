import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.net import DetectionBBoxNetwork, MultiPathWayWithFuse, Net


class Swap(nn.Module):
    def forward(self, x: list) -> list:
        return x[::-1]


def test_net_runs_its_blocks_in_order() -> None:
    blocks = nn.ModuleList([nn.Conv3d(1, 2, 1), nn.Softmax(dim=1)])
    x = torch.randn(1, 1, 2, 3, 3)
    torch.testing.assert_close(Net(blocks=blocks)(x), blocks[1](blocks[0](x)))


def test_pack_is_applied_first_and_adds_no_keys() -> None:
    net = Net(blocks=nn.ModuleList([nn.Linear(3, 3)]), pack=nn.Flatten())
    assert net(torch.randn(2, 3, 1)).shape == (2, 3)
    assert list(net.state_dict()) == ["blocks.0.weight", "blocks.0.bias"]


def test_blocks_may_be_missing_in_a_pathway() -> None:
    double = nn.Linear(1, 1, bias=False)
    nn.init.constant_(double.weight, 2)
    pathways = MultiPathWayWithFuse(
        multipathway_blocks=nn.ModuleList([double, None]),
        multipathway_fusion=Swap(),
        inplace=False,
    )
    x = [torch.ones(1, 1), torch.ones(1, 1)]
    assert [out.item() for out in pathways(x)] == [1, 2]
    assert [out.item() for out in x] == [1, 1]


def test_wrong_input_is_refused_with_what_was_expected() -> None:
    pathways = MultiPathWayWithFuse(
        multipathway_blocks=nn.ModuleList([nn.Identity()] * 2), multipathway_fusion=None
    )
    with pytest.raises(TypeError, match="expected a list"):
        pathways(torch.ones(2, 1))
    with pytest.raises(ValueError, match="3 pathways; expected 2"):
        pathways([torch.ones(1)] * 3)


def test_detection_scores_are_one_row_a_box() -> None:
    class Head(nn.Module):
        def forward(self, x: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
            return x.new_ones(len(boxes), 7, 1, 1, 1)

    network = DetectionBBoxNetwork(nn.Identity(), Head())
    for boxes in (3, 0):
        assert network(torch.ones(1), torch.ones(boxes, 5)).shape == (boxes, 7)
