"""See what a model is trained on before it is."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytorchvideo_clone.data import LabeledVideoPaths, VideoReadError
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import Transform, training_dataset
from pytorchvideo_clone.transforms import preview

__all__ = ["show_clips"]


def show_clips(
    paths: LabeledVideoPaths,
    spec: InputSpec,
    output: str | Path,
    *,
    clips: int = 8,
    frames: int = 8,
    horizontal_flip_prob: float = 0.5,
    augmentation: Transform | None = None,
    seed: int = 0,
    decoder: str = "pyav",
    on_fault: Callable[[str, str], None] = lambda path, cause: None,
) -> list[str]:
    """Draw clips as training gets them, with their labels: a row each, frames from left to right.

    A video that cannot be read is left out, and the next one drawn in its place.

    Args:
        paths: the videos.
        spec: what the model takes.
        output: the picture to be written, a .png or .jpg file.
        clips: how many, of videos chosen by `seed`.
        frames: how many of each are shown, evenly spaced.
        horizontal_flip_prob: as in `training_dataset`.
        augmentation: as in `training_dataset`.
        seed: of all chance.
        decoder: as in `EncodedVideo.from_path`.
        on_fault: called with the path of a video that cannot be read, and the cause.

    Returns:
        The names of the videos shown, from the top.

    Raises:
        ValueError: if `clips` is below 1.
        VideoReadError: if none of the videos can be read.
    """
    if clips < 1:
        raise ValueError(f"clips is {clips}; it must be at least 1.")
    data = training_dataset(
        paths,
        spec,
        horizontal_flip_prob=horizontal_flip_prob,
        augmentation=augmentation,
        seed=seed,
        decoder=decoder,
    )
    wanted = min(clips, len(data))
    generator = random.Random(seed)
    chosen = generator.sample(range(len(data)), wanted)
    others = sorted(set(range(len(data))) - set(chosen))
    generator.shuffle(others)
    found: dict[int, dict[str, Any]] = {}
    fault: VideoReadError | None = None
    for index in [*chosen, *others]:
        if len(found) == wanted:
            break
        try:
            found[index] = data[index]
        except VideoReadError as error:
            fault = error
            on_fault(data.labeled_video_paths[index][0], error.cause)
    if not found and fault is not None:
        raise fault
    samples = [found[index] for index in sorted(found)]
    names = data.class_names
    rows = iter(
        {**sample, "label": names[sample["label"]] if names else sample["label"]}
        for sample in samples
    )
    sheet = preview(samples[0], lambda _: next(rows), len(samples), frames=frames)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(output)
    return [sample["video_name"] for sample in samples]
