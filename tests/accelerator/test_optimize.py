import copy
import pickle

import pytest
import torch
from torch import nn

from pytorchvideo_clone.accelerator import PASSES, OptimizeError, optimize
from pytorchvideo_clone.accelerator.optimize import TARGETS
from pytorchvideo_clone.accelerator.passes.onednn import has_onednn
from pytorchvideo_clone.hub import create_model
from tests.reference import fill

ANY_SIZE = {"head_pool": nn.AdaptiveAvgPool3d}
needs_bfloat16 = pytest.mark.skipif(
    not has_onednn(torch.bfloat16), reason="this CPU does not compute in bfloat16"
)
BOXES = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0]])
# Name -> arguments, (frames, side) of the clip.
MODELS = {
    "x3d_tiny": ({}, (8, 64)),
    "slowfast_r50": ({**ANY_SIZE, "model_depth": 18}, (8, 32)),
    "csn_r101": ({**ANY_SIZE, "model_depth": 50}, (4, 33)),
    "r2plus1d_r50": ({**ANY_SIZE, "head_activation": None}, (4, 32)),
    "slow_r50_detection": ({"head_activation": None}, (4, 64)),
    "mvit_base_16x4": ({"spatial_size": 64, "temporal_size": 4, "depth": 3}, (4, 64)),
}
SHORT = {"embed_dim_mul": [[1, 2.0]], "atten_head_mul": [[1, 2.0]]}
SHORT["pool_q_stride_size"] = [[1, 1, 2, 2]]


def make(name: str) -> nn.Module:
    """The model with norms that show when they are wrong."""
    arguments, _ = MODELS[name]
    if name.startswith("mvit"):
        arguments = {**arguments, **SHORT}
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, **arguments)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm3d | nn.LayerNorm):
            nn.init.normal_(part.weight, 1.0, 0.1)
            nn.init.normal_(part.bias, 0.0, 0.1)
        if isinstance(part, nn.BatchNorm3d):
            part.running_mean.normal_(0.0, 0.1)
            part.running_var.uniform_(0.8, 1.2)
    return model.eval()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *((name, "cpu") for name in MODELS),
        ("x3d_tiny", "cpu_public"),
    ],
)
def test_a_model_computes_the_same_for_any_batch(name: str, target: str) -> None:
    model = make(name)
    frames, side = MODELS[name][1]
    clip = torch.randn(1, 3, frames, side, side)
    others = (BOXES,) if name.endswith("detection") else ()
    fast = optimize(model, (clip, *others), target)
    assert fast.report.difference < 1e-5
    kinds = set(fast.report.layers)
    assert kinds <= {"fused_conv", "fused_linear", "linear"} or target == "cpu_public"
    clips = torch.randn(4, 3, frames, side, side)
    with torch.no_grad():
        expected = model(clips, *others)
        scale = expected.abs().max()
        assert (fast(clips, *others) - expected).abs().max() < 1e-5 * scale


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
    assert list(report.passes) == [name for name in PASSES if name != "to_bfloat16"]
    assert report.passes["fold_batch_norm"] == norms > 0
    assert sum(report.layers.values()) == convs > 0
    assert report.layers["linear"] > 0
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


def test_other_sizes_are_refused(tiny) -> None:
    with pytest.raises(ValueError, match=r"sizes \[\(1, 3, 8, 96, 96\)\]; the model was optimized"):
        tiny[1](torch.randn(1, 3, 8, 96, 96))


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
    assert fast.report.layers == {"rows": 1, "time": 1}


def test_a_difference_above_the_tolerance_and_an_unknown_target_are_refused() -> None:
    model = create_model("x3d_tiny")
    with pytest.raises(OptimizeError, match=r"more than tolerance=1e-12; optimize it in float64"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), tolerance=1e-12)
    with pytest.raises(ValueError, match="target is 'fpga'; choose one of cpu"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), target="fpga")
    with pytest.raises(ValueError, match="dtype is 'int2'; choose one of float32, bfloat16"):
        optimize(model, torch.randn(1, 3, 8, 64, 64), dtype="int2")
