"""Predict the classes of a live source."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from torch import Tensor

from pytorchvideo_clone.accelerator import Stream, stream
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import keep_frames
from pytorchvideo_clone.recipes.predict import clip_scorer

__all__ = ["stream_predictions"]


def stream_predictions(
    model: Callable[[Tensor], Tensor],
    spec: InputSpec,
    *,
    hop_sec: float | Fraction | None = None,
    crops: int | None = None,
    fps: float | Fraction | None = None,
    background: bool = False,
) -> Stream:
    """Score a live source: each window as `predict_video` scores a clip of that time of a file.

    Args:
        model: as in `predict_video`: ours, optimized or exported.
        spec: what the model takes; a window spans its `clip_duration`.
        hop_sec: seconds between the beginnings of windows; None puts one after another.
        crops: views of a window in space, 1 or 3; None takes the spec's.
        fps: frames a second of the source, or the most there can be where frames come with times;
            None takes the spec's.
        background: run the model in a thread, as in `accelerator.stream`.

    Returns:
        A stream whose `push(frame, time_sec)` gives results with `output` (classes,), the mean
        softmax over the crops, on the CPU.

    >>> from pytorchvideo_clone.hub import create_model, model_entry
    >>> spec = model_entry("x3d_tiny").input_spec
    >>> live = stream_predictions(create_model("x3d_tiny", num_classes=3), spec)
    >>> frames = torch.zeros(16, 72, 96, 3, dtype=torch.uint8)
    >>> results = [result for frame in frames for result in live.push(frame)]
    >>> len(results), results[0].output.shape
    (1, torch.Size([3]))
    """
    return stream(
        clip_scorer(model, spec, crops),
        spec.clip_duration,
        hop_sec,
        frame_filter=partial(keep_frames, num_frames=spec.num_frames),
        fps=spec.fps if fps is None else fps,
        background=background,
    )
