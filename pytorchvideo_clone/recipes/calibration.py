"""Clips as a model takes them, to choose what it computes in int8 and to compare its forms."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from pytorchvideo_clone.data import LabeledVideoPaths
from pytorchvideo_clone.hub import InputSpec
from pytorchvideo_clone.recipes.inputs import evaluation_dataset, normalize_clips
from pytorchvideo_clone.recipes.predict import find_videos

__all__ = ["ModelInputs", "calibration_clips"]


class ModelInputs:
    """Batches of a loader as its model takes them, for as many epochs as the loader has.

    Loaders give pixels, and in evaluation all crops of a clip; models take normalized clips.

    Args:
        loader: of a `VideoDataModule`: `video` (B, C, T, H, W) or (B, crops, C, T, H, W), 0 to 255,
            and `label` (B,).
        spec: what the model takes.

    >>> from pytorchvideo_clone.hub import model_entry
    >>> pixels = torch.full((2, 3, 3, 8, 64, 64), 255, dtype=torch.uint8)
    >>> loader = [{"video": pixels, "label": torch.tensor([4, 7])}]
    >>> (batch,) = ModelInputs(loader, model_entry("x3d_tiny").input_spec)
    >>> batch["video"].shape, batch["label"].tolist()
    (torch.Size([6, 3, 8, 64, 64]), [4, 4, 4, 7, 7, 7])
    """

    def __init__(self, loader: Iterable[dict[str, Any]], spec: InputSpec) -> None:
        self.loader, self.spec = loader, spec

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Give `video` (B, C, T, H, W) float32 and `label` (B,); unreadable ones are left out."""
        for batch in self.loader:
            video, label = batch["video"], batch["label"]
            if "valid" in batch:
                video, label = video[batch["valid"]], label[batch["valid"]]
            if video.dim() == 6:
                label = label.repeat_interleave(video.shape[1])
                video = video.flatten(0, 1)
            if len(video):
                yield {"video": normalize_clips(video, self.spec), "label": label}


def calibration_clips(videos: str | Path, spec: InputSpec, count: int = 32) -> list[Tensor]:
    """Read a clip of each of some videos, for `int8` of `export_model`.

    Args:
        videos: folder, searched to the bottom, or one file.
        spec: what the model takes.
        count: largest number of videos; they are drawn, always the same of the same folder.

    Returns:
        Normalized clips (1, C, T, test_crop, test_crop).

    Raises:
        ValueError: if there is no video.
        VideoReadError: if one cannot be read.

    >>> import tempfile
    >>> from pytorchvideo_clone.data.motion import write_motion_dataset
    >>> from pytorchvideo_clone.hub import model_entry
    >>> folder = write_motion_dataset(tempfile.mkdtemp(), train_per_class=0, test_per_class=1)
    >>> clips = calibration_clips(folder, model_entry("x3d_tiny").input_spec, count=2)
    >>> [clip.shape for clip in clips]
    [torch.Size([1, 3, 8, 64, 64]), torch.Size([1, 3, 8, 64, 64])]
    """
    found = find_videos([videos])  # class by class
    chosen = random.Random(0).sample(found, min(count, len(found)))
    paths = LabeledVideoPaths([(path, None) for path in chosen])
    dataset = evaluation_dataset(paths, spec, clips=1, crops=1)
    return [normalize_clips(dataset[i]["video"], spec) for i in range(len(dataset))]
