"""A model in its deployable form: 2D convolutions over the frames, for any batch."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.decompose import FrameConv3d, why_not_replaced
from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import QuantizableFrameConv3d
from pytorchvideo_clone.accelerator.outputs import arguments, copied, difference
from pytorchvideo_clone.accelerator.train_cpu import restore_model

__all__ = ["ConvertReport", "convert_to_deployable_form"]

# Layers of three dimensions that stay.
LEFT = (
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool3d,
    nn.AvgPool3d,
    nn.ConvTranspose3d,
    nn.MaxPool3d,
)


@dataclass
class ConvertReport:
    """What became of the layers of a model, and how exact the result is.

    Attributes:
        converted: name of an efficient block or a convolution -> its class.
        left: name of a layer that still works in three dimensions -> why.
        difference: largest |deployable - model| / largest |model| on the example.

    >>> report = ConvertReport({"stem": "Conv3d"}, {"pool": "a MaxPool3d has no form"}, 1e-7)
    >>> sorted(report.left)
    ['pool']
    """

    converted: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    difference: float = float("nan")


@torch.no_grad()
def convert_to_deployable_form(
    model: nn.Module,
    input_tensor: Tensor | list[Tensor] | tuple[Any, ...],
    convert_for_quantize: bool = False,
    native_conv3d_op_qnnpack: bool = False,
) -> nn.Module:
    """Copy a model into the form for a mobile CPU: 2D convolutions, norms of its blocks folded.

    Every efficient block is converted, and every other 3D convolution too. The result is for
    inference; it takes clips of any batch, and of any size that the model takes. What was
    converted and what was not stands in its `convert_report`, with the measured difference.

    Args:
        model: any; it stays as it is.
        input_tensor: an example of its input: a tensor, a list with one a pathway, or the tuple
            of all its arguments.
        convert_for_quantize: make every operation a module, as torch's eager quantization
            (`torch.ao.quantization`) asks; the newer ways (PT2E, torchao) need it not.
        native_conv3d_op_qnnpack: with `convert_for_quantize`, keep as they are, with their norms
            folded, the convolutions for which qnnpack has a kernel of three dimensions: pointwise
            and depthwise ones.

    Returns:
        The copy, in evaluation mode.

    Raises:
        TypeError: if the example holds no tensor.
        ValueError: if the example is empty.
        AssertionError: if a block of the model is converted already, as in PyTorchVideo.

    >>> model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.MaxPool3d(2))
    >>> deployable = convert_to_deployable_form(model, torch.randn(1, 3, 4, 8, 8))
    >>> deployable.convert_report.converted
    {'0': 'Conv3d'}
    >>> deployable.convert_report.left
    {'1': 'a MaxPool3d has no form in two dimensions'}
    >>> deployable(torch.randn(5, 3, 4, 8, 8)).shape
    torch.Size([5, 4, 1, 3, 3])
    """
    inputs = arguments(input_tensor)
    deployable = restore_model(copy.deepcopy(model)).eval()
    expected, sizes = _run(deployable, inputs)
    conversion = _Conversion(sizes, convert_for_quantize, native_conv3d_op_qnnpack)
    deployable = conversion.convert(deployable, "")
    report = conversion.report
    report.difference = difference(deployable(*copied(inputs)), expected)
    deployable.convert_report = report  # type: ignore[assignment]  # not a module
    return deployable


class _Conversion:
    """One walk over a model, with the flags, the report, and what each module became."""

    def __init__(
        self, sizes: dict[nn.Module, tuple[int, ...]], quantize: bool, native: bool
    ) -> None:
        self.sizes, self.quantize, self.native = sizes, quantize, native
        self.report = ConvertReport()
        self.made: dict[nn.Module, nn.Module] = {}

    def convert(self, module: nn.Module, name: str) -> nn.Module:
        """What stands in the module's place."""
        if module not in self.made:
            self.made[module] = self._converted(module, name)
        return self.made[module]

    def _converted(self, module: nn.Module, name: str) -> nn.Module:
        if isinstance(module, EfficientBlockBase):
            module.convert(self.sizes.get(module), self.quantize, self.native)
            self.report.converted[name] = type(module).__name__
            self._note_left(module, name)
            return module
        if isinstance(module, nn.Conv3d):
            reason = self._why_left(module)
            if reason:
                self.report.left[name] = reason
                return module
            self.report.converted[name] = type(module).__name__
            return (QuantizableFrameConv3d if self.quantize else FrameConv3d)(module).eval()
        if isinstance(module, LEFT):
            self.report.left[name] = f"{_named(module)} has no form in two dimensions"
        # Not named_children(), which leaves out a child's second name.
        for key, child in module._modules.items():
            if child is not None:
                setattr(module, key, self.convert(child, f"{name}.{key}" if name else key))
        return module

    def _note_left(self, block: EfficientBlockBase, name: str) -> None:
        """Tell what a block has kept of three dimensions."""
        for inner, layer in block.named_modules(prefix=name):
            if isinstance(layer, (nn.Conv3d, *LEFT)):
                self.report.left[inner] = f"{_named(block)} keeps it"

    def _why_left(self, conv: nn.Conv3d) -> str:
        depthwise = conv.groups == conv.in_channels == conv.out_channels
        if self.quantize and self.native and (conv.kernel_size == (1, 1, 1) or depthwise):
            return "native_conv3d_op_qnnpack keeps it"
        return why_not_replaced(conv)


def _named(module: nn.Module) -> str:
    name = type(module).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _run(model: nn.Module, inputs: tuple) -> tuple[Any, dict[nn.Module, tuple[int, ...]]]:
    """The output, and the size of the input of each efficient block."""
    sizes: dict[nn.Module, tuple[int, ...]] = {}

    def note_size(module: nn.Module, args: tuple) -> None:
        if args and isinstance(args[0], Tensor):
            sizes[module] = tuple(args[0].shape)

    hooks = [
        module.register_forward_pre_hook(note_size)
        for module in model.modules()
        if isinstance(module, EfficientBlockBase)
    ]
    try:
        return model(*copied(inputs)), sizes
    finally:
        for hook in hooks:
            hook.remove()
