"""Let 3D convolutions train faster on a CPU, with the parameters that they have."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.passes.conv3d import KERNELS, ConvKernel, Geometry, OnFrames

__all__ = ["CpuConv3d", "restore_model", "speed_up_convolutions"]

ONE = (1, 1, 1)


class CpuConv3d(nn.Conv3d):
    """A 3D convolution computed by the cheapest exact equivalent of its kind, with gradients.

    It has the parameters, the keys and the numbers of `nn.Conv3d`; results lie in channels-last.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        if input.dim() != 5 or why_left(self):
            return super().forward(input)
        assert not isinstance(self.padding, str)
        clip, sizes = tuple(input.shape[2:]), (self.kernel_size, self.stride, self.padding)
        g = Geometry(clip, *sizes, self.dilation, self.groups)
        if torch.is_grad_enabled() and _is_depthwise(self) and _keeps_frames(g):
            return _sum_of_taps(input, self.weight, self.bias, g)
        way = _cheapest(g, batch=len(input))
        return way.compute(input, way.prepare(self.weight), self.bias, g)


def speed_up_convolutions(
    model: nn.Module, prefix: str = ""
) -> tuple[dict[str, str], dict[str, str]]:
    """Make every `nn.Conv3d` of a model a `CpuConv3d`, in place: only its class changes.

    Args:
        model: any.
        prefix: put before the names that are given.

    Returns:
        Name of a layer -> class that it has now; name of a 3D convolution that stays -> why.

    >>> model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.Conv3d(8, 8, 1, padding="same"))
    >>> speed_up_convolutions(model)
    ({'0': 'CpuConv3d'}, {'1': "padding is 'same'"})
    """
    replaced, left = {}, {}
    for name, layer in model.named_modules(prefix=prefix, remove_duplicate=False):
        if not isinstance(layer, nn.Conv3d):
            continue
        reason = why_left(layer)
        if type(layer) not in (nn.Conv3d, CpuConv3d):
            reason = f"{type(layer).__name__} may compute something else"
        if reason:
            left[name] = reason
            continue
        layer.__class__ = CpuConv3d
        replaced[name] = CpuConv3d.__name__
    return replaced, left


def restore_model(model: nn.Module) -> nn.Module:
    """Undo `transmute_model(model, "cpu")`, in place; give the model.

    >>> model = nn.Conv3d(3, 8, 1)
    >>> replaced, left = speed_up_convolutions(model)
    >>> type(restore_model(model)).__name__
    'Conv3d'
    """
    for layer in model.modules():
        if type(layer) is CpuConv3d:  # its class alone was changed
            layer.__class__ = nn.Conv3d  # type: ignore[assignment]  # a base of what it is
    return model


def why_left(conv: nn.Conv3d) -> str:
    """Say why a convolution is computed as torch does; nothing if it is not."""
    if isinstance(conv.padding, str):
        return f"padding is {conv.padding!r}"
    return "" if conv.padding_mode == "zeros" else f"padding_mode is {conv.padding_mode!r}"


def _cheapest(g: Geometry, batch: int) -> type[ConvKernel]:
    way = next(kernel for kernel in KERNELS.values() if kernel.fits(g))
    # Rows are for batches of few frames.
    return OnFrames if way is KERNELS["rows"] and batch * g.clip[0] >= 16 else way


def _is_depthwise(conv: nn.Conv3d) -> bool:
    return conv.groups == conv.in_channels > 1


def _keeps_frames(g: Geometry) -> bool:
    """Whether it has three taps along time, and gives as many frames as it gets."""
    time = (g.kernel[0], g.padding[0]) == (3, 1)
    return time and g.kernel[1] * g.kernel[2] > 1 and g.stride == g.dilation == ONE


def _sum_of_taps(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
    """A 2D convolution for each tap along time, summed: measured, its gradient is far cheaper."""
    batch, frames = x.shape[0], x.shape[2]
    padded = F.pad(x.permute(0, 2, 3, 4, 1), (0, 0, 0, 0, 0, 0, 1, 1))  # (B, T + 2, H, W, C)
    total = None
    for tap in range(3):
        images = padded[:, tap : tap + frames].flatten(0, 1).permute(0, 3, 1, 2)
        image_bias = bias if tap == 1 else None
        y = F.conv2d(images, weight[:, :, tap], image_bias, 1, g.padding[1:], 1, g.groups)
        total = y if total is None else total + y
    assert total is not None
    total = total.permute(0, 2, 3, 1).unflatten(0, (batch, frames))
    return total.permute(0, 4, 1, 2, 3)
