import pytest
import torch

from pytorchvideo_clone.layers.residual import ResBlock
from pytorchvideo_clone.layers.squeeze_excitation import (
    SqueezeAndExcitationLayer2D,
    SqueezeExcitation,
    create_audio_2d_squeeze_excitation_block,
)


def test_every_position_of_a_channel_gets_the_same_weight() -> None:
    layer = SqueezeExcitation(4, 2, is_3d=True)
    x = torch.randn(2, 4, 3, 5, 5)
    gate = layer(x) / x
    torch.testing.assert_close(gate, gate[..., :1, :1, :1].expand_as(gate))
    assert ((gate > 0) & (gate < 1)).all()


def test_gate_is_the_sigmoid_of_the_averages() -> None:
    layer = SqueezeExcitation(4, 2, is_3d=True)
    x = torch.randn(1, 4, 3, 5, 5)
    torch.testing.assert_close(layer(x), x * layer.block(x.mean((2, 3, 4), keepdim=True)))


@pytest.mark.parametrize(("ratio", "planes"), [(4, 3), (None, None)])
def test_width_of_the_squeeze_is_given_once(ratio: int | None, planes: int | None) -> None:
    with pytest.raises(AssertionError, match="exactly one"):
        SqueezeAndExcitationLayer2D(8, ratio, planes)


def test_audio_block_changes_width_and_size_in_its_shortcut_too() -> None:
    block = create_audio_2d_squeeze_excitation_block(
        4, 8, use_se=True, se_reduction_ratio=2, conv_a_stride=2, norm=None, activation=None
    )
    assert isinstance(block, ResBlock)
    assert block(torch.randn(1, 4, 10, 6)).shape == (1, 8, 5, 3)
    assert list(block.state_dict())[:3] == [
        "branch1_conv.weight",
        "branch2.0.weight",
        "branch2.3.weight",
    ]
