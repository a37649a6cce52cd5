import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator.mobile_cpu import (
    AdaptiveAvgPool3d,
    AdaptiveAvgPool3dOutSize1,
    Conv3dPwBnAct,
    EfficientBlockBase,
    FrameConv3d,
    NoOpConvertBlock,
    convert_to_deployable_form,
    create_x3d,
    transmute_model,
)
from pytorchvideo_clone.accelerator.train_cpu import CpuConv3d
from pytorchvideo_clone.models import create_resnet, create_slowfast
from tests.reference import fill


def test_pytorchvideos_flow_runs_with_the_import_renamed() -> None:
    from pytorchvideo_clone.accelerator.deployment.common.model_transmuter import transmute_model
    from pytorchvideo_clone.accelerator.deployment.mobile_cpu.utils.model_conversion import (
        convert_to_deployable_form,
    )
    from pytorchvideo_clone.models.accelerator.mobile_cpu.efficient_x3d import create_x3d

    model = fill.fill_module(create_x3d(num_classes=5, expansion="S")).eval()
    clip = torch.randn(1, 3, 4, 64, 64)
    expected = model(clip)
    transmute_model(model, target_device="mobile_cpu")
    deployable = convert_to_deployable_form(model, clip)
    torch.testing.assert_close(deployable(clip), expected, rtol=1e-4, atol=1e-5)


def test_a_model_of_pytorchvideos_plain_builder_is_transmuted_and_converted() -> None:
    from pytorchvideo_clone.models.x3d import create_x3d

    model = create_x3d(input_clip_length=4, input_crop_size=64, model_num_class=5)
    fill.fill_module(model).double()
    clip = torch.randn(1, 3, 4, 64, 64, dtype=torch.float64)
    expected = copy.deepcopy(model).eval()
    transmute_model(model)
    deployable = convert_to_deployable_form(model, clip)
    assert not any(isinstance(part, nn.Conv3d) for part in deployable.modules())
    clips = torch.randn(3, 3, 4, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(deployable(clips), expected(clips), rtol=1e-10, atol=1e-10)
    assert deployable.convert_report.difference < 1e-10
    # The stem's two, three a block, the blocks' gates and shortcuts, two of the head.
    assert len(model.transmute_report.replaced) == 2 + 26 * 3 + 15 * 2 + 4 + 2
    assert model.transmute_report.left == {}
    assert list(deployable.convert_report.left.values()) == [
        "an AvgPool3d has no form in two dimensions",
        "an AdaptiveAvgPool3d has no form in two dimensions",
    ]


def test_the_model_stays_as_it_is() -> None:
    model = fill.fill_module(create_x3d(num_classes=3)).train()
    state = copy.deepcopy(model.state_dict())
    modules = dict(model.named_modules())
    clip = torch.randn(2, 3, 4, 32, 32)
    deployable = convert_to_deployable_form(model, clip)
    assert model.training and not deployable.training
    assert dict(model.named_modules()) == modules
    torch.testing.assert_close(model.state_dict(), state)
    assert not any(part._forward_pre_hooks for part in [*model.modules(), *deployable.modules()])
    assert not hasattr(model, "convert_report")
    assert torch.equal(pickle.loads(pickle.dumps(deployable))(clip), deployable(clip))


def test_the_result_is_exported_for_any_batch_without_a_3d_convolution() -> None:
    model = create_x3d(enable_head=False)
    model = fill.fill_module(nn.Sequential(model.s1, model.s2, AdaptiveAvgPool3dOutSize1()))
    deployable = convert_to_deployable_form(model, torch.randn(1, 3, 4, 32, 32))
    program = torch.export.export(
        deployable,
        (torch.randn(2, 3, 4, 32, 32),),
        dynamic_shapes=({0: torch.export.Dim("batch", max=16)},),
        strict=False,
    )
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {name for name in called if "conv" in name} == {"aten.conv2d.default"}
    assert not any("batch_norm" in name or "pool" in name for name in called)
    clips = torch.randn(5, 3, 4, 32, 32)
    torch.testing.assert_close(program.module()(clips), model.eval()(clips), rtol=1e-4, atol=1e-5)


def test_pathways_and_several_arguments_are_passed_on() -> None:
    model = create_slowfast(model_depth=18, head_pool=nn.AdaptiveAvgPool3d, model_num_class=4)
    pathways = [torch.randn(1, 3, 2, 32, 32), torch.randn(1, 3, 8, 32, 32)]
    deployable = convert_to_deployable_form(model, pathways)
    torch.testing.assert_close(
        deployable(list(pathways)), model.eval()(list(pathways)), rtol=1e-3, atol=1e-5
    )

    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(3, 4, 3)

        def forward(self, x: torch.Tensor, weight: float) -> dict[str, torch.Tensor]:
            return {"y": weight * self.conv(x)}

    x = torch.randn(1, 3, 3, 8, 8)
    deployable = convert_to_deployable_form(Weighted(), (x, 2.0))
    assert isinstance(deployable.conv, FrameConv3d)
    assert deployable.convert_report.difference < 1e-5


def test_blocks_of_ones_own_get_the_size_of_their_input() -> None:
    class Fixed(EfficientBlockBase):
        size: Any = None

        def convert(self, input_blob_size: Any, **kwargs: Any) -> None:
            raise NotImplementedError

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if self.size is None else x.reshape(self.size)

    class Noting(Fixed):
        def convert(
            self,
            input_blob_size: Any,
            convert_for_quantize: bool = False,
            native_conv3d_op_qnnpack: bool = False,
        ) -> None:
            self.size = input_blob_size
            self.flags = convert_for_quantize, native_conv3d_op_qnnpack

    model = nn.Sequential(nn.Conv3d(3, 4, 1, stride=2), Noting())
    deployable = convert_to_deployable_form(model, torch.randn(2, 3, 4, 6, 6), True, True)
    assert deployable[1].size == (2, 4, 2, 3, 3)
    assert deployable[1].flags == (True, True)
    assert model[1].size is None


def test_what_cannot_be_converted_stays_and_is_reported() -> None:
    conv = nn.Conv3d(3, 4, 3, padding=1, padding_mode="circular")
    model = nn.Sequential(conv, nn.MaxPool3d(2), nn.Conv3d(4, 4, 1))
    deployable = convert_to_deployable_form(model, torch.randn(1, 3, 4, 8, 8))
    assert deployable.convert_report.converted == {"2": "Conv3d"}
    assert deployable.convert_report.left == {
        "0": "its padding_mode is 'circular', not 'zeros'",
        "1": "a MaxPool3d has no form in two dimensions",
    }
    assert deployable.convert_report.difference < 1e-5


def test_a_convolution_with_hooks_stays_as_they_may_change_what_it_computes() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3))
    model[0].register_forward_hook(lambda module, args, output: 2 * output)
    deployable = convert_to_deployable_form(model, torch.randn(1, 3, 4, 8, 8))
    assert "hooks" in deployable.convert_report.left["0"]
    assert deployable.convert_report.difference < 1e-5


def test_what_blocks_keep_of_three_dimensions_is_reported() -> None:
    model = nn.Sequential(
        NoOpConvertBlock(nn.Conv3d(3, 4, 1)), Conv3dPwBnAct(4, 4), AdaptiveAvgPool3d(2)
    )
    clip = torch.randn(1, 3, 4, 8, 8)
    report = convert_to_deployable_form(model, clip, True, True).convert_report
    assert report.left == {
        "0.model": "a NoOpConvertBlock keeps it",
        "1.kernel.conv": "a Conv3dPwBnAct keeps it",
        "2.model": "an AdaptiveAvgPool3d keeps it",
    }
    assert "1.kernel.conv" not in convert_to_deployable_form(model, clip).convert_report.left


def test_a_model_that_trained_faster_is_converted_as_the_model() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3), Conv3dPwBnAct(4, 4))
    transmute_model(model, target_device="cpu")
    deployable = convert_to_deployable_form(model, torch.randn(1, 3, 4, 8, 8))
    assert deployable.convert_report.converted == {"0": "Conv3d", "1": "Conv3dPwBnAct"}
    assert not any(isinstance(part, nn.Conv3d) for part in deployable.modules())
    assert isinstance(model[0], CpuConv3d)


def test_an_example_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the example is empty, \(0, 3, 4, 8, 8\)"):
        convert_to_deployable_form(nn.Conv3d(3, 4, 1), torch.ones(0, 3, 4, 8, 8))
    with pytest.raises(TypeError, match="the example is None; give a tensor"):
        convert_to_deployable_form(nn.Conv3d(3, 4, 1), None)


def test_for_qnnpack_pointwise_and_depthwise_convolutions_stay() -> None:
    model = create_resnet(model_num_class=3, head_pool=nn.AdaptiveAvgPool3d)
    clip = torch.randn(1, 3, 2, 32, 32)
    deployable = convert_to_deployable_form(
        model, clip, convert_for_quantize=True, native_conv3d_op_qnnpack=True
    )
    kept = [part for part in deployable.modules() if isinstance(part, nn.Conv3d)]
    assert kept and all(conv.kernel_size == (1, 1, 1) for conv in kept)
    names = [name for name, why in deployable.convert_report.left.items() if "qnnpack" in why]
    assert len(names) == len(kept)


def test_a_shared_layer_stays_shared_and_a_single_layer_is_converted() -> None:
    shared = Conv3dPwBnAct(4, 4)
    deployable = convert_to_deployable_form(
        nn.Sequential(shared, shared), torch.randn(1, 4, 2, 3, 3)
    )
    assert deployable[0] is deployable[1]
    conv = nn.Conv3d(3, 4, 1)
    assert isinstance(convert_to_deployable_form(conv, torch.randn(1, 3, 2, 3, 3)), FrameConv3d)
