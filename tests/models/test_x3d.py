import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.x3d import create_x3d, create_x3d_head
from pytorchvideo_clone.models.x3d_blocks import create_x3d_bottleneck_block

SMALL = {"input_clip_length": 4, "input_crop_size": 64, "model_num_class": 5}


def test_network_without_norms_works() -> None:
    model = create_x3d(**SMALL, norm=None, head_bn_lin5_on=True)
    assert model(torch.randn(1, 3, 4, 64, 64)).shape == (1, 5)
    assert not [key for key in model.state_dict() if key.endswith("running_mean")]


def test_larger_clips_are_averaged() -> None:
    model = create_x3d(**SMALL).eval()
    assert model(torch.randn(1, 3, 6, 96, 80)).shape == (1, 5)


@pytest.mark.parametrize("strides", [(1, 1, 1, 1), (1, 2, 1, 1)])
@pytest.mark.parametrize("frames", [4, 5])
def test_head_pools_all_that_the_stages_leave(strides: tuple, frames: int) -> None:
    settings = SMALL | {"input_clip_length": frames, "input_crop_size": 50}
    model = create_x3d(
        **settings,
        stage_temporal_stride=strides,
        head_output_with_global_average=False,
    )
    assert model(torch.randn(2, 3, frames, 50, 50)).shape == (2, 5, 1, 1, 1)


def test_factors_set_width_and_depth() -> None:
    with torch.device("meta"):
        model = create_x3d(width_factor=1.0, depth_factor=1.0, bottleneck_factor=3.0)
    assert [len(stage.res_blocks) for stage in model.blocks[1:5]] == [1, 2, 5, 3]
    widths = [stage.res_blocks[0].branch2.conv_c.out_channels for stage in model.blocks[1:5]]
    assert widths == [16, 24, 48, 96]
    assert model.blocks[1].res_blocks[0].branch2.conv_a.out_channels == 48


def test_norm_settings_reach_every_norm() -> None:
    with torch.device("meta"):
        model = create_x3d(norm_eps=0.5, norm_momentum=0.25, head_bn_lin5_on=True)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.5, 0.25)}


def test_injected_parts_reach_their_places() -> None:
    made = []

    def bottleneck(**kwargs) -> nn.Module:
        made.append(kwargs["dim_out"])
        return create_x3d_bottleneck_block(**kwargs)

    model = create_x3d(
        **SMALL,
        bottleneck=bottleneck,
        norm=nn.InstanceNorm3d,
        activation=nn.GELU,
        inner_act=nn.Tanh,
        head_pool_act=nn.Sigmoid,
        head_activation=nn.Softmax,
        dropout_rate=0,
        se_ratio=0,
    )
    assert len(made) == 26
    kinds = {type(module) for module in model.modules()}
    assert {nn.InstanceNorm3d, nn.GELU, nn.Tanh} <= kinds
    assert not kinds & {nn.BatchNorm3d, nn.ReLU, nn.Dropout}
    assert isinstance(model.blocks[5].pool.pre_act, nn.Sigmoid)
    torch.testing.assert_close(model(torch.randn(2, 3, 4, 64, 64)).sum(1), torch.ones(2))


def test_head_and_stem_can_be_left_out_or_replaced() -> None:
    features = create_x3d(**SMALL, head=None)
    assert features(torch.randn(1, 3, 4, 64, 64)).shape == (1, 192, 4, 2, 2)
    with torch.device("meta"):
        assert len(create_x3d(stem=None, head=None).blocks) == 4
    widened = create_x3d(**SMALL, head=lambda **kwargs: create_x3d_head(**kwargs | {"dim_out": 16}))
    assert widened.blocks[5].proj.in_features == 16


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, None])
def test_head_takes_any_activation(activation) -> None:
    head = create_x3d_head(
        dim_in=4,
        dim_inner=6,
        dim_out=8,
        num_classes=3,
        pool_kernel_size=None,
        activation=activation,
    )
    assert head(torch.randn(2, 4, 2, 3, 3)).shape == (2, 3)
