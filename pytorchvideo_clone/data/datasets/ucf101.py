"""UCF101: clips of human actions, one label each."""

import functools
from typing import Any

from pytorchvideo_clone.data.datasets.kinetics import Kinetics
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset

__all__ = ["Ucf101"]


@functools.wraps(Kinetics, assigned=())
def Ucf101(*args: Any, **kwargs: Any) -> LabeledVideoDataset:
    r"""Make the UCF101 data set of a folder or a file, with the arguments of `Kinetics`.

    Source: Soomro, Zamir and Shah, "UCF101: A Dataset of 101 Human Actions Classes From Videos in
    The Wild", 2012, https://arxiv.org/abs/1212.0402.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text("jump/a.mp4 0\nrun/b.mp4 1\n")
    ...     Ucf101(f"{folder}/train.csv", make_clip_sampler("random", 2.0)).num_videos
    2
    """
    return Kinetics(*args, **kwargs)
