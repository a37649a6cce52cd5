"""See what a model is trained on before it is."""

import random
from pathlib import Path

from pytorchvideo_clone.data import LabeledVideoPaths
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
) -> list[str]:
    """Draw clips as training gets them, with their labels: a row each, frames from left to right.

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

    Returns:
        The names of the videos shown, from the top.

    Raises:
        ValueError: if `clips` is below 1.
        VideoReadError: if one of the videos cannot be read.
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
    chosen = random.Random(seed).sample(range(len(data)), min(clips, len(data)))
    samples = [data[index] for index in sorted(chosen)]
    names = data.class_names
    rows = iter(
        {**sample, "label": names[sample["label"]] if names else sample["label"]}
        for sample in samples
    )
    sheet = preview(samples[0], lambda _: next(rows), len(samples), frames=frames)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    sheet.save(output)
    return [sample["video_name"] for sample in samples]
