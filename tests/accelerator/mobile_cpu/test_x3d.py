import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import EfficientX3d, X3dBottleneckBlock, create_x3d
from pytorchvideo_clone.models import create_x3d as create_plain_x3d
from tests.reference import fill


def test_it_computes_what_the_plain_model_computes() -> None:
    # The same weights in the same order, but for one norm more in the first stage's shortcut.
    plain = create_plain_x3d(input_clip_length=4, input_crop_size=64, model_num_class=5)
    fill.fill_module(plain)
    efficient = EfficientX3d(num_classes=5)
    norm = efficient.s2.pathway0_res0._res_proj.kernel.bn
    nn.init.constant_(norm.weight, (1 + norm.eps) ** 0.5)  # so that it changes nothing
    extra = [key for key in efficient.state_dict() if "s2.pathway0_res0._res_proj.kernel.bn" in key]
    others = [key for key in efficient.state_dict() if key not in extra]
    efficient.load_state_dict(
        dict(zip(others, plain.state_dict().values(), strict=True)), strict=False
    )
    x = torch.randn(2, 3, 4, 64, 64, dtype=torch.float64)
    plain, efficient = plain.double().eval(), efficient.double().eval()
    torch.testing.assert_close(efficient(x), plain(x), rtol=1e-6, atol=1e-6)


def test_features_without_a_head() -> None:
    model = create_x3d(enable_head=False).eval()
    assert not hasattr(model, "projection")
    assert model(torch.ones(1, 3, 4, 64, 64)).shape == (1, 192, 4, 2, 2)


def test_the_activation_of_the_head_is_for_evaluation() -> None:
    model = create_x3d(num_classes=9, head_act="relu", dropout=0.0)
    clip = torch.randn(4, 3, 4, 32, 32)
    assert model(clip).min() < 0
    assert model.eval()(clip).min() == 0


@pytest.mark.parametrize("shape", [(1, 1, 4, 32, 32), (3, 4, 32, 32)])
def test_a_clip_of_another_shape_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match=rf"the clip is \({shape[0]}, .*\); expected \(B, 3, T"):
        create_x3d()(torch.ones(shape))


def test_unknown_sizes_and_activations_are_refused() -> None:
    with pytest.raises(ValueError, match="'XL'; choose one of XS, S, M, L"):
        create_x3d(expansion="XL")
    with pytest.raises(AssertionError, match="'softmax'; choose one of relu"):
        create_x3d(head_act="softmax")


@pytest.mark.parametrize("use_residual", [True, False])
@pytest.mark.parametrize("se_ratio", [0.0, 0.25])
@pytest.mark.parametrize("native", [True, False])
def test_a_block_converts_all_its_parts(use_residual: bool, se_ratio: float, native: bool) -> None:
    def make() -> nn.Module:
        block = X3dBottleneckBlock(
            4, 9, 6, use_residual, 2, se_ratio, ("relu", "swish", "hswish"), (True, False, True)
        )
        return fill.fill_module(block).double().eval()

    block, deployable = make(), make()
    deployable.convert((1, 4, 4, 6, 6), native, native)
    convs = [part for part in deployable.modules() if isinstance(part, nn.Conv3d)]
    assert len(convs) == (3 if native else 0)
    x = torch.randn(3, 4, 2, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(deployable(x), block(x), rtol=1e-12, atol=1e-12)
