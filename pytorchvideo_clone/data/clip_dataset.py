"""Clips of labelled videos by number: (seed, epoch, index) -> sample."""

import bisect
import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import Dataset

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler
from pytorchvideo_clone.data.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.sharding import Planned
from pytorchvideo_clone.data.video import (
    FrameFilter,
    Seconds,
    Video,
    VideoPathHandler,
    VideoReadError,
)

__all__ = ["ClipDataset", "LabeledVideos", "make_sample", "read_clip"]

Sample = dict[str, Any]
LabeledVideos = LabeledVideoPaths | Sequence[tuple[str, dict[str, Any]]]


class ClipDataset(Dataset):
    """Clips of labelled videos, as a map-style data set.

    It has a length, is indexed, and takes any sampler. A sample depends on (seed, epoch, index)
    alone: not on the number of workers, the order, or what was read before. Its clip is drawn from
    a generator of its own, and torch's generator is seeded while frames are chosen and while
    `transform` runs. So call `set_epoch` before each epoch, or every epoch repeats the first.

    There is one sample a video if the sampler takes one random clip, else one a clip (and
    augmentation). A sampler whose number of clips depends on the length of the video, such as
    `UniformClipSampler`, makes the first `len` or index read the headers of all videos; let that
    happen before worker processes start.

    A sample has the keys `video` (C, T, H, W), `video_name`, `video_index`, `clip_index`,
    `aug_index`, those of the video's own dict, such as `label`, and `audio` (S,) if there is any.
    Where the sampler gives several clips for one sample, `video` and others are lists. At an index
    from an `EpochSampler` there is also `valid`, False for a sample that only fills up.

    Args:
        labeled_video_paths: the videos, for example `LabeledVideoPaths.from_path(folder)`.
        clip_sampler: which clips to take.
        transform: applied to each sample.
        seed: of all chance.
        decode_video: whether to read frames; without, `video` is None.
        decode_audio: whether to read audio.
        decoder: as in `EncodedVideo.from_path`.
        video_dtype: torch.float32 or torch.uint8, both 0..255.
        frame_filter: as in `Video.get_clip`, so that only the frames wanted are converted.
        open_options: more arguments of `VideoPathHandler.video_from_path`, for example {"fps": 10}
            for folders of images.

    Attributes:
        video_path_handler: opens the videos; may be replaced.

    >>> from pytorchvideo_clone.data.clip_sampling import ConstantClipsPerVideoSampler
    >>> videos = [("a.mp4", {"label": 0}), ("b.mp4", {"label": 1})]
    >>> len(ClipDataset(videos, ConstantClipsPerVideoSampler(2.0, clips_per_video=10)))
    20
    """

    def __init__(
        self,
        labeled_video_paths: LabeledVideos,
        clip_sampler: ClipSampler,
        transform: Callable[[Sample], Any] | None = None,
        *,
        seed: int = 0,
        decode_video: bool = True,
        decode_audio: bool = False,
        decoder: str = "pyav",
        video_dtype: torch.dtype = torch.float32,
        frame_filter: FrameFilter | None = None,
        open_options: Mapping[str, Any] | None = None,
    ) -> None:
        if not (decode_video or decode_audio):
            raise ValueError("decode_video and decode_audio are both False; nothing would be read.")
        self.labeled_video_paths = labeled_video_paths
        self.clip_sampler = clip_sampler
        self.transform = transform
        self.seed = seed
        self.video_path_handler = VideoPathHandler()
        self._open_options: dict[str, Any] = {
            "decode_video": decode_video,
            "decode_audio": decode_audio,
            "decoder": decoder,
            **(open_options or {}),
        }
        self._clip_options: dict[str, Any] = {}
        if video_dtype != torch.float32:
            self._clip_options["video_dtype"] = video_dtype
        if frame_filter is not None:
            self._clip_options["frame_filter"] = frame_filter
        # In shared memory, so that workers that live through several epochs see it change.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def class_names(self) -> list[str] | None:
        """The name of each label, if the videos came from a folder; else None."""
        return getattr(self.labeled_video_paths, "class_names", None)

    @property
    def epoch(self) -> int:
        """The epoch that was set last, 0 at first."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the chance of an epoch, here and in running worker processes.

        Args:
            epoch: any whole number; set it before the epoch begins.
        """
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        per_video = self.clip_sampler.samples_per_video
        if per_video is not None:
            return per_video * len(self.labeled_video_paths)
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Any:
        """Read one sample.

        Raises:
            IndexError: if there is no such sample.
            VideoReadError: if its video cannot be read, or has no frame in the clip.
        """
        video_index, number = self._locate(index)
        path, info = self.labeled_video_paths[video_index]
        with _naming(path), self._open(path) as video:
            clips = self._clips(video_index, info, video.duration, self.epoch)
            span = next(itertools.islice(clips, number, None), None)
            if span is None:
                raise RuntimeError(
                    f"{type(self.clip_sampler).__name__} gave clip {number} of {path} before, and "
                    "now fewer clips; their number must not depend on chance."
                )
            wanted = self._open_options["decode_video"]
            with self._seeded("frames", index % len(self)):
                clip = read_clip(video, span, wanted, **self._clip_options)
        sample = make_sample(clip, video, video_index, span, info)
        if isinstance(index, Planned):
            sample["valid"] = index.valid
        if self.transform is None:
            return sample
        with self._seeded("transform", index % len(self)):
            return self.transform(sample)

    def _locate(self, index: int) -> tuple[int, int]:
        """The video, and which of its samples."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: there are {len(self)} samples.")
        index %= len(self)
        per_video = self.clip_sampler.samples_per_video
        if per_video is not None:
            return divmod(index, per_video)
        video_index = bisect.bisect_right(self._ends, index)
        return video_index, index - (self._ends[video_index - 1] if video_index else 0)

    @functools.cached_property
    def _ends(self) -> list[int]:
        """Up to each video, how many samples there are."""
        with ThreadPoolExecutor() as pool:
            counts = pool.map(self._count, range(len(self.labeled_video_paths)))
            return list(itertools.accumulate(counts))

    def _count(self, video_index: int) -> int:
        path, info = self.labeled_video_paths[video_index]
        try:
            with _naming(path), self._open(path) as video:
                duration = video.duration
        except VideoReadError:
            return 1  # a sample whose reading says what is wrong, like that of any other video
        return sum(1 for _ in self._clips(video_index, info, duration, epoch=0))

    def _clips(
        self, video_index: int, info: Mapping[str, Any], duration: Seconds, epoch: int
    ) -> Iterator[ClipInfo | ClipInfoList]:
        rng = random.Random(f"clips {self.seed} {epoch} {video_index}")
        return self.clip_sampler.clips(duration, info, rng)

    def _open(self, path: str) -> Video:
        return self.video_path_handler.video_from_path(path, **self._open_options)

    @contextmanager
    def _seeded(self, what: str, index: int) -> Iterator[None]:
        """Give torch's generator a state of this sample's own, and the old one back."""
        seed = random.Random(f"{what} {self.seed} {self.epoch} {index}").getrandbits(63)
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would seed every GPU of this process too.
            torch.default_generator.manual_seed(seed)
            yield

    def __copy__(self) -> "ClipDataset":
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._epoch = self._epoch.clone().share_memory_()
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()  # a plain pickle or a copy has lost it


def read_clip(
    video: Video, span: ClipInfo | ClipInfoList, decode_video: bool = True, **options: Any
) -> dict[str, Any]:
    """Read what a sampler asked for.

    Args:
        video: an open video.
        span: one clip, or several.
        decode_video: whether there must be frames; else there must be audio.
        options: as for `Video.get_clip`.

    Returns:
        The clip of `Video.get_clip`; for several, with a list at each key.

    Raises:
        VideoReadError: if it cannot be read, or nothing begins in it.
    """
    if isinstance(span, ClipInfoList):
        singles = [
            _read_one(video, start, end, decode_video, options)
            for start, end in zip(span.clip_start_sec, span.clip_end_sec, strict=True)
        ]
        return {key: [clip[key] for clip in singles] for key in singles[0]}
    return _read_one(video, span.clip_start_sec, span.clip_end_sec, decode_video, options)


def make_sample(
    clip: Mapping[str, Any],
    video: Video,
    video_index: int,
    span: ClipInfo | ClipInfoList,
    info: Mapping[str, Any],
) -> Sample:
    """Put a sample together, with PyTorchVideo's keys in PyTorchVideo's order.

    Args:
        clip: from `read_clip`; what it holds beyond frames, their indices and audio comes too.
        video: where it was read.
        video_index: number of the video.
        span: what the sampler asked for.
        info: entries of the video's own, which win over those before them.
    """
    sample = {
        "video": clip["video"],
        "video_name": video.name,
        "video_index": video_index,
        "clip_index": span.clip_index,
        "aug_index": span.aug_index,
        **{key: clip[key] for key in clip if key not in {"video", "audio", "frame_indices"}},
        **info,
    }
    audio = clip.get("audio")
    has_audio = all(a is not None for a in audio) if isinstance(audio, list) else audio is not None
    return {**sample, "audio": audio} if has_audio else sample


def _read_one(
    video: Video, start: Seconds, end: Seconds, decode_video: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    clip = video.get_clip(start, end, **options)
    wanted = None if clip is None else clip["video"] if decode_video else clip.get("audio")
    # At the very end of a video decord gives no frames as an empty tensor.
    if clip is None or wanted is None or wanted.numel() == 0:
        raise VideoReadError(
            f"nothing begins in [{float(start):.3f}, {float(end):.3f}) s of its "
            f"{float(video.duration):.3f} s",
            video.name,
            time=start,
        )
    return dict(clip)


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn every way of failing to read into a VideoReadError that says which path."""
    try:
        yield
    except VideoReadError as error:
        if error.path == path:
            raise
        raise VideoReadError(error.cause, path, error.backend, error.time) from error
    except FileNotFoundError as error:
        raise VideoReadError("there is no such file or folder", path) from error
    except OSError as error:
        raise VideoReadError(error.strerror or str(error), path) from error
