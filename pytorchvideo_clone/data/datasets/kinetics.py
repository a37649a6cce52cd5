"""Kinetics: clips of human actions, one label each."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import RandomSampler

from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.labeled_video_dataset import (
    LabeledVideoDataset,
    VideoSampler,
    labeled_video_dataset,
)

__all__ = ["Kinetics"]


def Kinetics(
    data_path: PathLike,
    clip_sampler: ClipSampler,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    video_path_prefix: str = "",
    decode_audio: bool = True,
    decoder: str = "pyav",
) -> LabeledVideoDataset:
    r"""Make the Kinetics data set of a folder or a file, as `labeled_video_dataset`.

    For samples by number: `Kinetics(...).map_style()`.

    Args:
        data_path: a folder with one folder of videos a class, or a text file with 'path label'
            lines.
        clip_sampler: as in `labeled_video_dataset`, like all that follow.
        video_sampler: as there.
        transform: as there.
        video_path_prefix: as there.
        decode_audio: as there.
        decoder: as there.

    Raises:
        FileNotFoundError: if there is nothing at `data_path`, or a class without videos.

    Source: Kay et al., "The Kinetics Human Action Video Dataset", 2017,
    https://arxiv.org/abs/1705.06950.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text("jump/a.mp4 0\nrun/b.mp4 1\n")
    ...     Kinetics(f"{folder}/train.csv", make_clip_sampler("random", 2.0)).num_videos
    2
    """
    return labeled_video_dataset(
        data_path,
        clip_sampler,
        video_sampler,
        transform,
        video_path_prefix,
        decode_audio,
        decoder,
    )
