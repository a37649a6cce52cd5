from functools import partial

import pytest
import torch
from torch import nn

from pytorchvideo_clone.models import (
    Net,
    create_2plus1d_stem,
    create_audio_visual_slowfast,
    create_basic_resnet,
    create_csn,
    create_multiscale_vision_transformers,
    create_r2plus1d,
    create_resnet,
    create_resnet_with_roi_head,
    create_slowfast,
    create_swin3d,
    create_x3d,
)
from pytorchvideo_clone.models._fit import run_block

BOX = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0]])
SINGLE = {
    "resnet": partial(create_resnet, stem_dim_out=8, head_pool_kernel_size=(4, 1, 1)),
    "csn": partial(create_csn, stem_dim_out=8, head_pool_kernel_size=(1, 2, 2)),
    "r2plus1d of basic blocks": partial(
        create_basic_resnet,
        stem=create_2plus1d_stem,
        head_pool=nn.AvgPool3d,
        head_pool_kernel_size=(4, 2, 2),
    ),
    "r2plus1d": partial(create_r2plus1d, stem_dim_out=8, head_pool_kernel_size=(2, 1, 1)),
    "x3d": partial(create_x3d, input_clip_length=4, input_crop_size=64),
}
MVIT = partial(
    create_multiscale_vision_transformers,
    spatial_size=32,
    temporal_size=4,
    depth=1,
    head_num_classes=5,
)
SWIN = partial(create_swin3d, embed_dim=12, depths=(1, 1, 1, 1), head_num_classes=5)
SLOWFAST = {"model_depth": 18, "stem_dim_outs": (16, 2)}


@pytest.mark.parametrize("family", SINGLE)
def test_a_wrong_number_of_channels_is_told(family: str) -> None:
    with pytest.raises(RuntimeError, match=r"has 4 channels, \(1, 4, 4, 32, 32\); expected 3"):
        SINGLE[family]().eval()(torch.randn(1, 4, 4, 32, 32))


@pytest.mark.parametrize("family", SINGLE)
def test_a_clip_smaller_than_the_pool_is_told(family: str) -> None:
    with pytest.raises(RuntimeError, match=r"too small: a pool of \(\d, \d, \d\) .T, H, W. in blo"):
        SINGLE[family]().eval()(torch.randn(1, 3, 2, 16, 16))


def test_too_few_frames_for_boxes_are_told() -> None:
    model = create_resnet_with_roi_head(stem_dim_out=8).eval()
    with pytest.raises(RuntimeError, match=r"a pool of \(4, 1, 1\) .* detection_head gets \(2, 4,"):
        model(torch.randn(1, 3, 2, 64, 64), BOX)


def test_the_pathway_that_does_not_fit_is_named() -> None:
    model = create_slowfast(**SLOWFAST, head_pool_kernel_sizes=((4, 1, 1), (16, 1, 1))).eval()
    slow, fast = torch.randn(1, 3, 4, 32, 32), torch.randn(1, 1, 16, 32, 32)
    with pytest.raises(RuntimeError, match=r"of blocks\[0\], pathway 1 has 1 channels"):
        model([slow, fast])
    with pytest.raises(RuntimeError, match=r"\(4, 1, 1\) .* pathway 0 gets \(2, 1, 1\)"):
        model(torch.randn(1, 3, 8, 32, 32))


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_with_another_number_of_pathways_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"the input has {count} pathways; expected 2"):
        create_slowfast(**SLOWFAST)([torch.randn(1, 3, 4, 32, 32)] * count)


@pytest.mark.parametrize("family", ["resnet", "mvit", "swin"])
def test_a_list_for_one_pathway_is_refused(family: str) -> None:
    clip = torch.randn(1, 3, 4, 32, 32)
    with pytest.raises(TypeError, match=r"a list.*; expected one tensor, \(B, [C3], T, H, W\)"):
        {**SINGLE, "mvit": MVIT, "swin": SWIN}[family]()([clip])


@pytest.mark.parametrize("family", SINGLE)
def test_a_clip_without_a_batch_is_told(family: str) -> None:
    with pytest.raises(RuntimeError, match=r"has 4 dimensions, \(3, 4, 32, 32\); expected 5"):
        SINGLE[family]().eval()(torch.randn(3, 4, 32, 32))


def test_a_transformer_tells_a_wrong_number_of_channels() -> None:
    with pytest.raises(RuntimeError, match=r"has 4 channels, \(1, 4, 4, 32, 32\); expected 3"):
        MVIT()(torch.randn(1, 4, 4, 32, 32))


def test_sound_cannot_be_cut_out_of_one_clip() -> None:
    with pytest.raises(TypeError, match="one tensor; expected a list with one a pathway"):
        create_audio_visual_slowfast(model_depth=18)(torch.randn(1, 3, 8, 32, 32))


def test_other_errors_stay_as_they_are() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        Net(blocks=nn.ModuleList([Broken()]))(torch.randn(1, 3, 2, 4, 4))
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        run_block(Broken(), [torch.randn(1, 3, 2, 4, 4)], name="blocks[0]")
