"""Put several streams of features together."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["ConcatFusion", "ReduceFusion", "TemporalConcatFusion", "make_fusion_layer"]


def make_fusion_layer(method: str, feature_dims: Sequence[int]) -> nn.Module:
    """Make a module that turns a list of (B, ..., D) into one tensor.

    Args:
        method: "concat" joins the features, "temporal_concat" the steps of time; "max", "sum" and
            "prod" work element by element.
        feature_dims: width D of each stream.

    Returns:
        The module; its `output_dim` is the width of the result.

    Raises:
        NotImplementedError: if there is no such method.
        AssertionError: if a width is not positive, or widths differ that must not, as in
            PyTorchVideo.

    >>> fuse = make_fusion_layer("concat", [4, 6])
    >>> fuse([torch.ones(2, 3, 4), torch.ones(2, 3, 6)]).shape, fuse.output_dim
    (torch.Size([2, 3, 10]), 10)
    """
    if method == "concat":
        return ConcatFusion(feature_dims)
    if method == "temporal_concat":
        return TemporalConcatFusion(feature_dims)
    if method in _REDUCTIONS:
        return ReduceFusion(feature_dims, _REDUCTIONS[method])
    known = ["concat", "temporal_concat", *_REDUCTIONS]
    raise NotImplementedError(f"there is no fusion {method!r}; expected one of {known}.")


class ConcatFusion(nn.Module):
    """Join the features of all streams.

    Args:
        feature_dims: width of each stream.

    >>> ConcatFusion([4, 6])([torch.ones(2, 4), torch.ones(2, 6)]).shape
    torch.Size([2, 10])
    """

    def __init__(self, feature_dims: Sequence[int]) -> None:
        super().__init__()
        _check_widths(feature_dims)
        self._output_dim = sum(feature_dims)

    @property
    def output_dim(self) -> int:
        """Width of the result."""
        return self._output_dim

    def forward(self, input_list: list[Tensor]) -> Tensor:
        """List of (B, ..., D_i) -> (B, ..., sum of D_i)."""
        return torch.cat(input_list, dim=-1)


class TemporalConcatFusion(nn.Module):
    """Put the steps of time of all streams one after another.

    Args:
        feature_dims: width of each stream, all the same.

    >>> TemporalConcatFusion([4, 4])([torch.ones(2, 3, 4), torch.ones(2, 5, 4)]).shape
    torch.Size([2, 8, 4])
    """

    def __init__(self, feature_dims: Sequence[int]) -> None:
        super().__init__()
        _check_widths(feature_dims, equal=True)
        self._output_dim = feature_dims[0]

    @property
    def output_dim(self) -> int:
        """Width of the result."""
        return self._output_dim

    def forward(self, input_list: list[Tensor]) -> Tensor:
        """List of (B, T_i, ..., D) -> (B, sum of T_i, ..., D)."""
        return torch.cat(input_list, dim=1)


class ReduceFusion(nn.Module):
    """Reduce the streams element by element.

    Args:
        feature_dims: width of each stream, all the same.
        reduce_fn: takes all streams in one tensor (streams, B, ..., D) and gives (B, ..., D).

    >>> ReduceFusion([4, 4], lambda x: x.mean(0))([torch.ones(2, 4), torch.zeros(2, 4)])[0, 0]
    tensor(0.5000)
    """

    def __init__(self, feature_dims: Sequence[int], reduce_fn: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        _check_widths(feature_dims, equal=True)
        self.reduce_fn = reduce_fn
        self._output_dim = feature_dims[0]

    @property
    def output_dim(self) -> int:
        """Width of the result."""
        return self._output_dim

    def forward(self, input_list: list[Tensor]) -> Tensor:
        """List of (B, ..., D) -> (B, ..., D)."""
        return self.reduce_fn(torch.stack(input_list))


def _max(streams: Tensor) -> Tensor:
    return streams.max(dim=0).values


def _sum(streams: Tensor) -> Tensor:
    return streams.sum(dim=0)


def _prod(streams: Tensor) -> Tensor:
    return streams.prod(dim=0)


# Functions with names, so that the modules can be pickled.
_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"max": _max, "sum": _sum, "prod": _prod}


def _check_widths(feature_dims: Sequence[int], equal: bool = False) -> None:
    if not feature_dims or any(dim < 1 for dim in feature_dims):
        raise AssertionError(f"feature_dims is {feature_dims}; expected positive widths.")
    if equal and len(set(feature_dims)) > 1:
        raise AssertionError(
            f"feature_dims is {feature_dims}; expected equal widths, or the method 'concat'."
        )
