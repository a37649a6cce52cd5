"""Convolution, norm and activation as efficient blocks, by the kind of the convolution.

All compute the same in their trainable form: the kinds differ in what they can be asked for.
Deployed, the norm is written into the convolution, which runs frame by frame in two dimensions.
"""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pytorchvideo_clone.accelerator.mobile_cpu.activations import make_activation
from pytorchvideo_clone.accelerator.mobile_cpu.block import EfficientBlockBase
from pytorchvideo_clone.accelerator.mobile_cpu.decompose import FrameConv3d, fold_norm
from pytorchvideo_clone.accelerator.mobile_cpu.quantizable import QuantizableFrameConv3d
from pytorchvideo_clone.layers.chain import Chain

__all__ = [
    "Conv3d3x1x1BnAct",
    "Conv3d3x3x3DwBnAct",
    "Conv3d5x1x1BnAct",
    "Conv3dPwBnAct",
    "Conv3dTemporalKernel1BnAct",
    "ConvBnAct",
]


class ConvBnAct(EfficientBlockBase):
    """A convolution, a norm or none, an activation.

    Args:
        conv: the convolution.
        activation: a name in `supported_act_functions`.
        use_bn: put a batch norm behind the convolution.
        norm_eps: added to the variance.
        norm_momentum: weight of the newest batch in the running statistics.

    Raises:
        AssertionError: if there is no such activation, as in PyTorchVideo.
    """

    # Stays a 3D convolution for qnnpack, which has a kernel for it.
    native_in_qnnpack = False

    def __init__(
        self,
        conv: nn.Conv3d,
        activation: str,
        use_bn: bool,
        norm_eps: float,
        norm_momentum: float,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm3d(conv.out_channels, norm_eps, norm_momentum) if use_bn else None
        act = make_activation(activation)
        self.kernel = Chain(conv=conv, **({} if norm is None else {"bn": norm}), act=act)
        self.convert_flag = False

    def convert(
        self,
        input_blob_size: tuple[int, ...] | None = None,
        convert_for_quantize: bool = False,
        native_conv3d_op_qnnpack: bool = False,
    ) -> None:
        """Write the norm into the convolution, and that into 2D convolutions over the frames.

        The norm's statistics are those it has gathered, in training mode too.

        Args:
            input_blob_size: not needed: the deployable form takes clips of any size.
            convert_for_quantize: as in `convert_to_deployable_form`.
            native_conv3d_op_qnnpack: as in `convert_to_deployable_form`.

        Raises:
            AssertionError: at the second call, as in PyTorchVideo.
        """
        if self.convert_flag:
            name = type(self).__name__
            raise AssertionError(f"this {name} is converted already; convert it once.")
        layers = dict(self.kernel.named_children())
        conv, norm, act = layers["conv"], layers.get("bn"), layers["act"]
        assert isinstance(conv, nn.Conv3d) and isinstance(norm, _BatchNorm | None)
        assert isinstance(act, EfficientBlockBase)
        folded = fold_norm(conv, norm)
        native = convert_for_quantize and native_conv3d_op_qnnpack and self.native_in_qnnpack
        by_frame = QuantizableFrameConv3d if convert_for_quantize else FrameConv3d
        conv_form = folded if native else by_frame(folded)
        act.convert(None, convert_for_quantize, native_conv3d_op_qnnpack)
        self.kernel = Chain(conv=conv_form, act=act).eval()
        self.convert_flag = True

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, C', T', H', W')."""
        return self.kernel(x)


class Conv3dPwBnAct(ConvBnAct):
    """A pointwise convolution, 1x1x1, with norm and activation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        bias: of the convolution.
        activation: a name in `supported_act_functions`.
        use_bn: put a batch norm behind the convolution.
        norm_eps: added to the variance.
        norm_momentum: weight of the newest batch in the running statistics.

    Raises:
        AssertionError: if there is no such activation, as in PyTorchVideo.

    >>> block = Conv3dPwBnAct(3, 8).eval()
    >>> block.convert((1, 3, 4, 6, 6))
    >>> block(torch.ones(2, 3, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 6, 6])
    """

    native_in_qnnpack = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = False,
        activation: str = "relu",
        use_bn: bool = True,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        conv = nn.Conv3d(in_channels, out_channels, kernel_size=1, bias=bias)
        super().__init__(conv, activation, use_bn, norm_eps, norm_momentum)


class Conv3d3x3x3DwBnAct(ConvBnAct):
    """A depthwise convolution, 3x3x3, with norm and activation.

    Args:
        in_channels: channels of input and output.
        spatial_stride: along height and width.
        bias: as in `Conv3dPwBnAct`, and so are all arguments not listed here.
        activation: as in `Conv3dPwBnAct`.
        use_bn: as in `Conv3dPwBnAct`.
        norm_eps: as in `Conv3dPwBnAct`.
        norm_momentum: as in `Conv3dPwBnAct`.

    >>> Conv3d3x3x3DwBnAct(8, spatial_stride=2)(torch.ones(2, 8, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 3, 3])
    """

    native_in_qnnpack = True

    def __init__(
        self,
        in_channels: int,
        spatial_stride: int = 1,
        bias: bool = False,
        activation: str = "relu",
        use_bn: bool = True,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        conv = nn.Conv3d(
            in_channels,
            in_channels,
            kernel_size=3,
            stride=(1, spatial_stride, spatial_stride),
            padding=1,
            groups=in_channels,
            bias=bias,
        )
        super().__init__(conv, activation, use_bn, norm_eps, norm_momentum)


class Conv3dTemporalKernel1BnAct(ConvBnAct):
    """A convolution over space alone, 1 x k x k, with norm and activation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        bias: as in `Conv3dPwBnAct`, and so are all arguments not listed here.
        groups: of the channels.
        spatial_kernel: k.
        spatial_stride: along height and width.
        spatial_padding: along height and width.
        spatial_dilation: along height and width.
        activation: as in `Conv3dPwBnAct`.
        use_bn: as in `Conv3dPwBnAct`.
        norm_eps: as in `Conv3dPwBnAct`.
        norm_momentum: as in `Conv3dPwBnAct`.

    >>> block = Conv3dTemporalKernel1BnAct(3, 8, spatial_kernel=3, spatial_padding=1)
    >>> block(torch.ones(2, 3, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = False,
        groups: int = 1,
        spatial_kernel: int = 1,
        spatial_stride: int = 1,
        spatial_padding: int = 0,
        spatial_dilation: int = 1,
        activation: str = "relu",
        use_bn: bool = True,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        conv = nn.Conv3d(
            in_channels,
            out_channels,
            kernel_size=(1, spatial_kernel, spatial_kernel),
            stride=(1, spatial_stride, spatial_stride),
            padding=(0, spatial_padding, spatial_padding),
            dilation=(1, spatial_dilation, spatial_dilation),
            groups=groups,
            bias=bias,
        )
        super().__init__(conv, activation, use_bn, norm_eps, norm_momentum)


class _Temporal(ConvBnAct):
    kernel_length: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int = 1,
        bias: bool = False,
        activation: str = "relu",
        use_bn: bool = True,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
    ) -> None:
        conv = nn.Conv3d(
            in_channels,
            out_channels,
            kernel_size=(self.kernel_length, 1, 1),
            padding=(self.kernel_length // 2, 0, 0),
            groups=groups,
            bias=bias,
        )
        super().__init__(conv, activation, use_bn, norm_eps, norm_momentum)


class Conv3d3x1x1BnAct(_Temporal):
    """A convolution over three frames, 3x1x1, with norm and activation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        groups: of the channels.
        bias: as in `Conv3dPwBnAct`, and so are all arguments not listed here.
        activation: as in `Conv3dPwBnAct`.
        use_bn: as in `Conv3dPwBnAct`.
        norm_eps: as in `Conv3dPwBnAct`.
        norm_momentum: as in `Conv3dPwBnAct`.

    >>> Conv3d3x1x1BnAct(8, 8)(torch.ones(2, 8, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 6, 6])
    """

    kernel_length = 3


class Conv3d5x1x1BnAct(_Temporal):
    """A convolution over five frames, 5x1x1, with norm and activation.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        groups: of the channels.
        bias: as in `Conv3dPwBnAct`, and so are all arguments not listed here.
        activation: as in `Conv3dPwBnAct`.
        use_bn: as in `Conv3dPwBnAct`.
        norm_eps: as in `Conv3dPwBnAct`.
        norm_momentum: as in `Conv3dPwBnAct`.

    >>> Conv3d5x1x1BnAct(8, 8, groups=8)(torch.ones(2, 8, 4, 6, 6)).shape
    torch.Size([2, 8, 4, 6, 6])
    """

    kernel_length = 5
