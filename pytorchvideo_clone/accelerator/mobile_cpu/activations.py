"""Activations of efficient blocks, by name."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import QuantizableSwish

__all__ = [
    "HardSwish",
    "Identity",
    "ReLU",
    "Swish",
    "make_activation",
    "supported_act_functions",
]


class _Activation(EfficientBlockBase):
    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.act = act

    def convert(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the activation is deployed as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return self.act(x)


class ReLU(_Activation):
    """max(x, 0).

    >>> ReLU()(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


class Swish(_Activation):
    """x * sigmoid(x).

    >>> Swish()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    def __init__(self) -> None:
        super().__init__(nn.SiLU())

    def convert(
        self,
        input_blob_size: Any = None,
        convert_for_quantize: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Split it into two operations where it is to be quantized."""
        if convert_for_quantize:
            self.act = QuantizableSwish()


class HardSwish(_Activation):
    """x * min(max(x + 3, 0), 6) / 6.

    Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, https://arxiv.org/abs/1905.02244.

    >>> HardSwish()(torch.tensor([-3.0, 3.0]))
    tensor([-0., 3.])
    """

    def __init__(self) -> None:
        super().__init__(nn.Hardswish())


class Identity(_Activation):
    """The input itself.

    >>> Identity()(torch.tensor([-1.0, 1.0]))
    tensor([-1.,  1.])
    """

    def __init__(self) -> None:
        super().__init__(nn.Identity())


supported_act_functions: dict[str, Callable[[], EfficientBlockBase]] = {
    "relu": ReLU,
    "swish": Swish,
    "hswish": HardSwish,
    "identity": Identity,
}


def make_activation(name: str) -> EfficientBlockBase:
    """Make an activation by its name in `supported_act_functions`.

    Raises:
        AssertionError: if there is none of this name, as in PyTorchVideo.

    >>> make_activation("relu")(torch.tensor([-1.0]))
    tensor([0.])
    """
    if name not in supported_act_functions:
        raise AssertionError(
            f"activation is {name!r}; choose one of {', '.join(supported_act_functions)}."
        )
    return supported_act_functions[name]()
