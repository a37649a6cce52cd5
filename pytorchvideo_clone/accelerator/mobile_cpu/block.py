"""What an efficient block is: a module that can turn into its deployable form."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

__all__ = ["EfficientBlockBase", "NoOpConvertBlock"]


class EfficientBlockBase(nn.Module, ABC):
    """A module with a trainable form, and with a deployable one that computes the same faster.

    `convert` changes the module in place, once; afterwards it is for inference alone.
    `convert_to_deployable_form` calls it for every efficient block of a model, with the size of the
    block's input.

    >>> class Doubled(EfficientBlockBase):
    ...     def convert(self, input_blob_size=None, **kwargs):
    ...         pass
    ...
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Doubled()(torch.ones(2))
    tensor([2., 2.])
    """

    @abstractmethod
    def convert(self, *args: Any, **kwargs: Any) -> None:
        """Turn into the deployable form, in place.

        Args:
            args: the size of the input, e.g. (B, C, T, H, W).
            kwargs: `convert_for_quantize` and `native_conv3d_op_qnnpack`, as in
                `convert_to_deployable_form`.
        """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute the block."""


class NoOpConvertBlock(EfficientBlockBase):
    """An efficient block around a module that is deployed as it is.

    Args:
        model: the module.

    >>> NoOpConvertBlock(nn.ReLU())(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def convert(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        return self.model(x)
