import pytest
import torch
from torch import nn

from pytorchvideo_clone.models.stem import (
    PatchEmbed,
    create_acoustic_res_basic_stem,
    create_conv_patch_embed,
    create_res_basic_stem,
)


@pytest.mark.parametrize("create", [create_res_basic_stem, create_acoustic_res_basic_stem])
def test_stem_parts_may_be_missing(create) -> None:
    stem = create(in_channels=3, out_channels=4, pool=None, norm=None, activation=None)
    x = torch.randn(1, 3, 4, 14, 14)
    torch.testing.assert_close(stem(x), stem.conv(x))


@pytest.mark.parametrize("create", [create_res_basic_stem, create_acoustic_res_basic_stem])
def test_stem_uses_the_parts_that_are_given(create) -> None:
    stem = create(
        in_channels=3,
        out_channels=4,
        conv_bias=True,
        pool=nn.AvgPool3d,
        norm=nn.InstanceNorm3d,
        norm_eps=0.5,
        norm_momentum=0.25,
        activation=nn.Tanh,
    )
    assert isinstance(stem.pool, nn.AvgPool3d)
    assert (stem.norm.eps, stem.norm.momentum) == (0.5, 0.25)
    assert isinstance(stem.activation, nn.Tanh)
    assert any(key.endswith("bias") for key in stem.conv.state_dict())


def test_patches_are_ordered_time_then_rows_then_columns() -> None:
    embed = create_conv_patch_embed(
        in_channels=1,
        out_channels=1,
        conv_kernel_size=(1, 1, 1),
        conv_stride=(1, 1, 1),
        conv_padding=(0, 0, 0),
        conv_bias=False,
    )
    nn.init.ones_(embed.patch_model.weight)
    x = torch.arange(12.0).view(1, 1, 2, 2, 3)
    assert embed(x).flatten().tolist() == list(range(12))
    with pytest.raises(ValueError, match="patch_model is None"):
        PatchEmbed()
