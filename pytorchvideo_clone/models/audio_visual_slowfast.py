"""Audio-visual SlowFast: SlowFast with a third pathway that listens.

Source: Xiao et al., "Audiovisual SlowFast Networks for Video Recognition", 2020,
https://arxiv.org/abs/2001.08740.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.layers.chain import make_activation, make_norm
from pytorchvideo_clone.layers.utils import set_attributes as set_attributes
from pytorchvideo_clone.models._defaults import with_defaults
from pytorchvideo_clone.models.blocks import (
    create_acoustic_bottleneck_block,
    create_bottleneck_block,
)
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.pathways import FusionBuilder, check_widths
from pytorchvideo_clone.models.slowfast import create_slowfast
from pytorchvideo_clone.models.stages import same_padding
from pytorchvideo_clone.models.stem import create_acoustic_res_basic_stem, create_res_basic_stem

__all__ = [
    "AudioToSlowFastFusionBuilder",
    "FuseAudioToFastSlow",
    "create_audio_visual_slowfast",
]

Size = tuple[int, int, int]
Maker = Callable[..., nn.Module]


class FuseAudioToFastSlow(nn.Module):
    """Concatenate the fast pathway to the slow one, then add what is heard.

    Args:
        block_fast_to_slow: gives what is concatenated to the slow pathway.
        block_audio_to_fastslow: gives what is added, from the audio averaged over frequency.
    """

    def __init__(self, block_fast_to_slow: nn.Module, block_audio_to_fastslow: nn.Module) -> None:
        super().__init__()
        self.block_fast_to_slow = block_fast_to_slow
        self.block_audio_to_fastslow = block_audio_to_fastslow

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        """[slow, fast, audio (B, C, T, 1, F)] -> [slow with more channels, fast, audio]."""
        slow, fast, audio = x
        heard = self.block_audio_to_fastslow(audio.mean(dim=-1, keepdim=True))
        slow = torch.cat([slow, self.block_fast_to_slow(fast)], dim=1)
        return [slow + heard, fast, audio]


class AudioToSlowFastFusionBuilder:
    """Make the fusions of audio-visual SlowFast.

    Args:
        slowfast_channel_reduction_ratio: channels of the slow pathway per channel of the fast one.
        slowfast_audio_reduction_ratio: channels of the slow pathway per channel of the audio.
        conv_fusion_channel_ratio: channels that are fused per channel of the fast pathway.
        conv_kernel_size: of the convolution from fast to slow, (T, H, W).
        conv_kernel_size_a: of the convolutions from audio to slow, (T, H, W).
        conv_stride: of the convolution from fast to slow, (T, H, W).
        conv_stride_a: one (T, H, W) a stage, from the stems on: of the convolutions from audio to
            slow all together.
        conv_fusion_channel_interm_dim: channels between the convolutions from audio to slow, per
            channel of the audio; an int is their number itself.
        conv_num_a: number of convolutions from audio to slow.
        norm: as in `create_bottleneck_block`.
        norm_eps: as in `create_bottleneck_block`.
        norm_momentum: as in `create_bottleneck_block`.
        activation: as in `create_bottleneck_block`.
        max_stage_idx: after later stages nothing is fused.
    """

    def __init__(
        self,
        slowfast_channel_reduction_ratio: int,
        slowfast_audio_reduction_ratio: int,
        conv_fusion_channel_ratio: float,
        conv_kernel_size: Size,
        conv_kernel_size_a: Size,
        conv_stride: Size,
        conv_stride_a: Sequence[Size],
        conv_fusion_channel_interm_dim: int | float = 0.25,
        conv_num_a: int = 2,
        norm: Maker | None = nn.BatchNorm3d,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        activation: Maker | None = nn.ReLU,
        max_stage_idx: int = 3,
    ) -> None:
        self.slowfast_channel_reduction_ratio = slowfast_channel_reduction_ratio
        self.slowfast_audio_reduction_ratio = slowfast_audio_reduction_ratio
        self.conv_fusion_channel_ratio = conv_fusion_channel_ratio
        self.conv_kernel_size = conv_kernel_size
        self.conv_kernel_size_a = conv_kernel_size_a
        self.conv_stride = conv_stride
        self.conv_stride_a = conv_stride_a
        self.conv_fusion_channel_interm_dim = conv_fusion_channel_interm_dim
        self.conv_num_a = conv_num_a
        self.norm = norm
        self.norm_eps = norm_eps
        self.norm_momentum = norm_momentum
        self.activation = activation
        self.max_stage_idx = max_stage_idx

    def create_module(self, fusion_dim_in: int, stage_idx: int) -> nn.Module:
        """Make the fusion after a stage; arguments as in `FusionBuilder.create_module`."""
        if stage_idx > self.max_stage_idx:
            return nn.Identity()
        dim_fast = fusion_dim_in // self.slowfast_channel_reduction_ratio
        dim_audio = fusion_dim_in // self.slowfast_audio_reduction_ratio
        dim_fused = int(dim_fast * self.conv_fusion_channel_ratio)
        between = self.conv_fusion_channel_interm_dim
        dim_between = between if isinstance(between, int) else int(dim_audio * between)
        dims = [dim_audio, *[dim_between] * (self.conv_num_a - 1), fusion_dim_in + dim_fused]
        audio: list[nn.Module] = []
        for i in range(self.conv_num_a):
            stride = self.conv_stride_a[stage_idx] if i == self.conv_num_a - 1 else (1, 1, 1)
            audio += self._layers(dims[i], dims[i + 1], self.conv_kernel_size_a, stride)
        fast = self._layers(dim_fast, dim_fused, self.conv_kernel_size, self.conv_stride)
        return FuseAudioToFastSlow(nn.Sequential(*fast), nn.Sequential(*audio))

    def _layers(self, dim_in: int, dim_out: int, size: Size, stride: Size) -> list[nn.Module]:
        """Convolution, norm, activation, of which the last two may be missing."""
        layers = (
            nn.Conv3d(dim_in, dim_out, size, stride=stride, padding=same_padding(size), bias=False),
            make_norm(self.norm, dim_out, self.norm_eps, self.norm_momentum),
            make_activation(self.activation),
        )
        return [layer for layer in layers if layer is not None]


@with_defaults(
    create_slowfast,
    slowfast_channel_reduction_ratio=(8, 2),
    input_channels=(3, 3, 1),
    stem_function=(create_res_basic_stem, create_res_basic_stem, create_acoustic_res_basic_stem),
    stem_dim_outs=(64, 8, 32),
    stem_conv_kernel_sizes=((1, 7, 7), (5, 7, 7), (9, 1, 9)),
    stem_conv_strides=((1, 2, 2), (1, 2, 2), (1, 1, 1)),
    stem_pool=(nn.MaxPool3d, nn.MaxPool3d, None),
    stem_pool_kernel_sizes=((1, 3, 3), (1, 3, 3), (1, 3, 3)),
    stem_pool_strides=((1, 2, 2), (1, 2, 2), (1, 1, 1)),
    stage_conv_a_kernel_sizes=(
        ((1, 1, 1), (1, 1, 1), (3, 1, 1), (3, 1, 1)),
        ((3, 1, 1),) * 4,
        ((1, 1, 1),) * 4,
    ),
    stage_conv_b_kernel_sizes=(((1, 3, 3),) * 4, ((1, 3, 3),) * 4, ((3, 1, 3),) * 4),
    stage_conv_b_num_groups=((1, 1, 1, 1),) * 3,
    stage_conv_b_dilations=(((1, 1, 1),) * 4,) * 3,
    stage_spatial_strides=((1, 2, 2, 2),) * 3,
    stage_temporal_strides=((1, 1, 1, 1), (1, 1, 1, 1), (1, 2, 2, 2)),
    bottleneck=(
        (create_bottleneck_block,) * 4,
        (create_bottleneck_block,) * 4,
        (create_acoustic_bottleneck_block,) * 2 + (create_bottleneck_block,) * 2,
    ),
    head_pool_kernel_sizes=((8, 7, 7), (32, 7, 7), (16, 1, 10)),
)
def create_audio_visual_slowfast(
    *,
    slowfast_channel_reduction_ratio: Sequence[int],
    slowfast_conv_channel_fusion_ratio: float,
    slowfast_fusion_conv_kernel_size: Size,
    slowfast_fusion_conv_stride: Size,
    fusion_builder: FusionBuilder | None,
    norm: Maker | None,
    activation: Maker | None,
    stem_dim_outs: Sequence[int],
    **kwargs: Any,
) -> Net:
    """Make an audio-visual SlowFast: three ResNets, fused after the stem and each stage, one head.

    Args:
        slowfast_channel_reduction_ratio: channels of the slow pathway per channel of the fast one
            and per channel of the audio.
        slowfast_conv_channel_fusion_ratio: as in `create_slowfast`, and so are all arguments not
            listed here; those for the pathways have three entries, slow, fast and audio.
        slowfast_fusion_conv_kernel_size: as in `create_slowfast`.
        slowfast_fusion_conv_stride: as in `create_slowfast`.
        fusion_builder: makes the fusions; default an `AudioToSlowFastFusionBuilder` for 16 steps of
            sound per slow frame.
        norm: as in `create_slowfast`.
        activation: as in `create_slowfast`.
        stem_dim_outs: as in `create_slowfast`.
        kwargs: as in `create_slowfast`.

    Returns:
        A network of a list [slow (B, C, T, H, W), fast (B, C, 4 T, H, W), audio (B, 1, 16 T, 1, F)]
        -> (B, classes); the audio is a log-mel spectrogram.

    Raises:
        ValueError: as in `create_slowfast`.

    >>> model = create_audio_visual_slowfast(
    ...     model_depth=18, model_num_class=5, head_pool=nn.AdaptiveAvgPool3d
    ... )
    >>> slow, fast = torch.ones(1, 3, 2, 32, 32), torch.ones(1, 3, 8, 32, 32)
    >>> model([slow, fast, torch.ones(1, 1, 32, 1, 40)]).shape
    torch.Size([1, 5])
    """
    check_widths(slowfast_channel_reduction_ratio, stem_dim_outs)
    if fusion_builder is None:
        ratio_fast, ratio_audio = slowfast_channel_reduction_ratio
        fusion_builder = AudioToSlowFastFusionBuilder(
            ratio_fast,
            ratio_audio,
            slowfast_conv_channel_fusion_ratio,
            conv_kernel_size=slowfast_fusion_conv_kernel_size,
            conv_kernel_size_a=(5, 1, 1),
            conv_stride=slowfast_fusion_conv_stride,
            # The audio has fewer steps after each stage; the slow pathway has as many frames.
            conv_stride_a=((16, 1, 1), (16, 1, 1), (8, 1, 1), (4, 1, 1), (2, 1, 1)),
            norm=norm,
            activation=activation,
        )
    return create_slowfast(
        slowfast_channel_reduction_ratio=slowfast_channel_reduction_ratio,
        slowfast_conv_channel_fusion_ratio=slowfast_conv_channel_fusion_ratio,
        slowfast_fusion_conv_kernel_size=slowfast_fusion_conv_kernel_size,
        slowfast_fusion_conv_stride=slowfast_fusion_conv_stride,
        fusion_builder=fusion_builder,
        norm=norm,
        activation=activation,
        stem_dim_outs=stem_dim_outs,
        **kwargs,
    )
