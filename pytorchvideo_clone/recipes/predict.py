"""Predict the classes of video files."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pytorchvideo_clone.data import ClipSampler, EncodedVideo, Video, VideoReadError
from pytorchvideo_clone.data.clip_reading import read_clip, read_together
from pytorchvideo_clone.data.lists.splits import find_videos
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import (
    evaluation_sampler,
    evaluation_transform,
    keep_frames,
    normalize_clips,
)

__all__ = ["NOT_FINITE", "clip_scorer", "find_videos", "predict_video", "predict_videos"]

NOT_FINITE = (
    "the model gives scores that are not finite: its weights are damaged, or too large for the "
    "numbers that it computes in"
)


@torch.no_grad()
def predict_video(
    model: Callable[[Tensor], Tensor],
    spec: InputSpec,
    path: str | Path,
    *,
    clips: int | None = None,
    crops: int | None = None,
    decoder: str = "pyav",
) -> Tensor:
    """Score one video, averaged over its views.

    Args:
        model: (B, C, T, H, W) normalised clips -> (B, classes) scores before softmax; a module
            is put into evaluation mode.
        spec: what the model takes.
        path: file or URL.
        clips: views in time; None takes the spec's.
        crops: views in space, 1 or 3; None takes the spec's.
        decoder: "auto", "pyav", "torchcodec" or "decord".

    Returns:
        (classes,) mean softmax, on the CPU.

    Raises:
        FileNotFoundError: if there is no such file.
        VideoReadError: if it is not a video, or none of its frames can be read.
    """
    sampler = evaluation_sampler(spec, clips)
    score = clip_scorer(model, spec, crops)
    with EncodedVideo.from_path(path, decode_audio=False, decoder=decoder) as video:
        scores = [score(clip) for clip in _read_all(video, sampler, spec)]
    return torch.stack(scores).mean(dim=0)


def clip_scorer(
    model: Callable[[Tensor], Tensor], spec: InputSpec, crops: int | None = None
) -> Callable[[Tensor], Tensor]:
    """Make the function that scores one clip as it was decoded.

    Args:
        model: as in `predict_video`.
        spec: what the model takes.
        crops: as in `predict_video`.

    Returns:
        A function (C, T, H, W) uint8 -> (classes,) mean softmax over the crops, on the CPU.
    """
    views = evaluation_transform(spec, crops)
    device = torch.device("cpu")
    if isinstance(model, nn.Module):
        device = next((weight.device for weight in model.parameters()), device)
        model.eval()

    @torch.no_grad()
    def score(clip: Tensor) -> Tensor:
        pixels = views(clip).to(device)
        return model(normalize_clips(pixels, spec)).softmax(dim=-1).mean(dim=0).cpu()

    return score


def _read_all(video: Video, sampler: ClipSampler, spec: InputSpec) -> Iterator[Tensor]:
    """The clips (C, T, H, W) uint8 of a video, from one pass over its frames if it is whole."""
    spans = list(sampler.clips(video.duration, {}, random.Random(0)))
    windows = [(span.clip_start_sec, span.clip_end_sec) for span in spans]
    keep = partial(keep_frames, num_frames=spec.num_frames)
    together = read_together(
        video,
        windows,  # type: ignore[arg-type]  # each span is one clip
        [keep] * len(spans),
        video_dtype=torch.uint8,
    )
    for number, span in enumerate(spans):
        if together is not None:
            yield together[number]["video"]
        else:
            yield read_clip(video, span, frame_filter=keep, video_dtype=torch.uint8)["video"]


def predict_videos(
    model: Callable[[Tensor], Tensor],
    spec: InputSpec,
    class_names: Sequence[str] | None,
    videos: Iterable[str],
    *,
    top_k: int = 5,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """Score videos one after another; one that cannot be read does not stop the rest.

    Args:
        model: as in `predict_video`.
        spec: as in `predict_video`.
        class_names: a name for each class; None calls them by their numbers.
        videos: files or URLs.
        top_k: how many classes to name.
        **options: `clips`, `crops` and `decoder` of `predict_video`.

    Yields:
        {"video": path, "predictions": [{"class": name, "score": 0 to 1}, ...]}, best first, or
        {"video": path, "error": sentence}.

    Raises:
        ValueError: if `top_k` is less than 1, or the model has another number of classes than there
            are names.
    """
    if top_k < 1:
        raise ValueError(f"top_k is {top_k}; it must be at least 1.")
    for path in videos:
        try:
            scores = predict_video(model, spec, path, **options)
        except (OSError, VideoReadError, ImportError) as error:  # OSError: a network's too
            if isinstance(error, ImportError) and "://" not in path:
                raise  # of the decoder; a URL may need a package that the others do not
            text = str(error)
            yield {"video": path, "error": text if path in text else f"{path}: {text}"}
            continue
        if not scores.isfinite().all():
            yield {"video": path, "error": f"{path}: {NOT_FINITE}"}
            continue
        if class_names and len(class_names) != len(scores):
            raise ValueError(
                f"there are {len(class_names)} class_names for {len(scores)} scores; give the "
                "names of the model's classes, or None."
            )
        best = scores.topk(min(top_k, len(scores)))
        named = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        yield {
            "video": path,
            "predictions": [
                {"class": class_names[i] if class_names else str(i), "score": score}
                for score, i in named
            ],
        }
