import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import resnet
from pytorchvideo_clone.models.net import Net
from pytorchvideo_clone.models.resnet import (
    create_acoustic_resnet,
    create_bottleneck_block,
    create_resnet,
    create_resnet_with_roi_head,
)

BOXES = torch.tensor([[0, 4.0, 6.0, 40.0, 50.0]])


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_depth_is_the_number_of_weighted_layers(depth: int) -> None:
    with torch.device("meta"):
        model = create_resnet(model_depth=depth, stem_dim_out=8)
    names = [key for key in model.state_dict() if "conv" in key or key.endswith("proj.weight")]
    assert len([name for name in names if "branch1" not in name]) == depth


def test_without_a_head_the_network_gives_features() -> None:
    for create in (create_resnet, create_resnet_with_roi_head):
        model = create(head=None, stem_dim_out=8)
        assert isinstance(model, Net)
        assert model(torch.randn(1, 3, 2, 32, 32)).shape[:3] == (1, 256, 2)


def test_a_pool_after_the_first_stage_does_not_move_the_keys_of_the_stem() -> None:
    model = create_resnet(stem_dim_out=8, stage1_pool=nn.MaxPool3d, head=None)
    assert isinstance(model.blocks[2], nn.MaxPool3d)
    assert model(torch.randn(1, 3, 4, 32, 32)).shape == (1, 256, 2, 1, 1)


def test_without_a_stem_the_stages_take_the_input() -> None:
    model = create_resnet(stem=None, stem_dim_out=8, head=None, stage1_pool=nn.AvgPool3d)
    assert isinstance(model.blocks[1], nn.AvgPool3d)
    assert model(torch.randn(1, 8, 2, 16, 16)).shape == (1, 256, 1, 2, 2)


def test_injected_parts_reach_their_places() -> None:
    seen = []

    def bottleneck(**kwargs) -> nn.Module:
        seen.append(kwargs)
        return create_bottleneck_block(**kwargs)

    model = create_resnet(
        stem_dim_out=8,
        bottleneck=bottleneck,
        norm=nn.InstanceNorm3d,
        activation=nn.GELU,
        stage_conv_b_num_groups=(1, 1, 2, 4),
        stage_spatial_h_stride=(1, 2, 1, 1),
        stage_temporal_stride=(1, 1, 2, 1),
        head_pool=nn.AdaptiveMaxPool3d,
        head_activation=nn.Softmax,
        model_num_class=5,
        dropout_rate=0,
    )
    assert len(seen) == 16
    assert seen[-1]["conv_b_num_groups"] == 4
    kinds = {type(module) for module in model.modules()}
    assert {nn.InstanceNorm3d, nn.GELU, nn.AdaptiveMaxPool3d} <= kinds
    assert not kinds & {nn.BatchNorm3d, nn.ReLU, nn.Dropout, nn.AvgPool3d}
    scores = model(torch.randn(2, 3, 4, 32, 32))
    torch.testing.assert_close(scores.sum(1), torch.ones(2))


def test_region_arguments_reach_the_head() -> None:
    seen = {}

    def head(**kwargs) -> nn.Module:
        seen.update(kwargs)
        return resnet.create_res_roi_pooling_head(**kwargs)

    model = create_resnet_with_roi_head(
        stem_dim_out=8,
        model_num_class=7,
        head=head,
        head_pool=nn.MaxPool3d,
        head_pool_kernel_size=(2, 1, 1),
        head_activation=None,
        head_spatial_resolution=(5, 6),
        head_spatial_scale=1 / 32,
        head_sampling_ratio=2,
        head_output_with_global_average=True,
        dropout_rate=0.25,
    )
    expected = {
        "in_features": 256,
        "out_features": 7,
        "pool": nn.MaxPool3d,
        "pool_kernel_size": (2, 1, 1),
        "activation": None,
        "resolution": (5, 6),
        "spatial_scale": 1 / 32,
        "sampling_ratio": 2,
        "output_with_global_average": True,
        "dropout_rate": 0.25,
        "output_size": (1, 1, 1),
    }
    assert seen == expected
    assert model(torch.randn(1, 3, 2, 64, 64), BOXES).shape == (1, 7)


def test_acoustic_network_takes_any_norm_even_none() -> None:
    # PyTorchVideo's separable blocks hold lists of None then.
    model = create_acoustic_resnet(stem_dim_out=8, model_num_class=3, norm=None, activation=None)
    assert model(torch.randn(1, 1, 32, 1, 80)).shape == (1, 3)
    assert not [key for key in model.state_dict() if "norm" in key]


def test_misspelt_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="did you mean 'head_pool'"):
        create_acoustic_resnet(head_pol=None)
    with pytest.raises(ValueError, match="model_depth is 18"):
        create_resnet(model_depth=18)
