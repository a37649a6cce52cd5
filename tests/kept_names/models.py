"""Models: built as PySlowFast builds them, taken apart, subclassed, imported from other modules.

Numbers are those that PyTorchVideo 0.1.5 gives for the same weights and clips.
"""

import importlib
from typing import Any

import torch
from pytorchvideo_clone.models.hub.utils import MODEL_ZOO_ROOT_DIR, hub_model_builder
from pytorchvideo_clone.models.memory_bank import MemoryBank
from torch import Tensor, nn

from pytorchvideo_clone.layers.utils import set_attributes
from pytorchvideo_clone.models import hub, resnet, slowfast
from pytorchvideo_clone.models.head import create_res_basic_head, create_res_roi_pooling_head
from pytorchvideo_clone.models.masked_multistream import LSTM, MaskedSequential
from pytorchvideo_clone.models.net import DetectionBBoxNetwork, Net
from pytorchvideo_clone.models.resnet import ResBlock, create_bottleneck_block, create_resnet
from pytorchvideo_clone.models.slowfast import create_slowfast
from pytorchvideo_clone.models.stem import create_res_basic_stem
from pytorchvideo_clone.models.x3d import create_x3d
from tests.reference.fill import fill_module


def _clip(frames: int) -> Tensor:
    count = 3 * frames * 32 * 32
    return torch.linspace(-1, 1, count, dtype=torch.float64).float().view(1, 3, frames, 32, 32)


def _slowfast(**changed: Any) -> nn.Module:
    """What PySlowFast's builder calls: one callable for both pathways."""
    settings: dict[str, Any] = {
        "slowfast_channel_reduction_ratio": (4,),
        "slowfast_conv_channel_fusion_ratio": 2,
        "slowfast_fusion_conv_kernel_size": (7, 1, 1),
        "slowfast_fusion_conv_stride": (4, 1, 1),
        "input_channels": [3, 3],
        "model_depth": 18,
        "model_num_class": 3,
        "dropout_rate": 0.5,
        "norm": nn.BatchNorm3d,
        "activation": nn.ReLU,
        "stem_dim_outs": (8, 2),
        "stem_pool": nn.MaxPool3d,
        "bottleneck": create_bottleneck_block,
        "head": create_res_basic_head,
        "head_pool": nn.AvgPool3d,
        "head_pool_kernel_sizes": ((2, 1, 1), (8, 1, 1)),
    }
    return create_slowfast(**{**settings, **changed})


def slowfast_of_a_config() -> None:
    model = _slowfast(bottleneck=create_bottleneck_block).eval()
    fill_module(model, "pathways")
    expected = torch.tensor([[-0.26839274, -0.22036502, -0.27391154]])
    torch.testing.assert_close(model([_clip(2), _clip(8)]), expected)


def slowfast_for_detection_of_a_config() -> None:
    dilations = ((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 2, 2))
    model = _slowfast(
        stage_spatial_strides=((1, 2, 2, 1), (1, 2, 2, 1)),
        stage_conv_b_dilations=(dilations, dilations),
        head=None,
    )
    head = create_res_roi_pooling_head(
        in_features=8 * 32 + 2 * 32,
        out_features=3,
        pool=None,
        output_size=(1, 1, 1),
        dropout_rate=0.5,
        activation=nn.Sigmoid,
        output_with_global_average=False,
        pool_spatial=nn.MaxPool2d,
        resolution=[7, 7],
        spatial_scale=1 / 16,
        sampling_ratio=0,
    )
    network = DetectionBBoxNetwork(model, head).eval()
    fill_module(network, "boxes")
    assert network.detection_head is head and network.model is model
    scores = network([_clip(2), _clip(8)], torch.tensor([[0, 2.0, 1, 30, 20]]))
    torch.testing.assert_close(scores, torch.tensor([[0.51402777, 0.61466449, 0.49178071]]))


def one_stem_for_both_pathways() -> None:
    model = _slowfast(stem_function=create_res_basic_stem)
    assert len(model.blocks[0].multipathway_blocks) == 2


# Names that a module passes on, and where they live here.
PASSED_ON = {
    "layers.convolutions": {"set_attributes": "layers.utils"},
    "layers.nonlocal_net": {"set_attributes": "layers.utils"},
    "models.audio_visual_slowfast": {"set_attributes": "layers.utils"},
    "models.csn": {"create_res_stage": "models.resnet", "Net": "models.net"},
    "models.head": {"set_attributes": "layers.utils"},
    "models.hub.csn": {"create_csn": "models.csn"},
    "models.hub.r2plus1d": {"create_r2plus1d": "models.r2plus1d"},
    "models.hub.resnet": {
        "create_resnet": "models.resnet",
        "create_resnet_with_roi_head": "models.resnet",
    },
    "models.hub.slowfast": {
        "create_slowfast": "models.slowfast",
        "create_slowfast_with_roi_head": "models.slowfast",
    },
    "models.hub.vision_transformers": {"hub_model_builder": "models.hub.utils"},
    "models.hub.x3d": {"create_x3d": "models.x3d"},
    "models.masked_multistream": {"set_attributes": "layers.utils"},
    "models.memory_bank": {"set_attributes": "layers.utils"},
    "models.net": {"set_attributes": "layers.utils", "init_net_weights": "models.weight_init"},
    "models.r2plus1d": {"create_res_stage": "models.resnet"},
    "models.resnet": {"set_attributes": "layers.utils", "Net": "models.net"},
    "models.simclr": {"set_attributes": "layers.utils"},
    "models.slowfast": {
        "MultiPathWayWithFuse": "models.net",
        "create_res_stage": "models.resnet",
        "set_attributes": "layers.utils",
    },
    "models.stem": {"set_attributes": "layers.utils"},
    "models.vision_transformers": {
        "MultiScaleBlock": "layers.attention",
        "set_attributes": "layers.utils",
    },
    "models.weight_init": {"SpatioTemporalClsPositionalEncoding": "layers.positional_encoding"},
    "models.x3d": {
        "BottleneckBlock": "models.resnet",
        "Conv2plus1d": "layers.convolutions",
        "Net": "models.net",
        "ResBlock": "models.resnet",
        "ResNetBasicStem": "models.stem",
        "ResStage": "models.resnet",
        "SqueezeExcitation": "layers.squeeze_excitation",
        "Swish": "layers.swish",
        "round_repeats": "layers.utils",
        "round_width": "layers.utils",
        "set_attributes": "layers.utils",
    },
    "transforms.mix": {"convert_to_one_hot": "transforms.functional"},
}


def names_that_modules_pass_on() -> None:
    """`set_attributes`, blocks and builders from the modules that use them."""
    for module, names in PASSED_ON.items():
        for name, home in names.items():
            passed = getattr(importlib.import_module(f"pytorchvideo_clone.{module}"), name)
            assert passed is getattr(importlib.import_module(f"pytorchvideo_clone.{home}"), name)


def gate_of_fvcore() -> None:
    """`models.x3d.SqueezeExcitation` takes the arguments of fvcore's class, which it was."""
    from fvcore.nn.squeeze_excitation import SqueezeExcitation as Original

    from pytorchvideo_clone.models.x3d import SqueezeExcitation

    for settings, shape in (
        ({"num_channels": 8, "num_channels_reduced": 2, "is_3d": True}, (1, 8, 2, 4, 4)),
        ({"num_channels": 8, "reduction_ratio": 4.0}, (1, 8, 4, 4)),
    ):
        theirs, ours = Original(**settings), SqueezeExcitation(**settings)
        ours.load_state_dict(theirs.state_dict())
        x = torch.randn(shape)
        torch.testing.assert_close(ours(x), theirs(x))


def depths_of_resnets() -> None:
    assert resnet._MODEL_STAGE_DEPTH == {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
    assert slowfast._MODEL_STAGE_DEPTH[18] == (1, 1, 1, 1)
    resnet._MODEL_STAGE_DEPTH[20] = (1, 1, 1, 1)
    try:
        model = create_resnet(model_depth=20, stem_dim_out=8)
        assert [len(stage.res_blocks) for stage in model.blocks[1:5]] == [1, 1, 1, 1]
    finally:
        del resnet._MODEL_STAGE_DEPTH[20]


def sum_of_a_residual_block() -> None:
    block = ResBlock(branch2=nn.Identity(), branch_fusion=resnet._trivial_sum)
    assert block(torch.tensor([3.0])) == 6


def module_of_ones_own() -> None:
    class Scaled(nn.Module):
        def __init__(self, conv: nn.Module, scale: float) -> None:
            super().__init__()
            set_attributes(self, locals())

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * self.conv(x)

    net = Net(blocks=nn.ModuleList([Scaled(nn.Conv3d(3, 4, 1), 2.0)]))
    assert list(net.state_dict()) == ["blocks.0.conv.weight", "blocks.0.conv.bias"]


def last_layer_replaced() -> None:
    """The fine-tuning idiom, and features without a head."""
    model = create_resnet(model_depth=50, stem_dim_out=8, head_pool_kernel_size=(2, 1, 1))
    model.blocks[-1].proj = nn.Linear(model.blocks[-1].proj.in_features, 5)
    assert model.eval()(_clip(2)).shape == (1, 5)
    model.blocks[-1] = nn.Identity()
    assert model(_clip(2)).shape == (1, 256, 2, 1, 1)
    small = create_x3d(input_clip_length=4, input_crop_size=32, depth_factor=1.0)
    small.blocks[5].proj = nn.Identity()
    small.blocks[5].output_pool = nn.AdaptiveAvgPool3d(1)
    assert small.eval()(_clip(4)).shape == (1, 2048)


def masked_stream_by_name() -> None:
    stream = MaskedSequential(nn.Linear(4, 6), LSTM(6, 5, bidirectional=True))
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert stream(input=torch.ones(2, 3, 4), mask=mask).shape == (2, 10)
    assert stream[1].bidirectional is True


def settings_of_a_memory_bank() -> None:
    bank = MemoryBank(nn.Linear(8, 4), neg_size=5, bank_size=10, dim=4)
    assert (bank.bank_size, bank.dim) == bank.memory.shape


def hub_of_the_model_zoo() -> None:
    paths = hub.checkpoint_paths
    assert paths["slowfast_r50"] == f"{MODEL_ZOO_ROOT_DIR}/kinetics/SLOWFAST_8x8_R50.pyth"
    model = hub_model_builder(create_resnet, default_config={"model_num_class": 4}, stem_dim_out=8)
    assert model.blocks[-1].proj.out_features == 4
    model = hub.x3d_xs(pretrained=False, progress=False, model_num_class=6)
    assert model.blocks[5].proj.out_features == 6
