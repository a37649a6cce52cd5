"""Clips of labelled videos one after the other: PyTorchVideo's iterable data set."""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DistributedSampler, IterableDataset, RandomSampler, Sampler

from pytorchvideo_clone.data.clip_dataset import ClipDataset, LabeledVideos
from pytorchvideo_clone.data.clip_info import as_clip_info, end_of
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
from pytorchvideo_clone.data.video import Seconds, Video, VideoPathHandler, VideoReadError

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

    # Where the iteration is, by PyTorchVideo's names: `__next__` of other projects works on them.
    _video_sampler_iter: Iterator[int] | None = None
    _loaded_video_label: tuple[Video, Mapping[str, Any], int] | None = None
    _loaded_clip: dict[str, Any] | None = None
    _last_clip_end_time: Seconds | None = None
    _next_clip_start_time = 0.0  # its name until 0.1.5
    _failures: tuple[str, ...] = ()

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
        options: dict[str, Any] = {
            "decode_video": decode_video,
            "decode_audio": decode_audio,
            "decoder": decoder,
            **(open_options or {}),
        }
        self._labeled_videos = labeled_video_paths
        self._clip_sampler = clip_sampler
        self._transform = transform
        self._decode_video = options.pop("decode_video")
        self._decode_audio = options.pop("decode_audio")
        self._decoder = options.pop("decoder")
        self._more_options = options
        self._video_random_generator: torch.Generator | None = None
        self._video_sampler = video_sampler(labeled_video_paths)
        self.faults = faults
        self.fault_log = FaultLog()
        self.video_path_handler = VideoPathHandler()

    @property
    def _video_sampler(self) -> Sampler:
        return self._orders_videos

    @_video_sampler.setter
    def _video_sampler(self, video_sampler: Sampler) -> None:
        self._orders_videos = video_sampler
        # The share of this rank, unless the sampler knows of ranks itself.
        knows = isinstance(video_sampler, DistributedSampler)
        self._of_rank = video_sampler if knows else RankSampler(video_sampler)
        self._share = MultiProcessSampler(self._of_rank)

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
        settings: dict[str, Any] = {
            "transform": self._transform,
            "decode_video": self._decode_video,
            "decode_audio": self._decode_audio,
            "decoder": self._decoder,
            "open_options": self._more_options,
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
        self._close_video()
        self._video_sampler_iter = self._loaded_clip = None
        self._failures = ()
        return self

    def __next__(self) -> Any:
        with stage("other"):
            while True:
                sample = self._next_sample()
                if sample is not None and self._transform is not None:
                    with stage("transform"):
                        sample = self._transform(sample)
                if sample is not None:
                    return sample

    def __getstate__(self) -> dict[str, Any]:
        # Another process begins at the beginning.
        iterating = {"_video_sampler_iter", "_loaded_video_label", "_loaded_clip", "_failures"}
        iterating |= {"_last_clip_end_time"}
        return {key: value for key, value in self.__dict__.items() if key not in iterating}

    def _next_sample(self) -> Sample | None:
        """Read the next sample; None if it cannot be read, and its video is skipped."""
        if self._video_sampler_iter is None:
            self._video_sampler_iter = iter(self._share)
        if self._loaded_video_label is None:
            video_index = next(self._video_sampler_iter)
        else:
            video_index = self._loaded_video_label[2]
        try:
            if self._loaded_video_label is None:
                self._load(video_index)
            sample = self._read_next()
        except (RuntimeError, OSError) as error:
            self._close_video()
            if self.faults.policy == "raise":
                raise
            failures = (*self._failures, self._note(video_index, error))
            _log.warning("Skipping a video: %s", failures[-1])
            self._failures = failures
            if len(failures) >= self._MAX_CONSECUTIVE_FAILURES:
                self._failures = ()
                raise RuntimeError(
                    f"{len(failures)} videos in a row could not be read:\n" + "\n".join(failures)
                ) from error
            return None
        self._failures = ()
        return sample

    def _load(self, video_index: int) -> None:
        path, info = self._labeled_videos[video_index]
        try:
            video = read_within(self.faults.time_limit_sec, path, lambda: self._open(path))
        except (RuntimeError, OSError) as error:
            if self.faults.policy != "pad":
                raise
            self._note(video_index, error)
            video = self._blank(path)
        self._loaded_video_label = video, info, video_index

    def _read_next(self) -> Sample:
        assert self._loaded_video_label is not None
        video, info, video_index = self._loaded_video_label
        span = as_clip_info(self._clip_sampler(self._last_clip_end_time, video.duration, info))
        if isinstance(span, ClipInfoList) or span.aug_index == 0:
            self._loaded_clip = self._read_clip(span)
        assert self._loaded_clip is not None
        sample = make_sample(self._loaded_clip, video, video_index, span, info)
        self._last_clip_end_time, is_last = end_of(span)
        if is_last:
            self._close_video()
        return sample

    def _read_clip(self, span: ClipInfo | ClipInfoList) -> dict[str, Any]:
        assert self._loaded_video_label is not None
        video, info, video_index = self._loaded_video_label
        path = self._labeled_videos[video_index][0]
        limit, pad = self.faults.time_limit_sec, self.faults.policy == "pad"
        try:
            clip = read_within(limit, path, functools.partial(self._read, video, span))
        except VideoReadError as error:
            if isinstance(error.__cause__, TimeoutError):  # the other is left to its thread
                self._loaded_video_label = self._blank(path), info, video_index
            if not pad:
                raise
            self._note(video_index, error)
            clip = self._read(self._blank(path), span)
        if pad and (damage := damaged_frames(clip["frame_mask"], path)):
            self._note(video_index, damage)
        return clip

    def _close_video(self) -> None:
        """Be done with a video, at its last clip or before."""
        if self._loaded_video_label is not None:
            self._loaded_video_label[0].close()
        self._loaded_video_label = None
        self._last_clip_end_time = None
        self._clip_sampler.reset()

    @property
    def _open_options(self) -> dict[str, Any]:
        return {
            "decode_video": self._decode_video,
            "decode_audio": self._decode_audio,
            "decoder": self._decoder,
            **self._more_options,
        }

    def _blank(self, path: str) -> Video:
        duration = getattr(self._clip_sampler, "_clip_duration", 1)
        return BlankVideo(path, duration, self.faults.blank, self._open_options)

    def _open(self, path: str) -> Video:
        with stage("open"):
            video = self.video_path_handler.video_from_path(path, **self._open_options)
        return self.fault_log.note_decoder(video, path)

    def _read(self, video: Video, span: ClipInfo | ClipInfoList) -> dict[str, Any]:
        options = {"on_damage": "pad"} if self.faults.policy == "pad" else {}
        clip = read_clip(video, span, self._decode_video, **options)
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
