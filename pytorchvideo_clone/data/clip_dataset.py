"""Clips of labelled videos by number: (seed, epoch, index) -> sample."""

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from pytorchvideo_clone.data.clip_reading import (
    Sample,
    make_sample,
    naming,
    read_clip,
    read_together,
)
from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler
from pytorchvideo_clone.data.faults import (
    BlankVideo,
    FaultLog,
    Faults,
    Policy,
    damaged_frames,
    read_within,
)
from pytorchvideo_clone.data.lists.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.sharding import Planned
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import (
    FrameFilter,
    Seconds,
    Video,
    VideoPathHandler,
    VideoReadError,
)

__all__ = ["ClipDataset", "LabeledVideos", "Sample", "make_sample", "read_clip"]

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
    from an `EpochSampler` there is also `valid`, False for a sample that only fills up. With
    `faults="pad"` there are always `valid`, False also where nothing could be read, and
    `frame_mask` (T,) bool, the frames that are real, before `transform`.

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
        short_side: as in `Video.get_clip`, so that large frames are scaled before conversion. None
            takes the `source_short_side` of `transform`, if it has one, as `ClipTransform` does; a
            very large number keeps all sizes.
        open_options: more arguments of `VideoPathHandler.video_from_path`, for example {"fps": 10}
            for folders of images.
        faults: what to do about a video that cannot be read: "raise", "substitute", "pad", or a
            `Faults`, which may also limit the time.

    Attributes:
        fault_log: the videos that could not be read, in all worker processes; `set_epoch` and the
            end of the program do not stop it, `fault_log.report()` gives it.
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
        short_side: int | None = None,
        open_options: Mapping[str, Any] | None = None,
        faults: Faults | Policy = "raise",
    ) -> None:
        if not (decode_video or decode_audio):
            raise ValueError("decode_video and decode_audio are both False; nothing would be read.")
        self.labeled_video_paths = labeled_video_paths
        self.clip_sampler = clip_sampler
        self.transform = transform
        self.seed = seed
        self.video_path_handler = VideoPathHandler()
        reading = {"decode_video": decode_video, "decode_audio": decode_audio, "decoder": decoder}
        self._open_options: dict[str, Any] = {**reading, **(open_options or {})}
        if short_side is None:
            short_side = getattr(transform, "source_short_side", None)
        options: dict[str, Any] = {"frame_filter": frame_filter, "short_side": short_side}
        self._clip_options = {name: value for name, value in options.items() if value is not None}
        if video_dtype != torch.float32:
            self._clip_options["video_dtype"] = video_dtype
        self.faults = Faults.of(faults)
        if self.faults.policy == "skip":
            raise ValueError(
                "faults is 'skip', but every index has its sample; choose 'substitute' or 'pad', "
                "or take LabeledVideoDataset."
            )
        if self.faults.policy == "pad":
            if not decode_video:
                raise ValueError("faults='pad' fills in frames; it needs decode_video=True.")
            self._clip_options["on_damage"] = "pad"
        self.fault_log = FaultLog()
        self._hung: set[str] = set()
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

        The videos that could not be read in the epoch before are named in the log.

        Args:
            epoch: any whole number; set it before the epoch begins.
        """
        if epoch != self.epoch:
            self.fault_log.log_once(self.epoch)
        self._epoch.fill_(epoch)

    def fingerprint(self) -> str:
        """Give a digest of the list of videos; `EpochSampler` compares it among the ranks."""
        own = getattr(self.labeled_video_paths, "fingerprint", None)
        if own is not None:
            return own()
        numbers = range(len(self.labeled_video_paths))
        return LabeledVideoPaths(
            (self.labeled_video_paths[number][0], None) for number in numbers
        ).fingerprint()

    def __len__(self) -> int:
        per_video = self.clip_sampler.samples_per_video
        if per_video is not None:
            return per_video * len(self.labeled_video_paths)
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> Any:
        """Read one sample.

        Raises:
            IndexError: if there is no such sample.
            VideoReadError: if its video cannot be read, or has no frame in the clip, and `faults`
                does not say otherwise.
        """
        with stage("other"):
            found = self._locate(index)
            return self._finish(index, self._read_or_replace(index % len(self), *found))

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Read the samples of a batch, those of one video in one pass over its frames.

        They are what one by one would give. A video is read clip by clip where `faults` limits the
        time, or it is damaged.
        """
        with stage("other"):
            by_video: dict[int, list[int]] = {}
            for position, index in enumerate(indices):
                by_video.setdefault(self._locate(index)[0], []).append(position)
            samples: dict[int, Any] = {}
            for video_index, positions in by_video.items():
                mine = [indices[position] for position in positions]
                together = self._read_together(video_index, mine) if len(mine) > 1 else None
                for number, (position, index) in enumerate(zip(positions, mine, strict=True)):
                    one = self[index] if together is None else self._finish(index, together[number])
                    samples[position] = one
            return [samples[position] for position in range(len(indices))]

    def _finish(self, index: int, sample: Sample) -> Any:
        if isinstance(index, Planned):
            sample["valid"] = index.valid and sample.get("valid", True)
        if self.transform is None:
            return sample
        with self._seeded("transform", index % len(self)), stage("transform"):
            return self.transform(sample)

    def _read_or_replace(self, place: int, video_index: int, number: int) -> Sample:
        """Read clip `number` of a video for sample `place`; what if not is said by `faults`."""
        try:
            return self._read(place, video_index, number, self._chance(video_index, self.epoch))
        except VideoReadError as error:
            if self.faults.policy == "raise":
                raise
            self.fault_log.add(error, self.epoch, place)
            if self.faults.policy == "substitute":
                return self._substitute(place, video_index, error)
        path, _ = self.labeled_video_paths[video_index]
        duration = self.clip_sampler.clip_duration
        blank = BlankVideo(path, duration, self.faults.blank, self._open_options)
        chance = self._chance(video_index, self.epoch)
        return {**self._sample_of(blank, place, video_index, number, chance), "valid": False}

    def _substitute(self, place: int, video_index: int, cause: VideoReadError) -> Sample:
        """Read a clip of another video, as chance has it; a video is tried once."""
        chance = random.Random(f"substitute {self.seed} {self.epoch} {place}")
        others, tried = len(self.labeled_video_paths) - 1, {video_index}
        while len(tried) <= min(others, self.faults.attempts):
            number = chance.randrange(len(self))
            other, number = self._locate(number)
            if other in tried:
                continue
            tried.add(other)
            try:
                return self._read(place, other, number, random.Random(chance.random()))
            except VideoReadError as error:
                self.fault_log.add(error, self.epoch, place)
        raise VideoReadError(
            f"{cause.cause}; nor can any of {len(tried) - 1} other videos in its place",
            cause.path,
            cause.backend,
            cause.time,
        ) from cause

    def _read(self, place: int, video_index: int, number: int, chance: random.Random) -> Sample:
        path, _ = self.labeled_video_paths[video_index]

        def read() -> Sample:
            with naming(path), self._open(path) as video:
                return self._sample_of(video, place, video_index, number, chance)

        # The main thread keeps torch's generator, as the one that reads may never end.
        with self._seeded("frames", place):
            sample = self._within_limit(path, read)
        if self.faults.policy == "pad":
            damage = damaged_frames(sample["frame_mask"], path)
            if damage is not None:
                self.fault_log.add(damage, self.epoch, place)
        return sample

    def _read_together(self, video_index: int, indices: list[int]) -> list[Sample] | None:
        """Read samples of one video in one pass; None if they must be read one by one."""
        path, _ = self.labeled_video_paths[video_index]
        if self.faults.time_limit_sec is not None or not self._open_options["decode_video"]:
            return None
        options = {k: v for k, v in self._clip_options.items() if k != "frame_filter"}
        try:
            with naming(path), self._open(path) as video:
                spans = [
                    self._span(video, *self._locate(i), self._chance(video_index, self.epoch))
                    for i in indices
                ]
                if any(isinstance(span, ClipInfoList) for span in spans):
                    return None
                windows = [(span.clip_start_sec, span.clip_end_sec) for span in spans]
                filters = [functools.partial(self._filter, index % len(self)) for index in indices]
                clips = read_together(video, windows, filters, **options)  # type: ignore[arg-type]
                if clips is None:
                    return None
                pairs = zip(clips, spans, strict=True)
                return [self._as_sample(clip, video, video_index, span) for clip, span in pairs]
        except VideoReadError:
            return None  # each of them says so again, and `faults` decides

    def _filter(self, place: int, frames: list[int]) -> list[int]:
        """Choose the frames of sample `place`."""
        frame_filter = self._clip_options.get("frame_filter")
        with self._seeded("frames", place):
            return frames if frame_filter is None else frame_filter(frames)

    def _sample_of(
        self, video: Video, place: int, video_index: int, number: int, chance: random.Random
    ) -> Sample:
        span = self._span(video, video_index, number, chance)
        clip = read_clip(video, span, self._open_options["decode_video"], **self._clip_options)
        return self._as_sample(clip, video, video_index, span)

    def _span(
        self, video: Video, video_index: int, number: int, chance: random.Random
    ) -> ClipInfo | ClipInfoList:
        path, info = self.labeled_video_paths[video_index]
        clips = self.clip_sampler.clips(video.duration, info, chance)
        span = next(itertools.islice(clips, number, None), None)
        if span is None:
            raise RuntimeError(
                f"{type(self.clip_sampler).__name__} gave clip {number} of {path} before, and "
                "now fewer clips; their number must not depend on chance."
            )
        return span

    def _as_sample(
        self, clip: dict[str, Any], video: Video, video_index: int, span: ClipInfo | ClipInfoList
    ) -> Sample:
        if "valid" in clip:
            clip = {**clip, "frame_mask": clip["valid"], "valid": True}
        return make_sample(clip, video, video_index, span, self.labeled_video_paths[video_index][1])

    def _within_limit(self, path: str, read: Callable[[], Any]) -> Any:
        if path in self._hung:
            raise VideoReadError("reading it took too long before", path)
        try:
            return read_within(self.faults.time_limit_sec, path, read)
        except VideoReadError as error:
            if isinstance(error.__cause__, TimeoutError):
                self._hung.add(path)
            raise

    def _locate(self, index: int) -> tuple[int, int]:
        """The video, and which of its samples."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: there are {len(self)} samples.")
        index %= len(self)
        per_video = self.clip_sampler.samples_per_video
        if per_video is not None:
            return divmod(index, per_video)
        video_index = int(np.searchsorted(self._ends, index, side="right"))
        return video_index, index - (int(self._ends[video_index - 1]) if video_index else 0)

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        """Up to each video, how many samples there are: (videos,) int64."""
        with ThreadPoolExecutor() as pool:
            counts = pool.map(self._count, range(len(self.labeled_video_paths)))
            return np.cumsum(np.fromiter(counts, np.int64))

    def _count(self, video_index: int) -> int:
        path, info = self.labeled_video_paths[video_index]

        def measure() -> Seconds:
            with naming(path), self._open(path) as video:
                return video.duration

        known = getattr(self.labeled_video_paths, "duration", None)
        try:
            duration = known and known(video_index)
            if duration is None:
                duration = self._within_limit(path, measure)
        except VideoReadError:
            return 1  # a sample whose reading says what is wrong, like that of any other video
        chance = self._chance(video_index, epoch=0)
        return sum(1 for _ in self.clip_sampler.clips(duration, info, chance))

    def _chance(self, video_index: int, epoch: int) -> random.Random:
        return random.Random(f"clips {self.seed} {epoch} {video_index}")

    def _open(self, path: str) -> Video:
        with stage("open"):
            video = self.video_path_handler.video_from_path(path, **self._open_options)
            return self.fault_log.note_decoder(video, path)

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
