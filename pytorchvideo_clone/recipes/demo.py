"""The whole path on one page: data, training, evaluation, export, prediction, report."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone._whole import write_whole
from pytorchvideo_clone.accelerator import load_exported
from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.data.motion import MOTIONS, REVERSED, write_motion_dataset
from pytorchvideo_clone.hub import load_bundle
from pytorchvideo_clone.recipes.evaluate import Evaluation, evaluate_classifier
from pytorchvideo_clone.recipes.export import export_checkpoint
from pytorchvideo_clone.recipes.inputs import keep_frames
from pytorchvideo_clone.recipes.predict import predict_videos
from pytorchvideo_clone.recipes.presets import motion
from pytorchvideo_clone.recipes.report import ReportExample, write_report
from pytorchvideo_clone.recipes.train import train_classifier

__all__ = ["run_demo"]


def run_demo(
    output: str | Path,
    seed: int = 0,
    *,
    train_per_class: int = 64,
    test_per_class: int = 16,
    **settings: Any,
) -> dict[str, str]:
    """Train a small model on the motion data set and use it.

    Args:
        output: folder for everything that is written.
        seed: of the training.
        train_per_class: videos of a class in training.
        test_per_class: videos of a class in the test.
        **settings: of `train_classifier`, over those of `presets.motion`.

    Returns:
        Path -> what lies there.
    """
    begin, folder = time.monotonic(), Path(output)
    _say("1/6 writing the motion data set: 8 camera motions over photographs")
    data_path = write_motion_dataset(folder / "motion", train_per_class, test_per_class)
    _say("2/6 training from scratch")
    trained = train_classifier(data_path, output=folder, seed=seed, **{**motion(), **settings})
    network, bundle = load_bundle(trained["checkpoint"])
    spec, names = bundle.input_spec, trained["class_names"]
    _say("3/6 evaluating on photographs that training never saw, forwards and backwards")
    evaluation = evaluate_classifier(network, spec, names, data_path, devices=1)
    backwards = evaluate_classifier(_Backwards(network), spec, names, data_path, devices=1)
    opposite = _share_of_opposites(backwards)
    _say("4/6 exporting to ONNX and comparing")
    exported = export_checkpoint(trained["checkpoint"], folder / "model.onnx")
    _say("5/6 predicting single videos with the ONNX file")
    runtime = load_exported(exported.path)
    videos = [data_path / "test" / name / "0000.mp4" for name in MOTIONS]
    predictions = list(predict_videos(runtime, spec, names, map(str, videos)))
    _say("6/6 writing the report")
    seconds = time.monotonic() - begin
    metrics = {
        "test": evaluation.to_dict(),
        "opposite_class_when_backwards": opposite,
        "chance_top1": 1 / len(names),
        "onnx": json.loads(exported.to_json()),
        "seconds": seconds,
        **trained,
    }
    write_whole(folder / "metrics.json", json.dumps(metrics, indent=2))
    write_whole(folder / "predictions.json", json.dumps(predictions, indent=2))
    page = write_report(
        folder / "report.html",
        title=f"{trained['model']} on the motion data set",
        facts={
            "top-1 on the test videos": f"{100 * evaluation.top(1):.1f} %",
            "top-1 by chance": f"{100 / len(names):.1f} %",
            "opposite class when played backwards": f"{100 * opposite:.1f} %",
            "test videos": f"{len(evaluation.videos)}",
            "views of a video": f"{evaluation.clips} clips x {evaluation.crops} crops",
            "ONNX, largest relative difference": f"{exported.difference:.1e}",
            "seconds in all": f"{seconds:.0f}",
        },
        history=trained["epochs"],
        evaluation=evaluation,
        examples=[
            ReportExample(f"test/{name}/0000.mp4", name, _frames(video), row["predictions"])
            for name, video, row in zip(MOTIONS, videos, predictions, strict=True)
        ],
    )
    _say(
        f"top-1 {evaluation.top(1):.4f} on {len(evaluation.videos)} test videos (chance "
        f"{1 / len(names):.4f}); played backwards, {opposite:.4f} of them are taken for the "
        f"opposite class. {seconds:.0f} s."
    )
    return {
        str(page): "report: open it in a browser",
        str(folder / "metrics.json"): "all numbers",
        trained["checkpoint"]: "checkpoint: weights, input and class names",
        exported.path: "the same model for ONNX Runtime",
        str(folder / "predictions.json"): "best classes of one video of each class",
        str(data_path): "the videos",
    }


class _Backwards(nn.Module):
    """A model that sees its clips (B, C, T, H, W) from the last frame to the first."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.flip(2))


def _share_of_opposites(backwards: Evaluation) -> float:
    names = backwards.class_names
    opposite = torch.tensor([names.index(REVERSED[name]) for name in names])
    return float((backwards.predictions == opposite[backwards.labels]).double().mean())


def _frames(path: Path, count: int = 8) -> Tensor:  # -> (C, count, H, W) uint8
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        clip = video.get_clip(
            0,
            video.duration,
            frame_filter=lambda indices: keep_frames(indices, count),
            video_dtype=torch.uint8,
        )
    assert clip["video"] is not None
    return clip["video"]


def _say(line: str) -> None:
    print(f"\n{line}", flush=True)
