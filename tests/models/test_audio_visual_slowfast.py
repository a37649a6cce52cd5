import pytest
import torch
from torch import nn

from pytorchvideo_clone.layers import ConvReduce3D
from pytorchvideo_clone.models.audio_visual_slowfast import (
    AudioToSlowFastFusionBuilder,
    FuseAudioToFastSlow,
    create_audio_visual_slowfast,
)

SMALL = {
    "model_depth": 18,
    "stem_dim_outs": (16, 2, 8),
    "model_num_class": 5,
    "head_pool": nn.AdaptiveAvgPool3d,
}


def pathways() -> list[torch.Tensor]:
    """Slow frames, fast frames and sound."""
    return [
        torch.randn(1, 3, 2, 32, 32),
        torch.randn(1, 3, 8, 32, 32),
        torch.randn(1, 1, 32, 1, 40),
    ]


def builder(**changed) -> AudioToSlowFastFusionBuilder:
    arguments = {
        "slowfast_channel_reduction_ratio": 8,
        "slowfast_audio_reduction_ratio": 2,
        "conv_fusion_channel_ratio": 2,
        "conv_kernel_size": (7, 1, 1),
        "conv_kernel_size_a": (5, 1, 1),
        "conv_stride": (4, 1, 1),
        "conv_stride_a": ((16, 1, 1), (8, 1, 1)),
    }
    return AudioToSlowFastFusionBuilder(**{**arguments, **changed})


def test_nothing_is_printed(capsys) -> None:
    assert create_audio_visual_slowfast(**SMALL)(pathways()).shape == (1, 5)
    assert capsys.readouterr().out == ""


def test_sound_reaches_the_slow_pathway_alone() -> None:
    fusion = builder().create_module(fusion_dim_in=16, stage_idx=0).eval()
    slow, fast = torch.randn(1, 16, 2, 4, 4), torch.randn(1, 2, 8, 4, 4)
    quiet, loud = torch.zeros(1, 8, 32, 1, 5), torch.randn(1, 8, 32, 1, 5)
    for audio in (quiet, loud):
        fused = fusion([slow, fast, audio])
        assert [x.shape[1] for x in fused] == [20, 2, 8]
        assert fused[1] is fast
        assert fused[2] is audio
    # Without a bias, silence adds nothing (the norms begin without a shift).
    torch.testing.assert_close(fusion([slow, fast, quiet])[0][:, :16], slow)
    assert not torch.equal(fusion([slow, fast, loud])[0][:, :16], slow)


def test_the_channels_between_are_a_part_or_a_number() -> None:
    for between, expected in ((0.25, 4), (3, 3)):
        fusion = builder(conv_fusion_channel_interm_dim=between, conv_num_a=3).create_module(32, 1)
        convolutions = [m for m in fusion.block_audio_to_fastslow if isinstance(m, nn.Conv3d)]
        assert [conv.out_channels for conv in convolutions] == [expected, expected, 40]
        assert [conv.stride[0] for conv in convolutions] == [1, 1, 8]


def test_norm_and_activation_of_the_fusion_can_be_left_out() -> None:
    fusion = builder(norm=None, activation=None).create_module(16, 0)
    assert isinstance(fusion, FuseAudioToFastSlow)
    assert {type(layer) for layer in fusion.block_audio_to_fastslow} == {nn.Conv3d}


def test_after_the_last_stage_nothing_is_fused() -> None:
    model = create_audio_visual_slowfast(**SMALL)
    assert isinstance(model.blocks[4].multipathway_fusion, nn.Identity)
    assert isinstance(builder(max_stage_idx=0).create_module(16, 1), nn.Identity)


def test_the_third_pathway_is_an_acoustic_one() -> None:
    model = create_audio_visual_slowfast(**SMALL)
    assert isinstance(model.blocks[0].multipathway_blocks[2].conv, ConvReduce3D)
    assert len(model.blocks[2].multipathway_blocks[2].res_blocks[0].branch2.conv_b) == 2


def test_without_a_head_the_pathways_are_joined_or_left_apart() -> None:
    joined = create_audio_visual_slowfast(**SMALL, head=None)
    assert joined(pathways()).shape == (1, 32 * 26, 1, 1, 1)
    apart = create_audio_visual_slowfast(**{**SMALL, "head_pool": None}, head=None)
    assert [x.shape[1] for x in apart(pathways())] == [512, 64, 256]


def test_a_fusion_builder_can_be_injected() -> None:
    seen = []

    class Builder(AudioToSlowFastFusionBuilder):
        def create_module(self, fusion_dim_in: int, stage_idx: int) -> nn.Module:
            seen.append((fusion_dim_in, stage_idx))
            return super().create_module(fusion_dim_in, stage_idx)

    strides = ((16, 1, 1),) * 2 + ((8, 1, 1), (4, 1, 1))
    own = Builder(8, 2, 2, (7, 1, 1), (3, 1, 1), (4, 1, 1), strides)
    model = create_audio_visual_slowfast(**SMALL, fusion_builder=own)
    assert model.blocks[0].multipathway_fusion.block_audio_to_fastslow[0].kernel_size == (3, 1, 1)
    assert model(pathways()).shape == (1, 5)
    assert seen == [(16, 0), (64, 1), (128, 2), (256, 3), (512, 4)]


def test_ratios_that_the_widths_do_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ratio is \(8, 4\), but stem_dim_outs are \(16, 2, 8\)"):
        create_audio_visual_slowfast(**SMALL, slowfast_channel_reduction_ratio=(8, 4))
