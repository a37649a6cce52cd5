import pickle

import pytest
import torch

from pytorchvideo_clone.layers.fusion import (
    ConcatFusion,
    ReduceFusion,
    TemporalConcatFusion,
    make_fusion_layer,
)

METHODS = ["concat", "temporal_concat", "max", "sum", "prod"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_knows_its_width_and_can_be_pickled(method: str) -> None:
    fuse = make_fusion_layer(method, [4, 4])
    streams = [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    fused = fuse(streams)
    assert fused.shape[-1] == fuse.output_dim
    torch.testing.assert_close(pickle.loads(pickle.dumps(fuse))(streams), fused)


def test_reductions_work_element_by_element() -> None:
    streams = [torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 2.0]])]
    results = {name: make_fusion_layer(name, [2, 2])(streams)[0].tolist() for name in METHODS[2:]}
    assert results == {"max": [3.0, 5.0], "sum": [4.0, 7.0], "prod": [3.0, 10.0]}


def test_concatenation_keeps_the_order_of_streams() -> None:
    a, b = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    assert ConcatFusion([3, 3])([a, b])[0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert TemporalConcatFusion([3, 3])([a, b])[0, :, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("method", METHODS[1:])
def test_widths_that_must_be_equal_are_checked(method: str) -> None:
    with pytest.raises(AssertionError, match="expected equal widths"):
        make_fusion_layer(method, [4, 5])


def test_widths_must_be_positive() -> None:
    with pytest.raises(AssertionError, match="expected positive widths"):
        ReduceFusion([0, 0], lambda x: x.sum(0))


def test_an_unknown_method_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotImplementedError, match=r"'mean'.*'temporal_concat'"):
        make_fusion_layer("mean", [4, 4])
