import logging

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.passes.graph import (
    add_constant,
    capture,
    constant,
    finish,
    nested_as,
    only_user,
)


def test_capturing_leaves_the_model_and_lets_the_batch_vary() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.Dropout(0.5)).train()
    graph = capture(model, (torch.randn(2, 3, 4, 5, 5),))
    assert model.training and model[0].weight.requires_grad
    x = torch.randn(7, 3, 4, 5, 5)
    torch.testing.assert_close(graph(x), model.eval()(x))


def test_weights_are_read_and_added_and_unused_ones_removed() -> None:
    graph = capture(nn.Linear(3, 2), (torch.randn(2, 3),))
    linear = next(node for node in graph.graph.nodes if "linear" in str(node.target))
    weight, bias = linear.args[1], linear.args[2]
    assert constant(graph, weight).shape == (2, 3)
    assert constant(graph, None) is None
    assert only_user(weight) is linear
    doubled = add_constant(graph, linear, 2 * constant(graph, weight))
    zero = add_constant(graph, linear, torch.zeros(2))
    linear.args = (linear.args[0], doubled, zero)
    old_weight = constant(graph, weight)
    finished = finish(graph)
    assert len(finished.state_dict()) == 2
    x = torch.randn(5, 3)
    torch.testing.assert_close(finished(x), x @ (2 * old_weight).T)
    assert constant(graph, bias) is not None
    assert not any(parameter.requires_grad for parameter in finished.parameters())


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_of_pathways_are_captured(kind: type) -> None:
    class Sum(nn.Module):
        def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
            return x[0] + x[1]

    graph = capture(Sum(), (kind([torch.ones(2, 3), torch.ones(2, 3)]),))
    torch.testing.assert_close(
        graph(kind([torch.ones(4, 3), torch.ones(4, 3)])), torch.full((4, 3), 2.0)
    )


def test_one_clip_alone_fixes_the_batch_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    x = torch.randn(1, 3, 4, 5, 5)
    graph = capture(nn.Conv3d(3, 4, 1), (x,))
    assert graph(x).shape == (1, 4, 4, 5, 5)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_is_said_of_arguments_follows_the_signature() -> None:
    class Rest(nn.Module):
        def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
            return first

    assert nested_as(Rest(), ("a", "b", "c")) == ("a", ("b", "c"))
    assert nested_as(nn.Linear(1, 1), ("a",)) == ("a",)
