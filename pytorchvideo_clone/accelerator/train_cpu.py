"""Let 3D convolutions train faster on a CPU, with the parameters that they have.

The forward pass takes the kernels of inference. Two kinds get a gradient of their own, as oneDNN's
is slow: depthwise convolutions and those over time alone. Both gradients are convolutions again:
that of the input is one of the output's gradient by the flipped weights, in as many parts as the
stride leaves phases; that of the weights is one over images for each tap along time.
"""

import itertools
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from pytorchvideo_clone.accelerator.passes.conv3d import KERNELS, ConvKernel, Geometry, OnFrames

__all__ = ["CpuConv3d", "computes_as_conv3d", "restore_model", "speed_up_convolutions"]

ONE = (1, 1, 1)


class CpuConv3d(nn.Conv3d):
    """A 3D convolution computed by the cheapest exact equivalent of its kind, with gradients.

    It has the parameters, the keys and the numbers of `nn.Conv3d`; results lie in channels-last.
    On another device than a CPU it is computed as torch does.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        if input.dim() != 5 or not input.is_cpu or why_left(self):
            return super().forward(input)
        assert not isinstance(self.padding, str)
        clip, sizes = tuple(input.shape[2:]), (self.kernel_size, self.stride, self.padding)
        g = Geometry(clip, *sizes, self.dilation, self.groups)
        x = input.contiguous(memory_format=torch.channels_last_3d)
        if g.kernel == ONE and g.padding == (0, 0, 0) and g.stride[0] > 1:  # frames that count
            x = x[:, :, :: g.stride[0]]
            g = g._replace(clip=tuple(x.shape[2:]), stride=(1, *g.stride[1:]))
        own = _has_phases(g) and (_is_depthwise(self) or _is_over_time(g))
        if own and torch.is_grad_enabled():
            return _with_gradient(x, self.weight, self.bias, g)
        return _convolve(x, self.weight, self.bias, g)


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
        if type(layer) is not CpuConv3d and not computes_as_conv3d(layer):
            reason = f"{type(layer).__name__} may compute something else"
        if reason:
            left[name] = reason
            continue
        if type(layer) not in (nn.Conv3d, CpuConv3d):
            # For restore_model; a class is no module.
            layer._class_before = type(layer)  # type: ignore[assignment]
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
            layer.__class__ = layer.__dict__.pop("_class_before", nn.Conv3d)
    return model


def computes_as_conv3d(layer: nn.Conv3d) -> bool:
    """Say whether a layer computes what `nn.Conv3d` does, by the weight that it has.

    So do subclasses that only set its sizes, as torchvision's, and not those with parametrized
    weights.

    >>> computes_as_conv3d(nn.Conv3d(3, 4, 1))
    True
    >>> computes_as_conv3d(nn.utils.parametrizations.weight_norm(nn.Conv3d(3, 4, 1)))
    False
    """
    kind = type(layer)
    inherited = kind.forward is nn.Conv3d.forward and kind.__call__ is nn.Conv3d.__call__
    return (
        inherited
        and kind._conv_forward is nn.Conv3d._conv_forward
        and layer._parameters.get("weight") is not None
    )


def why_left(conv: nn.Conv3d) -> str:
    """Say why a convolution is computed as torch does; nothing if it is not."""
    if isinstance(conv.padding, str):
        return f"padding is {conv.padding!r}"
    return "" if conv.padding_mode == "zeros" else f"padding_mode is {conv.padding_mode!r}"


def _has_phases(g: Geometry) -> bool:
    return all(1 in sizes for sizes in zip(g.stride, g.dilation, strict=True))


def _is_depthwise(conv: nn.Conv3d) -> bool:
    """Whether each channel is computed from itself, over time and space."""
    alone = conv.groups == conv.in_channels == conv.out_channels > 1
    return alone and conv.kernel_size[0] > 1 and conv.kernel_size[1] * conv.kernel_size[2] > 1


def _is_over_time(g: Geometry) -> bool:
    return g.groups == 1 and g.kernel[0] > 1 and KERNELS["time"].fits(g)


def _with_gradient(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
    if torch.is_autocast_enabled("cpu"):  # measured: all of it is faster in bfloat16
        dtype = torch.get_autocast_dtype("cpu")
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    with torch.autocast("cpu", enabled=False):
        return _Convolution.apply(x, weight, bias, g)


class _Convolution(torch.autograd.Function):
    """A convolution whose gradients are convolutions of the fast kinds; differentiable again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
        return _convolve(x, weight, bias, g)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, weight, _, ctx.geometry = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (x, weight), g = ctx.saved_tensors, ctx.geometry
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        dy = dy.contiguous(memory_format=torch.channels_last_3d)
        return (
            _input_gradient(dy, weight, g) if for_x else None,
            _weight_gradient(x, dy, weight, g) if for_weight else None,
            dy.sum(dim=(0, 2, 3, 4)) if for_bias else None,
            None,
        )


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, g: Geometry) -> Tensor:
    way = _cheapest(g, batch=len(x))
    return way.compute(x, way.prepare(weight), bias, g)


def _cheapest(g: Geometry, batch: int) -> type[ConvKernel]:
    way = next(kernel for kernel in KERNELS.values() if kernel.fits(g))
    # Rows are for batches of few frames.
    return OnFrames if way is KERNELS["rows"] and batch * g.clip[0] >= 16 else way


class _Phase(NamedTuple):
    """The positions first, first + stride, ... of a side of the input, and what they come from."""

    first: int
    positions: int
    tap: int  # the first that reaches them; the others follow at the distance of the stride
    taps: int
    padding: int  # of the output's gradient
    skip: int  # so many results, which come of padding both ends alike


def _phases(
    size: int, out: int, kernel: int, stride: int, padding: int, apart: int
) -> list[_Phase]:
    phases = []
    for first in range(min(stride, size)):
        tap, shift = (first + padding) % stride, (first + padding) // stride
        taps = len(range(tap, kernel, stride))
        positions = len(range(first, size, stride))
        before, after = apart * (taps - 1) - shift, positions - out + shift
        pad = max(before, after, 0)
        phases.append(_Phase(first, positions, tap, taps, pad, pad - before))
    return phases


def _input_gradient(dy: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    """(B, C', T', H', W') -> (B, C, T, H, W)."""
    if g.groups == 1:
        weight = weight.transpose(0, 1)
    shape = len(dy), *g.clip, weight.shape[0]
    dx = dy.new_empty(shape).permute(0, 4, 1, 2, 3) if g.stride != ONE else dy
    sides = (_phases(*side) for side in zip(g.clip, dy.shape[2:], *g[1:5], strict=True))
    for t, h, w in itertools.product(*sides):
        a, b, c = g.stride
        target = dx[:, :, t.first :: a, h.first :: b, w.first :: c]
        if not t.taps * h.taps * w.taps:
            target.zero_()
            continue
        flipped = weight[:, :, t.tap :: a, h.tap :: b, w.tap :: c].flip(2, 3, 4)
        paddings = t.padding, h.padding, w.padding
        part_of = Geometry(
            tuple(dy.shape[2:]), tuple(flipped.shape[2:]), ONE, paddings, g.dilation, g.groups
        )
        part = _convolve(dy, flipped, None, part_of)
        for dim, side in enumerate((t, h, w), start=2):
            part = part.narrow(dim, side.skip, side.positions)
        if g.stride == ONE:
            return part
        target.copy_(part)
    return dx


def _weight_gradient(x: Tensor, dy: Tensor, weight: Tensor, g: Geometry) -> Tensor:
    """(B, C, T, H, W), (B, C', T', H', W') -> (C', C / groups, kernel)."""
    taps = []
    for tap in range(g.kernel[0]):
        offset, step = tap * g.dilation[0] - g.padding[0], g.stride[0]
        first = max(0, -(offset // step))  # of the frames of dy that read a frame through this tap
        last = min(dy.shape[2], (g.clip[0] - 1 - offset) // step + 1)
        if first >= last:
            taps.append(torch.zeros_like(weight[:, :, 0]))
            continue
        read = x[:, :, first * step + offset : (last - 1) * step + offset + 1 : step]
        size, sizes = weight[:, :, 0].shape, (g.stride[1:], g.padding[1:], g.dilation[1:])
        written = _images(dy[:, :, first:last])
        taps.append(conv2d_weight(_images(read), size, written, *sizes, g.groups))
    return torch.stack(taps, dim=2)


def _images(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B * T, C, H, W)."""
    return x.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
