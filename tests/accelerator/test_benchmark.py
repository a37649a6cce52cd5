import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import (
    EXPORTERS,
    Measurement,
    benchmark,
    build_form,
    randomize_norms,
)
from pytorchvideo_clone.accelerator.benchmark import BUILDERS

CLIP = torch.randn(2, 3, 4, 8, 8)


def busy(seconds: float):
    def run(clip: Tensor) -> Tensor:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return clip

    return run


def test_times_are_those_of_the_candidates() -> None:
    forms = {"slow": busy(0.02), "fast": busy(0.005)}
    results = benchmark(forms, CLIP, rounds=5, min_round_sec=0.1)
    slow, fast = results["slow"], results["fast"]
    assert fast.times_faster(slow) == pytest.approx(4, rel=0.3)
    assert slow.times_faster(slow) == slow.times_faster(slow, "wall") == 1
    assert 20 <= slow.median_ms <= slow.p95_ms
    assert slow.cpu_ms == pytest.approx(20, rel=0.3)
    assert slow.clips_per_sec <= 2 / 0.02
    assert slow.batch == 2
    assert len(slow.cpu_sec) == len(fast.cpu_sec) == 5
    assert len(fast.wall_sec) > 5  # a round lasts


def test_candidates_take_turns() -> None:
    calls = []
    forms = {name: lambda clip, name=name: calls.append(name) or clip for name in ("a", "b", "c")}
    benchmark(forms, CLIP, rounds=3, min_round_sec=0)
    assert "".join(calls[-9:]) == "abcbcacab"


def test_a_percentile_is_of_the_calls() -> None:
    result = Measurement("one", wall_sec=tuple(i / 1000 for i in range(1, 101)), cpu_sec=(1.0,))
    assert result.p95_ms == pytest.approx(95)
    assert result.median_ms == pytest.approx(50.5)
    assert result.to_dict()["cpu_ms"] == 1000
    assert Measurement("none", error="why").to_dict()["error"] == "why"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of memory")
def test_memory_is_what_a_call_adds() -> None:
    def hungry(clip: Tensor) -> Tensor:
        return clip + torch.ones(32 * 2**20 // 4).sum()

    results = benchmark({"modest": lambda clip: clip, "hungry": hungry}, CLIP, rounds=1)
    modest, needs = results["modest"].peak_mb, results["hungry"].peak_mb
    assert modest is not None and needs is not None
    assert modest < 4
    assert 31 < needs < 40


def test_differences_are_from_the_first_or_from_what_is_expected() -> None:
    forms = {"one": lambda clip: clip, "other": lambda clip: 1.01 * clip}
    results = benchmark(forms, CLIP, rounds=1)
    assert results["one"].difference == 0
    assert results["other"].difference == pytest.approx(0.01, rel=1e-3)
    results = benchmark(forms, CLIP, rounds=1, expected=2 * CLIP)
    assert results["one"].difference == pytest.approx(0.5)


def test_one_that_fails_says_why_and_stops_no_other() -> None:
    def fails(clip: Tensor) -> None:
        raise RuntimeError("no such kernel\nand more")

    results = benchmark({"bad": fails, "good": lambda clip: clip}, CLIP, rounds=2)
    assert list(results) == ["bad", "good"]
    assert results["bad"].error == "no such kernel"
    assert results["bad"].wall_sec == ()
    assert results["good"].difference == 0
    with pytest.raises(ValueError, match="0 candidates and 10 rounds"):
        benchmark({}, CLIP)


def test_a_list_of_pathways_is_given_anew() -> None:
    def writes(pathways: list[Tensor]) -> Tensor:
        pathways[0] = pathways[0] + 1
        return pathways[0]

    clips = [torch.zeros(1, 3, 2, 4, 4), torch.zeros(1, 3, 4, 4, 4)]
    results = benchmark({"one": writes, "again": writes}, clips, rounds=2)
    assert results["again"].difference == 0
    assert not clips[0].any()


# Each way to build; exporters share one.
@pytest.mark.parametrize(
    ("target", "dtype", "tolerance"),
    [
        ("eager", "float32", 0),
        ("eager", "bfloat16", 0.03),
        ("cpu", "float32", 1e-5),
        ("cpu_public", "float32", 1e-5),
        ("torch_export", "float32", 1e-5),
        ("openvino", "bfloat16", 0.03),
    ],
)
def test_a_form_computes_the_model(
    target: str, dtype: str, tolerance: float, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    form = build_form(model, CLIP, target, dtype, folder=tmp_path)
    results = benchmark({"model": model, "form": form}, CLIP, rounds=1)
    assert results["form"].error == ""
    assert results["form"].difference <= tolerance


def test_all_exporters_are_targets() -> None:
    assert set(EXPORTERS) | {"eager", "cpu", "cpu_public", "cuda"} == set(BUILDERS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.03)])
def test_a_gpu_is_measured_with_its_own_memory(
    dtype: str, tolerance: float, tmp_path: Path
) -> None:
    model = nn.Conv3d(3, 64, 1)
    clip = torch.randn(2, 3, 16, 64, 64)
    form = build_form(model, clip, "cuda", dtype, folder=tmp_path)
    results = benchmark({"model": model, "gpu": form}, clip, rounds=2)
    assert results["gpu"].difference < tolerance
    assert results["gpu"].peak_mb > 64 * clip.numel() / 3 * 2 / 2**20
    assert next(model.parameters()).device.type == "cpu"


def test_formats_that_a_target_lacks_are_refused(tmp_path: Path) -> None:
    model = nn.Conv3d(3, 8, 1)
    for target, dtype, why in (
        ("eager", "int8", "torch has no int8"),
        ("onnx", "bfloat16", "onnx has no bfloat16"),
        ("tflite", "float32", "choose one of eager"),
    ):
        with pytest.raises(ValueError, match=why):
            build_form(model, CLIP, target, dtype, folder=tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no GPU"):
            build_form(model, CLIP, "cuda", folder=tmp_path)


def test_int8_is_calibrated(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv3d(3, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    clips = [torch.randn(1, 3, 4, 8, 8) for _ in range(4)]
    form = build_form(model, CLIP, "openvino", "int8", folder=tmp_path, calibration=clips)
    result = benchmark({"model": model, "form": form}, CLIP, rounds=1)["form"]
    assert 1e-6 < result.difference < 0.1
    with pytest.raises(ValueError, match="cali"):
        build_form(model, CLIP, "openvino", "int8", folder=tmp_path, calibration=[])


def test_every_norm_shows_and_the_model_stays_as_it_was() -> None:
    kinds = [
        nn.BatchNorm3d(4),
        nn.GroupNorm(2, 4),
        nn.LayerNorm(8),
        nn.BatchNorm3d(4, affine=False),
    ]
    model = nn.Sequential(*kinds, nn.BatchNorm3d(4, track_running_stats=False)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    drawn = randomize_norms(model, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert drawn.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
        if not key.endswith("num_batches_tracked"):
            assert len(drawn.state_dict()[key].unique()) == value.numel(), key
    again, other = randomize_norms(model, seed=3).state_dict(), randomize_norms(model).state_dict()
    for key, value in drawn.state_dict().items():
        assert torch.equal(value, again[key])
    assert not torch.equal(other["0.weight"], again["0.weight"])
    clip = torch.randn(2, 4, 3, 8, 8)
    for norm, random in zip(model.eval(), drawn.eval(), strict=True):
        apart = (random(clip) - norm(clip)).abs().amax((0, 2, 3, 4))
        assert (apart > 0.01).all()  # in every channel


class Residual(nn.Module):
    """A branch that ends in a norm of weight 0, as He et al. train them."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv3d(16, 16, 1, bias=False), nn.BatchNorm3d(16))
        nn.init.kaiming_normal_(self.branch[0].weight)
        nn.init.zeros_(self.branch[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.branch(x))


def test_outputs_of_a_deep_network_stay_of_the_order_of_one() -> None:
    model = nn.Sequential(*[Residual() for _ in range(33)])  # as many blocks as of 101 layers
    clip = torch.randn(1, 16, 2, 8, 8).relu()
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(clip), clip)
        output = randomize_norms(model)(clip)
    assert 0.3 < output.std() < 30
    assert not torch.allclose(output, clip, atol=0.3)
