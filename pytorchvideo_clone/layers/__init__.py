"""Building blocks of the models, plain torch."""

from pytorchvideo_clone.layers.attention import Mlp, MultiScaleAttention, MultiScaleBlock
from pytorchvideo_clone.layers.batch_norm import (
    NaiveSyncBatchNorm1d,
    NaiveSyncBatchNorm2d,
    NaiveSyncBatchNorm3d,
)
from pytorchvideo_clone.layers.chain import Chain, make_activation, make_norm, module_list
from pytorchvideo_clone.layers.convolutions import Conv2plus1d, ConvReduce3D, create_conv_2plus1d
from pytorchvideo_clone.layers.distributed import (
    GroupGather,
    cat_all_gather,
    get_local_process_group,
    get_local_rank,
    get_local_size,
    get_world_size,
    init_distributed_training,
)
from pytorchvideo_clone.layers.drop_path import DropPath
from pytorchvideo_clone.layers.fusion import (
    ConcatFusion,
    ReduceFusion,
    TemporalConcatFusion,
    make_fusion_layer,
)
from pytorchvideo_clone.layers.mlp import make_multilayer_perceptron
from pytorchvideo_clone.layers.nonlocal_net import NonLocal, create_nonlocal
from pytorchvideo_clone.layers.positional_encoding import (
    PositionalEncoding,
    SpatioTemporalClsPositionalEncoding,
)
from pytorchvideo_clone.layers.relative_position import RelativePositions
from pytorchvideo_clone.layers.residual import ResBlock
from pytorchvideo_clone.layers.squeeze_excitation import (
    SqueezeAndExcitationLayer2D,
    SqueezeExcitation,
    create_audio_2d_squeeze_excitation_block,
)
from pytorchvideo_clone.layers.swish import Swish, SwishFunction
from pytorchvideo_clone.layers.utils import round_repeats, round_width, set_attributes

__all__ = [
    "Chain",
    "ConcatFusion",
    "Conv2plus1d",
    "ConvReduce3D",
    "DropPath",
    "GroupGather",
    "Mlp",
    "MultiScaleAttention",
    "MultiScaleBlock",
    "NaiveSyncBatchNorm1d",
    "NaiveSyncBatchNorm2d",
    "NaiveSyncBatchNorm3d",
    "NonLocal",
    "PositionalEncoding",
    "ReduceFusion",
    "RelativePositions",
    "ResBlock",
    "SpatioTemporalClsPositionalEncoding",
    "SqueezeAndExcitationLayer2D",
    "SqueezeExcitation",
    "Swish",
    "SwishFunction",
    "TemporalConcatFusion",
    "cat_all_gather",
    "create_audio_2d_squeeze_excitation_block",
    "create_conv_2plus1d",
    "create_nonlocal",
    "get_local_process_group",
    "get_local_rank",
    "get_local_size",
    "get_world_size",
    "init_distributed_training",
    "make_activation",
    "make_fusion_layer",
    "make_multilayer_perceptron",
    "make_norm",
    "module_list",
    "round_repeats",
    "round_width",
    "set_attributes",
]
