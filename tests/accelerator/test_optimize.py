import copy
import pickle

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import PASSES, OptimizeError, optimize, randomize_norms
from pytorchvideo_clone.accelerator.optimize import TARGETS
from pytorchvideo_clone.accelerator.passes.conv3d import KERNELS
from pytorchvideo_clone.accelerator.passes.int8 import has_int8
from pytorchvideo_clone.accelerator.passes.onednn import FUSED_KERNELS, has_onednn
from pytorchvideo_clone.hub import create_model
from tests.hub.test_every_model import SHORT
from tests.reference import fill

needs_bfloat16 = pytest.mark.skipif(
    not has_onednn(torch.bfloat16), reason="this CPU does not compute in bfloat16"
)
needs_int8 = pytest.mark.skipif(not has_int8(), reason="this CPU has no AVX512-VNNI")
LAYERS = (nn.Conv3d, nn.Conv2d, nn.Linear)
BOXES = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0]])
# Name -> arguments, (frames, side) of the clip.
MODELS = {
    "x3d_tiny": ({}, (8, 64)),
    "slow_r50_detection": ({"head_activation": None}, (4, 64)),
    "mvit_base_16x4": ({**SHORT, "temporal_size": 4}, (4, 64)),
}


def make(name: str) -> nn.Module:
    """The model with norms that show when they are wrong."""
    arguments, _ = MODELS[name]
    torch.manual_seed(0)
    return randomize_norms(create_model(name, num_classes=3, **arguments)).eval()


@pytest.mark.parametrize("target", TARGETS)
def test_a_model_computes_the_same_for_any_batch(target: str) -> None:
    model = make("x3d_tiny")
    frames, side = MODELS["x3d_tiny"][1]
    fast = optimize(model, torch.randn(1, 3, frames, side, side), target)
    assert fast.report.difference < 1e-5
    kinds = {*FUSED_KERNELS, "fused_linear", "linear", "torch"}
    kinds = kinds if target == "cpu" else {*KERNELS, "torch"}
    assert set(fast.report.layers.values()) <= kinds
    clips = torch.randn(4, 3, frames, side, side)
    with torch.no_grad():
        expected = model(clips)
    assert (fast(clips) - expected).abs().max() < 1e-5 * expected.abs().max()


@needs_bfloat16
@pytest.mark.parametrize("name", ["x3d_tiny", "slow_r50_detection", "mvit_base_16x4"])
def test_bfloat16_is_near(name: str) -> None:
    model = make(name)
    frames, side = MODELS[name][1]
    others = (BOXES,) if name.endswith("detection") else ()
    fast = optimize(model, (torch.randn(1, 3, frames, side, side), *others), dtype="bfloat16")
    assert 1e-5 < fast.report.difference < 0.03
    clips = torch.randn(2, 3, frames, side, side)
    with torch.no_grad():
        expected = model(clips, *others)
    result = fast(clips, *others)
    assert result.dtype == torch.float32
    assert (result - expected).abs().max() < 0.03 * expected.abs().max()
    floats = sum(p.nbytes for p in model.parameters())
    assert fast.report.bytes < 0.52 * floats


def test_in_double_it_is_exact() -> None:
    model = make("x3d_tiny").double()
    frames, side = MODELS["x3d_tiny"][1]
    fast = optimize(model, torch.randn(2, 3, frames, side, side, dtype=torch.float64))
    assert fast.report.difference < 1e-12


@pytest.fixture(scope="module")
def tiny() -> tuple[nn.Module, nn.Module]:
    model = fill.fill_module(create_model("x3d_tiny")).train()
    return model, optimize(model, torch.randn(1, 3, 8, 64, 64))


def test_the_report_says_what_was_done(tiny) -> None:
    model, fast = tiny
    report = fast.report
    norms = sum(isinstance(part, nn.BatchNorm3d) for part in model.modules())
    convs = sum(isinstance(part, nn.Conv3d) for part in model.modules())
    assert list(report.passes) == [
        name for name in PASSES if name not in ("to_bfloat16", "measure_kernels")
    ]
    assert report.passes["fold_batch_norm"] == norms > 0
    names = [name for name, part in model.named_modules() if isinstance(part, LAYERS)]
    assert sorted(report.layers) == sorted(names)
    assert sum(kernel != "torch" for kernel in report.layers.values()) == convs > 0
    assert report.layers["blocks.5.pool.post_conv"] == "linear"
    assert report.seconds.keys() == {"build", "check"} and min(report.seconds.values()) > 0
    assert not any("batch_norm" in name or "dropout" in name for name in report.operators)
    assert report.bytes == sum(tensor.nbytes for tensor in fast.state_dict().values())
    # Norms are gone: the weights are those of the convolutions and linear layers, with biases.
    assert report.bytes < sum(tensor.nbytes for tensor in model.state_dict().values())


def test_the_model_stays_as_it_is_and_the_result_is_copied_and_pickled(tiny) -> None:
    model, fast = tiny
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not fast.training
    twins = copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))
    clip = torch.randn(2, 3, 8, 64, 64)
    before = clip.clone()
    result = fast(clip)
    for twin in twins:
        assert torch.equal(twin(clip), result)
    assert torch.equal(clip, before)
    assert not result.requires_grad


def test_other_sizes_and_number_formats_and_empty_batches_are_refused(tiny) -> None:
    fast, takes = tiny[1], r"the model was optimized for \(B, 3, 8, 64, 64\) float32"
    with pytest.raises(ValueError, match=rf"{takes}.* gets \(B, 3, 8, 96, 96\) float32; optim"):
        fast(torch.randn(1, 3, 8, 96, 96))
    for dtype in (torch.uint8, torch.float64, torch.bfloat16):
        with pytest.raises(ValueError, match=rf"{takes}.* {str(dtype)[6:]}; optimize it"):
            fast(torch.zeros(1, 3, 8, 64, 64, dtype=dtype))
    with pytest.raises(ValueError, match=rf"{takes}.* gets no tensor"):
        fast()
    with pytest.raises(ValueError, match=r"the batch is empty; give at least one of \(B, 3, 8"):
        fast(torch.randn(0, 3, 8, 64, 64))


def test_what_cannot_be_captured_is_told_in_a_sentence(tiny) -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.mean() > 0 else -x

    with pytest.raises(OptimizeError, match=r"torch.export cannot capture the model: Could not"):
        optimize(Branches(), torch.randn(1, 3, 2, 4, 4))
    with pytest.raises(OptimizeError, match=r"cannot capture the model"):  # optimized already
        optimize(tiny[1], torch.randn(1, 3, 8, 64, 64))


def test_an_example_that_the_model_does_not_take_fails_as_in_the_model() -> None:
    model = create_model("x3d_tiny")
    with pytest.raises(RuntimeError, match=r"has 1 channels, \(1, 1, 8, 64, 64\); expected 3"):
        optimize(model, torch.randn(1, 1, 8, 64, 64))
    with pytest.raises(TypeError, match="the example is None; give a tensor"):
        optimize(model, None)
    with pytest.raises(ValueError, match="the example is empty"):
        optimize(model, torch.randn(0, 3, 8, 64, 64))


def test_a_model_may_take_any_number_of_arguments() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(3, 4, 1)

        def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
            return self.conv(sum(others, first))

    model, clips = Sum(), [torch.randn(2, 3, 2, 4, 4) for _ in range(3)]
    fast = optimize(model, tuple(clip[:1] for clip in clips))
    torch.testing.assert_close(fast(*clips), model(*clips).detach(), rtol=1e-4, atol=1e-5)


def test_a_list_of_pathways_and_a_dict_of_results() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slow, self.fast = nn.Conv3d(3, 4, 1), nn.Conv3d(3, 4, (3, 1, 1))

        def forward(self, x: list[torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"slow": self.slow(x[0]), "fast": self.fast(x[1])}

    model = Net()
    pathways = [torch.randn(1, 3, 2, 8, 8), torch.randn(1, 3, 8, 8, 8)]
    for target in TARGETS:
        fast = optimize(model, pathways, target)
        torch.testing.assert_close(fast(pathways), model(pathways), rtol=1e-4, atol=1e-5)
    assert fast.report.layers == {"slow": "rows", "fast": "time"}


class Shared(nn.Module):
    """One layer called twice, two functions, and results that are no rows of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.flat = nn.Conv3d(3, 3, 1), nn.Conv2d(3, 4, 1)
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = self.flat(self.conv(self.conv(x))[:, :, 0]).mean((2, 3))
        y = nn.functional.linear(y, self.weight)
        return {"scores": y, "total": y.sum(), "mean": y.mean(0)}


def test_whatever_a_model_gives_is_compared_and_every_layer_named() -> None:
    model = Shared()
    clip = torch.randn(1, 3, 2, 8, 8)
    fast = optimize(model, clip)
    assert list(fast.report.layers) == ["conv", "conv (2)", "flat", "linear"]
    assert fast.report.layers["flat"] == "torch"
    torch.testing.assert_close(fast(clip), model(clip), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
def test_autotune_changes_kernels_but_no_results(target: str, tiny) -> None:
    model = copy.deepcopy(tiny[0]).eval()
    fast = optimize(model, torch.randn(1, 3, 8, 64, 64), target, autotune=True)
    assert fast.report.passes["measure_kernels"] > 0
    assert fast.report.difference < 1e-5
    names = [name for name, part in model.named_modules() if isinstance(part, LAYERS)]
    assert sorted(fast.report.layers) == sorted(names)
    kinds = {*KERNELS, *(FUSED_KERNELS if target == "cpu" else ()), "torch"}
    assert set(fast.report.layers.values()) <= kinds
    clips = torch.randn(3, 3, 8, 64, 64)
    with torch.no_grad():
        expected = model(clips)
    assert (fast(clips) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_difference_above_the_tolerance_and_an_unknown_target_are_refused() -> None:
    model = create_model("x3d_tiny")
    with pytest.raises(OptimizeError, match=r"more than tolerance=1e-12; optimize it in float64"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), tolerance=1e-12)
    with pytest.raises(ValueError, match="target is 'fpga'; choose one of cpu"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), target="fpga")
    with pytest.raises(ValueError, match="dtype is 'int2'; choose one of float32, bfloat16"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), dtype="int2")


@needs_int8
def test_int8_is_calibrated_and_keeps_layers() -> None:
    torch.manual_seed(0)
    stem = [nn.Conv3d(3, 16, 3, padding=1), nn.BatchNorm3d(16), nn.ReLU(), nn.Conv3d(16, 16, 1)]
    model = nn.Sequential(*stem, nn.ReLU(), nn.Conv3d(16, 8, 1), nn.AdaptiveAvgPool3d(1))
    clips = [{"video": torch.randn(2, 3, 4, 16, 16)} for _ in range(2)]
    fast = optimize(model, clips[0]["video"], dtype="int8", calibration=clips, keep=["3"])
    report = fast.report
    assert report.int8 is not None and report.int8.clips == 4
    assert report.int8.kept == ("3",)
    assert [report.layers[name] for name in ("0", "5")] == ["int8_conv", "int8_conv"]
    assert "int8" not in report.layers["3"]
    assert report.difference == pytest.approx(report.int8.difference, abs=0.01)
    assert 1e-4 < report.difference <= 0.1
    clip = torch.cat([clip["video"] for clip in clips])
    with torch.no_grad():
        expected = model.eval()(clip)
    again = pickle.loads(pickle.dumps(fast))(clip)
    assert float((again - expected).abs().max() / expected.abs().max()) <= 0.1


def test_int8_says_what_it_needs() -> None:
    model, clip = nn.Conv3d(3, 4, 1), torch.randn(1, 3, 4, 8, 8)
    with pytest.raises(
        ValueError, match="calibration and keep are for dtype='int8', not 'float32'"
    ):
        optimize(model, clip, calibration=[clip])
    with pytest.raises(ValueError, match="takes AVX512-VNNI and target='cpu'"):
        optimize(model, clip, "cpu_public", dtype="int8", calibration=[clip])
    if has_int8():
        with pytest.raises(ValueError, match="calibration is empty"):
            optimize(model, clip, dtype="int8")
