"""Deployable parts in the form that torch's eager quantization can swap for int8 ones.

`torch.ao.quantization.prepare` and `convert` see modules alone: each 2D convolution must be an
`nn.Conv2d`, each sum, product and concatenation a `FloatFunctional`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.decompose import why_not_decomposed

__all__ = ["QuantizableFrameConv3d", "QuantizableSwish", "float_functional"]


def float_functional() -> nn.Module:
    """Make the module whose methods `add` and `mul` become int8 operations.

    >>> float_functional().add(torch.ones(2), torch.ones(2))
    tensor([2., 2.])
    """
    from torch.ao.nn.quantized import FloatFunctional  # with all of torch's quantization

    return FloatFunctional()


class QuantizableFrameConv3d(nn.Module):
    """`FrameConv3d` as a sum of `nn.Conv2d`, each of which reads all the frames, padding included.

    Args:
        conv: as in `FrameConv3d`.

    Raises:
        ValueError: as in `FrameConv3d`.

    >>> conv = nn.Conv3d(4, 6, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0))
    >>> x = torch.randn(2, 4, 5, 8, 8)
    >>> torch.allclose(QuantizableFrameConv3d(conv)(x), conv(x), atol=1e-5)
    True
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        reason = why_not_decomposed(conv)
        if reason:
            raise ValueError(f"{conv} cannot be computed frame by frame: {reason}.")
        assert not isinstance(conv.padding, str)
        self.stride, self.dilation, self.padding = conv.stride[0], conv.dilation[0], conv.padding[0]
        in_space: dict[str, Any] = {
            name: getattr(conv, name)[1:]
            for name in ("kernel_size", "stride", "padding", "dilation")
        }
        self.taps = nn.ModuleList(
            nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                **in_space,
                groups=conv.groups,
                bias=conv.bias is not None and i == 0,
            ).to(conv.weight)
            for i in range(conv.kernel_size[0])
        )
        with torch.no_grad():
            for tap, weight in zip(self.taps, conv.weight.unbind(2), strict=True):
                tap.weight.copy_(weight)  # type: ignore[operator, union-attr]
            if conv.bias is not None:
                self.taps[0].bias.copy_(conv.bias)  # type: ignore[operator, union-attr]
        self.sums = nn.ModuleList(float_functional() for _ in self.taps[1:])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        clip = x.transpose(1, 2)
        if self.padding:
            clip = F.pad(clip, (0, 0, 0, 0, 0, 0, self.padding, self.padding))
        reach = self.dilation * (len(self.taps) - 1)
        steps = (clip.shape[1] - reach - 1) // self.stride + 1
        parts = []
        for i, tap in enumerate(self.taps):
            start = i * self.dilation
            frames = clip[:, start : start + (steps - 1) * self.stride + 1 : self.stride]
            parts.append(tap(frames.flatten(0, 1)))
        total = parts[0]
        add: Any
        for add, part in zip(self.sums, parts[1:], strict=True):
            total = add.add(total, part)
        return total.reshape(x.shape[0], steps, *total.shape[1:]).transpose(1, 2)


class QuantizableSwish(nn.Module):
    """x * sigmoid(x), of two operations that have an int8 form.

    >>> QuantizableSwish()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    def __init__(self) -> None:
        super().__init__()
        self.sigmoid = nn.Sigmoid()
        self.product: Any = float_functional()

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return self.product.mul(x, self.sigmoid(x))
