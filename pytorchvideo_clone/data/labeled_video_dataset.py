"""Clips of labelled videos one after the other: PyTorchVideo's iterable data set."""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.utils.data import IterableDataset, RandomSampler, Sampler

from pytorchvideo_clone.data.clip_dataset import (
    ClipDataset,
    LabeledVideos,
    Sample,
    make_sample,
    read_clip,
)
from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.sharding import MultiProcessSampler
from pytorchvideo_clone.data.video import VideoPathHandler

__all__ = ["LabeledVideoDataset", "labeled_video_dataset"]

_log = logging.getLogger(__name__)

VideoSampler = Callable[[Any], Sampler]


class LabeledVideoDataset(IterableDataset):
    """Clips of labelled videos, one video after the other, as PyTorchVideo gives them.

    Videos are divided between the worker processes of a `DataLoader`. One that cannot be read, or a
    clip without frames, is skipped with a warning in the log, and so is the rest of its video; ten
    failures in a row are an error. Samples have the keys of `ClipDataset`; one for which
    `transform` gives None is left out. `iter` gives the data set itself, at its beginning.

    For a length, indexing and repeatable samples take the `ClipDataset` that `map_style` gives.

    Args:
        labeled_video_paths: (path, dict) pairs, for example a `LabeledVideoPaths`.
        clip_sampler: which clips to take.
        video_sampler: class of the sampler that orders the videos; `DistributedSampler` gives each
            rank its share.
        transform: applied to each sample.
        decode_audio: whether to read audio.
        decode_video: whether to read frames.
        decoder: as in `EncodedVideo.from_path`.
        open_options: as in `ClipDataset`.

    Attributes:
        video_path_handler: opens the videos; may be replaced.

    >>> from pytorchvideo_clone.data.clip_sampling import make_clip_sampler
    >>> videos = [("a.mp4", {"label": 0}), ("b.mp4", {"label": 1})]
    >>> LabeledVideoDataset(videos, make_clip_sampler("random", 2.0)).num_videos
    2
    """

    _MAX_CONSECUTIVE_FAILURES = 10

    def __init__(
        self,
        labeled_video_paths: LabeledVideos,
        clip_sampler: ClipSampler,
        video_sampler: VideoSampler = RandomSampler,
        transform: Callable[[Sample], Any] | None = None,
        decode_audio: bool = True,
        decode_video: bool = True,
        decoder: str = "pyav",
        open_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._labeled_videos = labeled_video_paths
        self._clip_sampler = clip_sampler
        self._transform = transform
        self._open_options: dict[str, Any] = {
            "decode_video": decode_video,
            "decode_audio": decode_audio,
            "decoder": decoder,
            **(open_options or {}),
        }
        self._video_sampler = video_sampler(labeled_video_paths)
        self._share = MultiProcessSampler(self._video_sampler)
        self.video_path_handler = VideoPathHandler()
        self._samples: Iterator[Any] | None = None

    @property
    def video_sampler(self) -> Sampler:
        """What orders the videos."""
        return self._video_sampler

    @property
    def num_videos(self) -> int:
        """How many videos there are."""
        return len(self._video_sampler)  # type: ignore[arg-type]

    def map_style(self, seed: int = 0, **clip_options: Any) -> ClipDataset:
        """Give the same videos, clips and transform as a map-style data set.

        The transform must not give None here: every index has its sample.

        Args:
            seed: of all chance.
            **clip_options: other arguments of `ClipDataset`, such as `video_dtype`; they win.

        >>> from pytorchvideo_clone.data import make_clip_sampler
        >>> videos = [("a.mp4", {"label": 0}), ("b.mp4", {"label": 1})]
        >>> len(LabeledVideoDataset(videos, make_clip_sampler("random", 2.0)).map_style())
        2
        """
        own = {"decode_video", "decode_audio", "decoder"}
        settings: dict[str, Any] = {
            "transform": self._transform,
            **{key: value for key, value in self._open_options.items() if key in own},
            "open_options": {k: v for k, v in self._open_options.items() if k not in own},
        }
        dataset = ClipDataset(
            self._labeled_videos, self._clip_sampler, seed=seed, **{**settings, **clip_options}
        )
        dataset.video_path_handler = self.video_path_handler
        return dataset

    def __iter__(self) -> "LabeledVideoDataset":
        self._samples = self._all_samples()
        return self

    def __next__(self) -> Any:
        if self._samples is None:
            self._samples = self._all_samples()
        return next(self._samples)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_samples": None}

    def _all_samples(self) -> Iterator[Any]:
        failures: list[str] = []
        for video_index in self._share:
            samples = self._samples_of(video_index)
            while True:
                try:
                    sample = next(samples, None)
                except (RuntimeError, OSError) as error:
                    failures.append(self._describe(video_index, error))
                    _log.warning("Skipping a video: %s", failures[-1])
                    if len(failures) >= self._MAX_CONSECUTIVE_FAILURES:
                        raise RuntimeError(
                            f"{len(failures)} videos in a row could not be read:\n"
                            + "\n".join(failures)
                        ) from error
                    break
                if sample is None:
                    break
                failures.clear()
                if self._transform is not None:
                    sample = self._transform(sample)
                if sample is not None:
                    yield sample

    def _samples_of(self, video_index: int) -> Iterator[Sample]:
        path, info = self._labeled_videos[video_index]
        clip: dict[str, Any] = {}
        with self.video_path_handler.video_from_path(path, **self._open_options) as video:
            # The module `random`: clips follow random.seed, as in PyTorchVideo.
            for span in self._clip_sampler.clips(video.duration, info, random):
                if span.aug_index == 0 or isinstance(span.aug_index, list):
                    clip = read_clip(video, span, self._open_options["decode_video"])
                yield make_sample(clip, video, video_index, span, info)

    def _describe(self, video_index: int, error: Exception) -> str:
        path = self._labeled_videos[video_index][0]
        return str(error) if path in str(error) else f"{path}: {error}"


def labeled_video_dataset(
    data_path: PathLike,
    clip_sampler: ClipSampler,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[Sample], Any] | None = None,
    video_path_prefix: str = "",
    decode_audio: bool = True,
    decoder: str = "pyav",
) -> LabeledVideoDataset:
    """Make a `LabeledVideoDataset` of a folder or a file.

    Args:
        data_path: a folder with one folder of videos a class, or a text file with 'path label'
            lines, as in `LabeledVideoPaths.from_path`.
        clip_sampler: which clips to take.
        video_sampler: as in `LabeledVideoDataset`.
        transform: applied to each sample.
        video_path_prefix: put before every relative path.
        decode_audio: whether to read audio.
        decoder: as in `EncodedVideo.from_path`.

    Raises:
        FileNotFoundError: if there is nothing at `data_path`, or a class without videos.
    """
    videos = LabeledVideoPaths.from_path(data_path)
    videos.path_prefix = video_path_prefix
    return LabeledVideoDataset(
        videos,
        clip_sampler,
        video_sampler,
        transform,
        decode_audio=decode_audio,
        decoder=decoder,
    )
