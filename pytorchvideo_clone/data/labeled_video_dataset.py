"""Clips of labelled videos one after the other: PyTorchVideo's iterable data set."""

import functools
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch.utils.data import DistributedSampler, IterableDataset, RandomSampler, Sampler

from pytorchvideo_clone.data.clip_dataset import ClipDataset, LabeledVideos
from pytorchvideo_clone.data.clip_reading import Sample, make_sample, read_clip, with_path
from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler
from pytorchvideo_clone.data.faults import (
    BlankVideo,
    FaultLog,
    Faults,
    Policy,
    damaged_frames,
    read_within,
)
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.lists.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.sharding import MultiProcessSampler, RankSampler
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import Video, VideoPathHandler, VideoReadError

__all__ = ["LabeledVideoDataset", "labeled_video_dataset"]

_log = logging.getLogger(__name__)

VideoSampler = Callable[[Any], Sampler]


class LabeledVideoDataset(IterableDataset):
    """Clips of labelled videos, one video after the other, as PyTorchVideo gives them.

    Videos are divided between the worker processes of a `DataLoader`, and between the processes of
    torch.distributed, unless a `DistributedSampler` does that. One that cannot be read, or a clip
    without frames, is skipped with a warning in the log, and so is the rest of its video; ten
    failures in a row are an error. `faults` chooses otherwise. Samples have the keys of
    `ClipDataset`; one for which `transform` gives None is left out. `iter` gives the data set
    itself, at its beginning.

    For a length, indexing, repeatable samples, and equal steps on every rank take the `ClipDataset`
    that `map_style` gives.

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
        faults: what to do about a video that cannot be read: "skip", "raise", "pad", or a `Faults`,
            which may also limit the time; as in `ClipDataset`.

    Attributes:
        fault_log: the videos that could not be read, in all worker processes.
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
        faults: Faults | Policy = "skip",
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
        # The share of this rank, unless the sampler knows of ranks itself.
        knows = isinstance(self._video_sampler, DistributedSampler)
        self._of_rank = self._video_sampler if knows else RankSampler(self._video_sampler)
        self._share = MultiProcessSampler(self._of_rank)
        self.faults = faults
        self.fault_log = FaultLog()
        self.video_path_handler = VideoPathHandler()
        self._samples: Iterator[Any] | None = None

    @property
    def faults(self) -> Faults:
        """What to do about a video that cannot be read; set it to a `Faults` or a policy."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults | Policy) -> None:
        if Faults.of(faults).policy == "substitute":
            raise ValueError(
                "faults is 'substitute', which needs numbered samples: take "
                "dataset.map_style(faults='substitute')."
            )
        self._faults = Faults.of(faults)

    @property
    def video_sampler(self) -> Sampler:
        """What orders the videos."""
        return self._video_sampler

    @property
    def num_videos(self) -> int:
        """How many videos there are, for this rank."""
        return len(self._of_rank)  # type: ignore[arg-type]

    def map_style(self, seed: int = 0, **clip_options: Any) -> ClipDataset:
        """Give the same videos, clips and transform as a map-style data set.

        Every index has its sample: the transform must not give None here, and where `faults` says
        "skip", a video that cannot be read raises.

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
            "faults": replace(self.faults, policy="raise")
            if self.faults.policy == "skip"
            else self.faults,
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
        with stage("other"):
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
                    if self.faults.policy == "raise":
                        raise
                    failures.append(self._note(video_index, error))
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
                    with stage("transform"):
                        sample = self._transform(sample)
                if sample is not None:
                    yield sample

    def _samples_of(self, video_index: int) -> Iterator[Sample]:
        path, info = self._labeled_videos[video_index]
        limit, pad = self.faults.time_limit_sec, self.faults.policy == "pad"
        duration = self._clip_sampler.clip_duration
        blank = BlankVideo(path, duration, self.faults.blank, self._open_options)
        video: Video = blank
        clip: dict[str, Any] = {}
        try:
            video = read_within(limit, path, lambda: self._open(path))
        except (RuntimeError, OSError) as error:
            if not pad:
                raise
            self._note(video_index, error)
        try:
            # The module `random`: clips follow random.seed, as in PyTorchVideo.
            for span in self._clip_sampler.clips(video.duration, info, random):
                if span.aug_index == 0 or isinstance(span.aug_index, list):
                    try:
                        clip = read_within(limit, path, functools.partial(self._read, video, span))
                    except VideoReadError as error:
                        if isinstance(error.__cause__, TimeoutError):
                            video = blank  # the other is left to its thread
                        if not pad:
                            raise
                        self._note(video_index, error)
                        clip = self._read(blank, span)
                    if pad and (damage := damaged_frames(clip["frame_mask"], path)):
                        self._note(video_index, damage)
                yield make_sample(clip, video, video_index, span, info)
        finally:
            video.close()

    def _open(self, path: str) -> Video:
        with stage("open"):
            return self.video_path_handler.video_from_path(path, **self._open_options)

    def _read(self, video: Video, span: ClipInfo | ClipInfoList) -> dict[str, Any]:
        options = {"on_damage": "pad"} if self.faults.policy == "pad" else {}
        clip = read_clip(video, span, self._open_options["decode_video"], **options)
        if "valid" in clip:
            clip["frame_mask"] = clip.pop("valid")
            clip["valid"] = not isinstance(video, BlankVideo)
        return clip

    def _note(self, video_index: int, error: Exception) -> str:
        """Put a failure into the report, and give it as a sentence."""
        path = self._labeled_videos[video_index][0]
        if isinstance(error, VideoReadError):
            named = with_path(error, path)
        else:
            named = VideoReadError(str(error), path)
        self.fault_log.add(named, epoch=0)
        return str(error) if path in str(error) else str(named)


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
