"""Put efficient blocks in the place of a model's layers, by a table for each device."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeGuard

import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.convolutions import (
    Conv3d3x1x1BnAct,
    Conv3d3x3x3DwBnAct,
    Conv3d5x1x1BnAct,
    Conv3dPwBnAct,
    Conv3dTemporalKernel1BnAct,
    ConvBnAct,
)
from pytorchvideo_clone.accelerator.mobile_cpu.decompose import why_not_replaced
from pytorchvideo_clone.accelerator.train_cpu import restore_model, speed_up_convolutions

__all__ = ["EFFICIENT_BLOCK_TRANSMUTER_REGISTRY", "TransmuteReport", "transmute_model"]

ONE, ZERO = (1, 1, 1), (0, 0, 0)
Transmuter = Callable[[nn.Module], EfficientBlockBase | None]


@dataclass(frozen=True)
class TransmuteReport:
    """What became of the layers of a model.

    Attributes:
        replaced: name of a layer -> class that computes it now.
        left: name of a 3D convolution that stays -> why.

    >>> len(TransmuteReport({"stem": "Conv3dPwBnAct"}).left)
    0
    """

    replaced: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def transmute_model(model: nn.Module, target_device: str = "mobile_cpu", prefix: str = "") -> None:
    """Replace layers of a model by ones that compute the same faster, in place.

    For "cpu" the 3D convolutions become `CpuConv3d`, for training as for inference: with the same
    parameters and keys, until `restore_model`. For other devices they become efficient blocks,
    which take over the layers with their weights; the keys of the state dict change with
    them ("conv.weight" becomes "conv.kernel.conv.weight"). A model may be transmuted again, for
    another device. What was replaced and what was not stands in the model's `transmute_report`.

    Args:
        model: any; its parts that are efficient blocks already stay.
        target_device: a key of `EFFICIENT_BLOCK_TRANSMUTER_REGISTRY`, or "cpu".
        prefix: put before the names in the report.

    Raises:
        AssertionError: if the device is not in the table, as in PyTorchVideo.

    >>> model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.ReLU(), nn.Conv3d(8, 8, 2))
    >>> transmute_model(model)
    >>> model.transmute_report.replaced
    {'0': 'Conv3dPwBnAct'}
    >>> model.transmute_report.left
    {'2': 'no block for Conv3d(8, 8, kernel_size=(2, 2, 2), stride=(1, 1, 1))'}
    """
    if target_device == "cpu":
        report = TransmuteReport(*speed_up_convolutions(model, prefix))
        model.transmute_report = report  # type: ignore[assignment]  # not a module
        return
    if target_device not in EFFICIENT_BLOCK_TRANSMUTER_REGISTRY:
        raise AssertionError(
            f"target_device is {target_device!r}; choose one of "
            f"{', '.join(EFFICIENT_BLOCK_TRANSMUTER_REGISTRY)}, cpu."
        )
    restore_model(model)  # what was made for "cpu" are 3D convolutions again
    report = TransmuteReport()
    if isinstance(model, nn.Conv3d):
        report.left[prefix] = "it is the model itself; put it into a nn.Sequential"
    transmuters = EFFICIENT_BLOCK_TRANSMUTER_REGISTRY[target_device]
    if not isinstance(model, EfficientBlockBase):
        _transmute_children(model, transmuters, prefix, report, {})
    model.transmute_report = report  # type: ignore[assignment]  # not a module


def _is_plain(layer: nn.Module) -> TypeGuard[nn.Conv3d]:
    """Whether a layer is a 3D convolution as torch makes it, padded with zeros."""
    return isinstance(layer, nn.Conv3d) and not why_not_replaced(layer)


def _geometry(conv: nn.Conv3d) -> tuple:
    return conv.kernel_size, conv.stride, conv.padding, conv.dilation


def _pointwise(layer: nn.Module) -> EfficientBlockBase | None:
    if _is_plain(layer) and layer.groups == 1 and _geometry(layer) == (ONE, ONE, ZERO, ONE):
        return _around(layer, Conv3dPwBnAct, layer.in_channels, layer.out_channels)
    return None


def _depthwise(layer: nn.Module) -> EfficientBlockBase | None:
    if not _is_plain(layer) or not layer.groups == layer.in_channels == layer.out_channels:
        return None
    step = layer.stride[1]
    if _geometry(layer) == ((3, 3, 3), (1, step, step), ONE, ONE):
        return _around(layer, Conv3d3x3x3DwBnAct, layer.in_channels, spatial_stride=step)
    return None


def _spatial(layer: nn.Module) -> EfficientBlockBase | None:
    if not _is_plain(layer):
        return None
    size, step, pad, apart = (sizes[1] for sizes in _geometry(layer))
    square = (1, size, size), (1, step, step), (0, pad, pad), (1, apart, apart)
    if _geometry(layer) != square:
        return None
    return _around(
        layer,
        Conv3dTemporalKernel1BnAct,
        layer.in_channels,
        layer.out_channels,
        groups=layer.groups,
        spatial_kernel=size,
        spatial_stride=step,
        spatial_padding=pad,
        spatial_dilation=apart,
    )


def _temporal_3(layer: nn.Module) -> EfficientBlockBase | None:
    if _is_plain(layer) and _geometry(layer) == ((3, 1, 1), ONE, (1, 0, 0), ONE):
        channels = layer.in_channels, layer.out_channels
        return _around(layer, Conv3d3x1x1BnAct, *channels, groups=layer.groups)
    return None


def _temporal_5(layer: nn.Module) -> EfficientBlockBase | None:
    if _is_plain(layer) and _geometry(layer) == ((5, 1, 1), ONE, (2, 0, 0), ONE):
        channels = layer.in_channels, layer.out_channels
        return _around(layer, Conv3d5x1x1BnAct, *channels, groups=layer.groups)
    return None


def _around(
    conv: nn.Conv3d, make_block: Callable[..., ConvBnAct], *channels: int, **geometry: int
) -> EfficientBlockBase:
    """Make a block of this very convolution, without norm and activation."""
    with torch.device("meta"):  # neither memory nor random numbers for weights that are not used
        block = make_block(*channels, activation="identity", use_bn=False, **geometry)
    block.kernel.conv = conv
    return block.train(conv.training)


# Device -> what makes a block of a layer, or None; the first one that does, wins.
EFFICIENT_BLOCK_TRANSMUTER_REGISTRY: dict[str, list[Transmuter]] = {
    "mobile_cpu": [_pointwise, _depthwise, _spatial, _temporal_3, _temporal_5],
}


def _transmute_children(
    module: nn.Module,
    transmuters: list[Transmuter],
    prefix: str,
    report: TransmuteReport,
    blocks: dict[nn.Module, EfficientBlockBase],
) -> None:
    # Not named_children(), which leaves out a child's second name.
    for key, child in module._modules.items():
        if child is None or isinstance(child, EfficientBlockBase):
            continue
        name = f"{prefix}.{key}" if prefix else key
        if child not in blocks:
            block = next(filter(None, (transmute(child) for transmute in transmuters)), None)
            if block is not None:
                blocks[child] = block
        if child in blocks:
            setattr(module, key, blocks[child])
            report.replaced[name] = type(blocks[child]).__name__
        else:
            if isinstance(child, nn.Conv3d):
                report.left[name] = why_not_replaced(child) or f"no block for {child}"
            _transmute_children(child, transmuters, name, report, blocks)
