"""The accelerator tutorials: efficient blocks, their deployable form, and its int8 form."""

import copy
import warnings

import torch
from pytorchvideo_clone.accelerator.deployment.common.model_transmuter import (
    EFFICIENT_BLOCK_TRANSMUTER_REGISTRY,
    transmute_model,
)
from pytorchvideo_clone.accelerator.deployment.mobile_cpu.utils.model_conversion import (
    convert_to_deployable_form,
)
from pytorchvideo_clone.accelerator.efficient_blocks.efficient_block_base import EfficientBlockBase
from pytorchvideo_clone.layers.accelerator.mobile_cpu.activation_functions import (
    supported_act_functions,
)
from pytorchvideo_clone.layers.accelerator.mobile_cpu.attention import SqueezeExcitation
from pytorchvideo_clone.layers.accelerator.mobile_cpu.convolutions import (
    Conv3d3x3x3DwBnAct,
    Conv3d5x1x1BnAct,
    Conv3dPwBnAct,
    Conv3dTemporalKernel1BnAct,
)
from pytorchvideo_clone.models.accelerator.mobile_cpu.efficient_x3d import EfficientX3d, create_x3d
from pytorchvideo_clone.models.accelerator.mobile_cpu.residual_blocks import X3dBottleneckBlock
from torch import nn


class _Quantized(nn.Module):
    """A model between quantization and its inverse, as the tutorials wrap it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.quant = torch.ao.quantization.QuantStub()
        self.module = module
        self.dequant = torch.ao.quantization.DeQuantStub()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dequant(self.module(self.quant(x)))


def int8_flow_of_the_tutorials() -> None:
    torch.manual_seed(0)
    block = X3dBottleneckBlock(8, 16, 12, spatial_stride=2, act_functions=("relu", "swish", "relu"))
    stem = nn.Sequential(Conv3dTemporalKernel1BnAct(3, 8), Conv3d5x1x1BnAct(8, 8, groups=8))
    model, clip = nn.Sequential(stem, block).eval(), torch.randn(1, 3, 4, 8, 8)
    expected = model(clip).detach()
    for wrap_first in (True, False):
        given = _Quantized(model) if wrap_first else model
        deployable = convert_to_deployable_form(
            given, clip, convert_for_quantize=True, native_conv3d_op_qnnpack=False
        )
        deployable = (deployable if wrap_first else _Quantized(deployable)).eval()
        with warnings.catch_warnings(action="ignore"):  # torch deprecates eager quantization
            deployable.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
            prepared = torch.ao.quantization.prepare(deployable)
            prepared(clip)
            int8 = torch.ao.quantization.convert(prepared)
            traced = torch.jit.trace(int8, clip)
        kinds = [type(part).__name__ for part in int8.modules() if "quantized" in str(type(part))]
        assert {"Conv2d", "Linear", "QFunctional"} <= set(kinds)
        torch.testing.assert_close(traced(clip), int8(clip))
        # 8 bits over the range of each tensor: about one part in a hundred.
        # Of PyTorchVideo's own int8 form of this block: 0.05 too; the weights are random.
        assert (int8(clip) - expected).norm() < 0.1 * expected.norm()


def convert_in_training_mode() -> None:
    torch.manual_seed(0)
    for block, channels in (
        (Conv3dPwBnAct(4, 6), 4),
        (Conv3d3x3x3DwBnAct(4, spatial_stride=2, activation="hswish"), 4),
        (X3dBottleneckBlock(4, 8, 4), 4),
        (SqueezeExcitation(8, is_3d=True), 8),
    ):
        clip = torch.randn(2, channels, 3, 6, 6)
        expected = copy.deepcopy(block).eval()(clip)
        block.convert(clip.shape)
        torch.testing.assert_close(block(clip), expected, rtol=1e-5, atol=1e-5)


def block_of_ones_own() -> None:
    class Doubled(EfficientBlockBase):
        def convert(self, input_blob_size, *args, **kwargs):
            self.converted = tuple(input_blob_size)

        def forward(self, x):
            return 2 * x

    model = nn.Sequential(Doubled(), supported_act_functions["relu"]())
    clip = torch.randn(1, 3, 2, 4, 4)
    deployable = convert_to_deployable_form(model, clip)
    assert deployable[0].converted == (1, 3, 2, 4, 4)
    assert not hasattr(model[0], "converted")
    torch.testing.assert_close(deployable(clip), torch.relu(2 * clip))


def transmuted_model() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv3d(3, 8, 1), nn.ReLU(), nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
    )
    clip, original = torch.randn(1, 3, 4, 6, 6), copy.deepcopy(model)
    assert "mobile_cpu" in EFFICIENT_BLOCK_TRANSMUTER_REGISTRY
    transmute_model(model, target_device="mobile_cpu")
    assert isinstance(model[0], Conv3dPwBnAct)
    deployable = convert_to_deployable_form(model.eval(), clip)
    torch.testing.assert_close(deployable(clip), original(clip), rtol=1e-5, atol=1e-5)


def efficient_x3d_of_the_model_zoo() -> None:
    model = EfficientX3d(expansion="XS", head_act="identity")
    state = model.state_dict()
    assert "s1.pathway0_stem_conv_xy.kernel.conv.weight" in state
    assert "s2.pathway0_res0.layers.se.se.block.0.weight" in state
    assert create_x3d(expansion="XS", num_classes=7).projection.model.out_features == 7
