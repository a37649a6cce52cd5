"""X3D from efficient blocks: the published models for mobile CPUs.

Source: Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020,
https://arxiv.org/abs/2004.04730.
"""

import itertools
from typing import Any

from torch import Tensor, nn

from pytorchvideo_clone.accelerator.mobile_cpu.activations import make_activation
from pytorchvideo_clone.accelerator.mobile_cpu.attention import SqueezeExcitation
from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.convolutions import (
    Conv3d3x3x3DwBnAct,
    Conv3d5x1x1BnAct,
    Conv3dPwBnAct,
    Conv3dTemporalKernel1BnAct,
)
from pytorchvideo_clone.accelerator.mobile_cpu.fully_connected import FullyConnected
from pytorchvideo_clone.accelerator.mobile_cpu.pool import AdaptiveAvgPool3dOutSize1
from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import float_functional
from pytorchvideo_clone.layers.chain import Chain
from pytorchvideo_clone.layers.utils import round_width

__all__ = ["EfficientX3d", "X3dBottleneckBlock", "create_x3d"]

# Blocks of the four stages. XS, S and M are the same network for clips of different sizes.
DEPTHS = {"XS": (3, 5, 11, 7), "S": (3, 5, 11, 7), "M": (3, 5, 11, 7), "L": (5, 10, 25, 15)}
WIDTHS = (24, 48, 96, 192)
EXPANSION = 2.25
SE_RATIO = 1 / 16


class X3dBottleneckBlock(EfficientBlockBase):
    """A residual block of X3D: pointwise, depthwise, squeeze-and-excitation, pointwise.

    Args:
        in_channels: channels of the input.
        mid_channels: channels inside.
        out_channels: channels of the output.
        use_residual: add the input, through a convolution and a norm if the shape changes.
        spatial_stride: of the depthwise convolution.
        se_ratio: width of the squeeze, as a part of `mid_channels`; 0 leaves it out.
        act_functions: names in `supported_act_functions`: after the first convolution, before the
            last one, after the sum.
        bias: of the three convolutions.
        use_bn: put a batch norm behind each of the three convolutions.
        norm_eps: as in `Conv3dPwBnAct`.
        norm_momentum: as in `Conv3dPwBnAct`.

    >>> block = X3dBottleneckBlock(8, 18, 8, spatial_stride=2)
    >>> block(torch.ones(2, 8, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        use_residual: bool = True,
        spatial_stride: int = 1,
        se_ratio: float = SE_RATIO,
        act_functions: tuple[str, str, str] = ("relu", "relu", "relu"),
        bias: tuple[bool, bool, bool] = (False, False, False),
        use_bn: tuple[bool, bool, bool] = (True, True, True),
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        norm: dict[str, Any] = {"norm_eps": norm_eps, "norm_momentum": norm_momentum}
        self.use_residual = use_residual
        self._res_proj: EfficientBlockBase | None = None
        if use_residual and (spatial_stride > 1 or in_channels != out_channels):
            self._res_proj = Conv3dTemporalKernel1BnAct(
                in_channels,
                out_channels,
                spatial_stride=spatial_stride,
                activation="identity",
                **norm,
            )
        layers: dict[str, nn.Module] = {
            "conv_0": Conv3dPwBnAct(
                in_channels,
                mid_channels,
                bias=bias[0],
                activation=act_functions[0],
                use_bn=use_bn[0],
                **norm,
            ),
            "conv_1": Conv3d3x3x3DwBnAct(
                mid_channels,
                spatial_stride=spatial_stride,
                bias=bias[1],
                activation="identity",
                use_bn=use_bn[1],
                **norm,
            ),
        }
        if se_ratio > 0:
            layers["se"] = SqueezeExcitation(
                mid_channels,
                num_channels_reduced=round_width(mid_channels, se_ratio),
                is_3d=True,
            )
        layers["act_func_1"] = make_activation(act_functions[1])
        layers["conv_2"] = Conv3dPwBnAct(
            mid_channels,
            out_channels,
            bias=bias[2],
            activation="identity",
            use_bn=use_bn[2],
            **norm,
        )
        self.layers = Chain(**layers)
        self._residual_add_func: Any = None
        self.final_act = make_activation(act_functions[2])

    def convert(
        self,
        input_blob_size: tuple[int, ...] | None = None,
        convert_for_quantize: bool = False,
        native_conv3d_op_qnnpack: bool = False,
    ) -> None:
        """Convert all parts; arguments and errors as of `Conv3dPwBnAct.convert`."""
        for part in (self._res_proj, *self.layers):
            if part is not None:
                part.convert(None, convert_for_quantize, native_conv3d_op_qnnpack)
        if convert_for_quantize and self.use_residual:
            self._residual_add_func = float_functional()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T, H', W')."""
        y = self.layers(x)
        if self.use_residual:
            shortcut = x if self._res_proj is None else self._res_proj(x)
            add = self._residual_add_func
            y = y + shortcut if add is None else add.add(y, shortcut)
        return self.final_act(y)


class EfficientX3d(nn.Module):
    """X3D from efficient blocks; `convert_to_deployable_form` gives the form for a mobile CPU.

    It computes what `models.create_x3d` computes, but for a norm in the shortcut of the first
    stage, and its state dict has other keys.

    Args:
        num_classes: number of classes.
        dropout: probability, before the classifier.
        expansion: "XS", "S", "M", which are the same network, or "L".
        head_act: a name in `supported_act_functions`, applied to the scores in evaluation.
        enable_head: False gives the features of the last stage.

    Raises:
        ValueError: if there is no such expansion.
        AssertionError: if there is no such activation, as in PyTorchVideo.

    >>> model = EfficientX3d(num_classes=5).eval()
    >>> model(torch.ones(1, 3, 4, 32, 32)).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        num_classes: int = 400,
        dropout: float = 0.5,
        expansion: str = "XS",
        head_act: str = "identity",
        enable_head: bool = True,
    ) -> None:
        super().__init__()
        if expansion not in DEPTHS:
            raise ValueError(f"expansion is {expansion!r}; choose one of {', '.join(DEPTHS)}.")
        width = WIDTHS[0]
        self.s1 = Chain(
            pathway0_stem_conv_xy=Conv3dTemporalKernel1BnAct(
                3,
                width,
                spatial_kernel=3,
                spatial_stride=2,
                spatial_padding=1,
                activation="identity",
                use_bn=False,
            ),
            pathway0_stem_conv=Conv3d5x1x1BnAct(width, width, groups=width),
        )
        widths = (width, *WIDTHS)
        self.s2, self.s3, self.s4, self.s5 = (
            _make_stage(depth, *dims)
            for depth, dims in zip(DEPTHS[expansion], itertools.pairwise(widths), strict=True)
        )
        width = widths[-1]
        self.enable_head = enable_head
        if enable_head:
            dim_inner = int(EXPANSION * width)
            self.head = Chain(
                conv_5=Conv3dPwBnAct(width, dim_inner),
                avg_pool=AdaptiveAvgPool3dOutSize1(),
                lin_5=Conv3dPwBnAct(dim_inner, 2048, use_bn=False),
            )
            self.dropout = nn.Dropout(dropout)
            self.projection = FullyConnected(2048, num_classes)
            self.act = make_activation(head_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, classes), or the features (B, 192, T, H / 32, W / 32).

        Raises:
            RuntimeError: if the clip has another number of dimensions or channels.
        """
        if x.dim() != 5 or x.shape[1] != 3:
            raise RuntimeError(f"the clip is {tuple(x.shape)}; expected (B, 3, T, H, W).")
        for stage in (self.s1, self.s2, self.s3, self.s4, self.s5):
            x = stage(x)
        if not self.enable_head:
            return x
        x = self.projection(self.dropout(self.head(x).flatten(1)))
        return x if self.training else self.act(x)


def create_x3d(
    *,
    num_classes: int = 400,
    dropout: float = 0.5,
    expansion: str = "XS",
    head_act: str = "identity",
    enable_head: bool = True,
) -> EfficientX3d:
    """Make `EfficientX3d`; the arguments are the same.

    >>> create_x3d(num_classes=5, expansion="S").projection.model.out_features
    5
    """
    return EfficientX3d(num_classes, dropout, expansion, head_act, enable_head)


def _make_stage(depth: int, dim_in: int, dim_out: int) -> Chain:
    return Chain(
        **{
            f"pathway0_res{i}": X3dBottleneckBlock(
                dim_in if i == 0 else dim_out,
                int(EXPANSION * dim_out),
                dim_out,
                spatial_stride=2 if i == 0 else 1,
                se_ratio=SE_RATIO if i % 2 == 0 else 0.0,
                act_functions=("relu", "swish", "relu"),
            )
            for i in range(depth)
        }
    )
