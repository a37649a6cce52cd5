"""Efficient blocks for mobile CPUs, and how a model comes to be made of them."""

from pytorchvideo_clone.accelerator.mobile_cpu.activations import (
    HardSwish,
    Identity,
    ReLU,
    Swish,
    supported_act_functions,
)
from pytorchvideo_clone.accelerator.mobile_cpu.attention import SqueezeExcitation
from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase, NoOpConvertBlock
from pytorchvideo_clone.accelerator.mobile_cpu.convert import (
    ConvertReport,
    convert_to_deployable_form,
)
from pytorchvideo_clone.accelerator.mobile_cpu.convolutions import (
    Conv3d3x1x1BnAct,
    Conv3d3x3x3DwBnAct,
    Conv3d5x1x1BnAct,
    Conv3dPwBnAct,
    Conv3dTemporalKernel1BnAct,
)
from pytorchvideo_clone.accelerator.mobile_cpu.decompose import FrameConv3d
from pytorchvideo_clone.accelerator.mobile_cpu.fully_connected import FullyConnected
from pytorchvideo_clone.accelerator.mobile_cpu.pool import (
    AdaptiveAvgPool2d,
    AdaptiveAvgPool2dOutSize1,
    AdaptiveAvgPool3d,
    AdaptiveAvgPool3dOutSize1,
)
from pytorchvideo_clone.accelerator.mobile_cpu.transmute import (
    EFFICIENT_BLOCK_TRANSMUTER_REGISTRY,
    TransmuteReport,
    transmute_model,
)
from pytorchvideo_clone.accelerator.mobile_cpu.x3d import (
    EfficientX3d,
    X3dBottleneckBlock,
    create_x3d,
)

__all__ = [
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool2dOutSize1",
    "AdaptiveAvgPool3d",
    "AdaptiveAvgPool3dOutSize1",
    "Conv3d3x1x1BnAct",
    "Conv3d3x3x3DwBnAct",
    "Conv3d5x1x1BnAct",
    "Conv3dPwBnAct",
    "Conv3dTemporalKernel1BnAct",
    "ConvertReport",
    "EFFICIENT_BLOCK_TRANSMUTER_REGISTRY",
    "EfficientBlockBase",
    "EfficientX3d",
    "FrameConv3d",
    "FullyConnected",
    "HardSwish",
    "Identity",
    "NoOpConvertBlock",
    "ReLU",
    "SqueezeExcitation",
    "Swish",
    "TransmuteReport",
    "X3dBottleneckBlock",
    "convert_to_deployable_form",
    "create_x3d",
    "supported_act_functions",
    "transmute_model",
]
