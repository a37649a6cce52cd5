"""A linear layer as an efficient block."""

from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import NoOpConvertBlock

__all__ = ["FullyConnected"]


class FullyConnected(NoOpConvertBlock):
    """`nn.Linear`, deployed as it is.

    Args:
        in_features: numbers of a row of the input.
        out_features: numbers of a row of the output.
        bias: add one.

    >>> FullyConnected(8, 4)(torch.ones(2, 8)).shape
    torch.Size([2, 4])
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(nn.Linear(in_features, out_features, bias=bias))
