import torch
from torch import Tensor, fx, nn

from pytorchvideo_clone.accelerator.export.xnnpack import make_parts


class Turns(nn.Module):
    """Sums that a runtime takes, sines and cosines that it leaves."""

    def forward(self, x: Tensor) -> Tensor:
        first = x + 1
        left = torch.sin(first)
        beside = first + 2
        again = left + beside
        return torch.split(again, 1)[0] + torch.cos(again)


def trace() -> tuple[fx.Graph, list[list[fx.Node]]]:
    graph = fx.symbolic_trace(Turns()).graph
    return graph, [[node] for node in graph.nodes if "add" in node.name]


def names(parts: list[list[fx.Node]]) -> list[list[str]]:
    return [[node.name for node in part] for part in parts]


def test_parts_are_as_few_as_the_turns_outside_allow() -> None:
    graph, groups = trace()
    parts = make_parts(graph, groups[::-1])
    assert names(parts) == [["add", "add_1"], ["add_2"], ["add_3"]]


def test_a_group_is_in_one_part() -> None:
    graph, groups = trace()
    first, beside, *rest = groups
    # As the rounding of a weight stays with its convolution.
    parts = make_parts(graph, [first, [*beside, *rest[0]], *rest[1:]])
    assert names(parts) == [["add"], ["add_1", "add_2"], ["add_3"]]


def test_what_picks_from_several_results_stays_with_them() -> None:
    graph, groups = trace()
    split = [node for node in graph.nodes if node.name == "split"]
    parts = make_parts(graph, [*groups, split])
    assert names(parts) == [["add", "add_1"], ["add_2", "split", "getitem"], ["add_3"]]


def test_without_anything_outside_there_is_one_part() -> None:
    graph, _ = trace()
    inside = [[node] for node in graph.nodes if node.op == "call_function"]
    assert len(make_parts(graph, inside)) == 1
