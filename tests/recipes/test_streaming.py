from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import (
    Stream,
    WindowResult,
    export_model,
    load_exported,
    optimize,
)
from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.hub import InputSpec, create_model, model_entry
from pytorchvideo_clone.recipes import predict_video, stream_predictions
from pytorchvideo_clone.recipes.inputs import (
    evaluation_transform,
    example_input,
    keep_frames,
    normalize_clips,
)

SPEC = model_entry("x3d_tiny").input_spec


@pytest.fixture(scope="module")
def video(motion_folder: Path) -> Path:
    return motion_folder / "test" / "zoom_in" / "0000.mp4"


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return create_model("x3d_tiny", num_classes=3).eval()


def watch(live: Stream, path: Path, timed: bool = True) -> list[WindowResult]:
    """Push the frames of a file one by one, as a camera gives them."""
    results = []
    with av.open(str(path)) as file:
        for shown in file.decode(video=0):
            time = float(shown.pts * shown.time_base) if timed else None
            results += live.push(shown.to_ndarray(format="rgb24"), time)
    return results + live.finish()


def offline(model: nn.Module, spec: InputSpec, path: Path, start: Fraction) -> Tensor:
    """What evaluation computes of the clip at `start`, spelled out."""
    with EncodedVideo.from_path(path, decode_audio=False) as file, torch.no_grad():
        clip = file.get_clip(
            start,
            start + spec.clip_duration,
            lambda places: keep_frames(places, spec.num_frames),
            torch.uint8,
        )["video"]
        views = evaluation_transform(spec)(clip)
        return model(normalize_clips(views, spec)).softmax(dim=-1).mean(dim=0)


@pytest.mark.parametrize("crops", [1, 3])
def test_every_window_gives_exactly_what_evaluation_gives(
    video: Path, model: nn.Module, crops: int
) -> None:
    spec = replace(SPEC, test_crops=crops)
    results = watch(stream_predictions(model, spec, hop_sec=Fraction(1, 12)), video)
    assert len(results) == 9  # 2 s at 12 frames a second, 4/3 s a window
    for result in results:
        assert torch.equal(result.output, offline(model, spec, video, result.start_sec))
    assert not torch.equal(results[0].output, results[-1].output)


def test_the_clips_of_a_prediction_are_windows(video: Path, model: nn.Module) -> None:
    with EncodedVideo.from_path(video) as file:
        hop = (file.duration - SPEC.clip_duration) / 3
    results = watch(stream_predictions(model, SPEC, hop_sec=hop), video)
    scores = torch.stack([result.output for result in results])
    assert len(scores) == 4
    assert torch.equal(scores.mean(dim=0), predict_video(model, SPEC, video, clips=4))


def test_frames_without_times_follow_the_rate(video: Path, model: nn.Module) -> None:
    timed, untimed = (
        watch(stream_predictions(model, SPEC, hop_sec=0.25), video, timed)
        for timed in (True, False)
    )
    assert len(timed) == len(untimed) == 3
    for one, other in zip(timed, untimed, strict=True):
        assert one.start_sec == other.start_sec
        assert torch.equal(one.output, other.output)


def test_a_thread_gives_the_same(video: Path, model: nn.Module) -> None:
    direct = watch(stream_predictions(model, SPEC, hop_sec=0.25), video)
    expected = {result.start_sec: result.output for result in direct}
    with stream_predictions(model, SPEC, hop_sec=0.25, background=True) as live:
        results = watch(live, video)
        assert len(results) + live.dropped == len(expected) == 3
    for result in results:
        assert torch.equal(result.output, expected[result.start_sec])


def test_two_pathways_are_cut_from_the_window(video: Path) -> None:
    torch.manual_seed(0)
    pools = {"head_pool": nn.AdaptiveAvgPool3d}
    model = create_model("slowfast_r50", num_classes=3, model_depth=18, **pools).eval()
    spec = InputSpec(num_frames=8, sampling_rate=2, crop=32, side=40, alpha=4, test_crops=1)
    live = stream_predictions(model, spec, hop_sec=0.5)
    results = watch(live, video)
    assert len(results) == 3
    for result in results:
        assert torch.equal(result.output, offline(model, spec, video, result.start_sec))


def test_optimized_and_exported_models_stream(
    video: Path, model: nn.Module, tmp_path: Path
) -> None:
    expected = watch(stream_predictions(model, SPEC), video)
    export_model(model, example_input(SPEC), tmp_path / "model.pt2")
    others = [optimize(model, example_input(SPEC)), load_exported(tmp_path / "model.pt2")]
    for other in others:
        results = watch(stream_predictions(other, SPEC), video)
        for one, two in zip(results, expected, strict=True):
            torch.testing.assert_close(one.output, two.output, atol=1e-5, rtol=0)
