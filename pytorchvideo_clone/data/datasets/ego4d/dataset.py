"""Ego4D moments: what a person does, with sound and inertial measurements."""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler

from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.data.clip_sampling import ClipSampler
from pytorchvideo_clone.data.datasets.ego4d.imu import Ego4dImuData, Ego4dImuDataBase
from pytorchvideo_clone.data.datasets.ego4d.moments import MomentsClipSampler, get_label_id_map
from pytorchvideo_clone.data.files import PathLike, open_file
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler
from pytorchvideo_clone.data.lists.numbering import MAX_CLASSES
from pytorchvideo_clone.data.video import (
    Clip,
    FrameFilter,
    Seconds,
    Video,
    VideoPathHandler,
    VideoReadError,
)

__all__ = ["AUDIO_TRANSFORMS", "Ego4dImuData", "Ego4dMomentsDataset"]

_log = logging.getLogger(__name__)

# Name -> the transform of torchaudio, and what it is made with: 25 ms every 10 ms.
_SPECTRUM = {"n_fft": 512, "win_length": 400, "hop_length": 160}
AUDIO_TRANSFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "melspectrogram": ("MelSpectrogram", {"sample_rate": 16000, "n_mels": 80, **_SPECTRUM}),
    "mfcc": (
        "MFCC",
        {"sample_rate": 16000, "n_mfcc": 40, "melkwargs": {"n_mels": 80, **_SPECTRUM}},
    ),
    "spectrogram": ("Spectrogram", _SPECTRUM),
}
_AUDIO_RATE = 16000

_FPS = 30  # of all videos of Ego4D
_MEAN, _STD = 0.45, 0.225


class Ego4dMomentsDataset(LabeledVideoDataset):
    """Labelled moments of Ego4D, one clip around each.

    A sample has the keys of `LabeledVideoDataset` and

    - `video` (C, T, H, W) float32, in [0, 1] and then normalised with mean 0.45, deviation 0.225;
    - `clip_uid`, `video_uid`, `video_path`, `duration` of the video;
    - `clip_start`, `clip_end` of the sample, `label_video_start_sec`, `label_video_end_sec` of the
      moment, `clip_video_start_sec`, `clip_video_end_sec` of the annotated clip around it, all in
      seconds of the video;
    - `labels` of the moment (several if annotators differ), `labels_id`, their numbers, and
      `labels_onehot`, a list of 0 and 1;
    - with `decode_audio`: `audio`, a dict of `signal` (S,) at 16 kHz, `spectrogram` (F, T') and
      `sampling_rate`; `spectrogram` again; `has_audio`, False where there is only silence;
    - with `imu`: `imu`, a dict of `timestamp`, `signal` (N, 6) and `sampling_rate`, as from
      `Ego4dImuData.get_imu_sample`.

    Stereo videos and moments of no length are left out. A clip that has not 30 * `window_sec`
    frames counts as a video that cannot be read. `map_style` gives the same by number.

    Args:
        annotation_path: json of the moments.
        metadata_path: json of the videos.
        split: "train", "val" or "test"; None takes all.
        decode_audio: whether to read sound; needs torchaudio.
        imu: whether to read inertial measurements; leaves out videos that have none.
        clip_sampler: by default `MomentsClipSampler(window_sec)`.
        video_sampler: as in `LabeledVideoDataset`.
        transform: applied to each sample, last.
        decoder: as in `EncodedVideo.from_path`.
        filtered_labels: the labels to keep; None keeps all.
        window_sec: length of the clips in seconds; 0 takes the moment itself, whatever its frames.
        audio_transform_type: a key of `AUDIO_TRANSFORMS`.
        imu_path: folder of the measurements, for `Ego4dImuData`.
        label_id_map: label -> its number.
        label_id_map_path: json of that; one of the two is needed.
        video_path_override: maps the uid of a video to its path, instead of `manifold_path` of the
            metadata.
        video_path_handler: opens the videos.
        eligible_video_uids: the videos to keep; None keeps all.
        max_classes: how many classes the numbers may count.

    Raises:
        ValueError: if arguments do not fit together, or a label has no number, or one of
            `max_classes` or more.
        ImportError: if torchaudio is needed and not installed.

    Source: Grauman et al., "Ego4D: Around the World in 3,000 Hours of Egocentric Video", CVPR 2022,
    https://arxiv.org/abs/2110.07058.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> video = {"video_uid": "u", "duration_sec": 9.0, "is_stereo": False}
    >>> video["manifold_path"] = "u.mp4"
    >>> label = {"label": "wash", "video_start_time": 1.0, "video_end_time": 2.0}
    >>> clip = {"clip_uid": "c", "video_start_sec": 0.0, "video_end_sec": 9.0}
    >>> clip["annotations"] = [{"labels": [label]}]
    >>> moments = {"video_uid": "u", "split": "train", "clips": [clip]}
    >>> _ = (folder / "ego4d.json").write_text(json.dumps({"videos": [video]}))
    >>> _ = (folder / "moments.json").write_text(json.dumps({"videos": [moments]}))
    >>> files = (folder / "moments.json", folder / "ego4d.json")
    >>> Ego4dMomentsDataset(*files, decode_audio=False, label_id_map={"wash": 0}).num_videos
    1
    """

    def __init__(
        self,
        annotation_path: PathLike,
        metadata_path: PathLike,
        split: str | None = None,
        decode_audio: bool = True,
        imu: bool = False,
        clip_sampler: ClipSampler | None = None,
        video_sampler: VideoSampler = SequentialSampler,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        decoder: str = "pyav",
        filtered_labels: Collection[str] | None = None,
        window_sec: int = 10,
        audio_transform_type: str = "melspectrogram",
        imu_path: PathLike | None = None,
        label_id_map: Mapping[str, int] | None = None,
        label_id_map_path: PathLike | None = None,
        video_path_override: Callable[[str], str] | None = None,
        video_path_handler: VideoPathHandler | None = None,
        eligible_video_uids: Collection[str] | None = None,
        max_classes: int = MAX_CLASSES,
    ) -> None:
        if (label_id_map is None) == (label_id_map_path is None):
            raise ValueError("pass either label_id_map or label_id_map_path, for labels_id.")
        if imu and imu_path is None:
            raise ValueError("imu is True, so imu_path must say where the measurements are.")
        if label_id_map_path is not None:
            label_id_map = get_label_id_map(label_id_map_path)
        measurements = Ego4dImuData(imu_path) if imu and imu_path is not None else None
        videos = _usable_videos(_read_json(metadata_path), eligible_video_uids, measurements)
        self.labels = dict(label_id_map or {})
        moments = [
            (
                video_path_override(uid) if video_path_override else videos[uid]["manifold_path"],
                info,
            )
            for uid, info in _moments(_read_json(annotation_path), split, videos, filtered_labels)
        ]
        moments = [(path, {**info, "video_path": path}) for path, info in moments]
        unknown = sorted(
            {name for _, info in moments for name in info["labels"]} - set(self.labels)
        )
        if unknown:
            raise ValueError(
                f"{len(unknown)} labels have no number in the label map, such as {unknown[0]!r}; "
                "name those to keep in filtered_labels."
            )
        for label, number in self.labels.items():
            if not 0 <= number < max_classes:
                raise ValueError(
                    f"label {label!r} has the number {number!r}; the numbers of labels go from 0 "
                    f"to {max_classes - 1}. For more pass max_classes."
                )
        super().__init__(
            moments,
            clip_sampler or MomentsClipSampler(window_sec),
            video_sampler,
            _MomentTransform(
                self.labels,
                _audio_transform(audio_transform_type) if decode_audio else None,
                measurements,
                transform,
            ),
            decode_audio,
            decoder=decoder,
            open_options=(
                {"audio_rate": _AUDIO_RATE, "missing_audio": "silence"} if decode_audio else None
            ),
        )
        self.video_path_handler = _MomentHandler(
            video_path_handler or VideoPathHandler(), round(_FPS * window_sec)
        )


class _MomentTransform:
    """From a sample of `LabeledVideoDataset` to one of `Ego4dMomentsDataset`."""

    def __init__(
        self,
        labels: Mapping[str, int],
        audio_transform: Callable[[Tensor], Tensor] | None,
        imu: Ego4dImuDataBase | None,
        transform: Callable[[dict[str, Any]], Any] | None,
    ) -> None:
        self._labels = labels
        self._audio_transform = audio_transform
        self._imu = imu
        self._transform = transform

    def __call__(self, sample: dict[str, Any]) -> Any:
        numbers = [self._labels[name] for name in sample["labels"]]
        onehot = [0] * (max(self._labels.values()) + 1)
        for number in numbers:
            onehot[number] = 1
        sample = {**sample, "labels_id": numbers, "labels_onehot": onehot}
        sample["video"] = (sample["video"].float() / 255 - _MEAN) / _STD
        if self._imu is not None and "clip_start" in sample:
            sample["imu"] = self._imu.get_imu_sample(
                sample["video_uid"], sample["clip_start"], sample["clip_end"]
            )
        if self._audio_transform is not None and "audio" in sample:
            spectrogram = self._audio_transform(sample["audio"])
            sample["audio"] = {
                "signal": sample["audio"],
                "spectrogram": spectrogram,
                "sampling_rate": _AUDIO_RATE,
            }
            sample["spectrogram"] = spectrogram
        return sample if self._transform is None else self._transform(sample)


class _MomentHandler(VideoPathHandler):
    """A path handler whose videos say where a clip was cut, and refuse those of another length."""

    def __init__(self, handler: VideoPathHandler, frames: int) -> None:
        super().__init__()
        self._handler = handler
        self._frames = frames

    def video_from_path(self, filepath: PathLike, *args: Any, **options: Any) -> Video:
        return _MomentVideo(self._handler.video_from_path(filepath, *args, **options), self._frames)


class _PlacedClip(Clip, total=False):
    clip_start: float
    clip_end: float


class _MomentVideo(Video):
    def __init__(self, video: Video, frames: int) -> None:
        self._video = video
        self._frames = frames

    @property
    def name(self) -> str:
        return self._video.name

    @property
    def duration(self) -> Seconds:
        return self._video.duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> Clip | None:
        found = 0

        def counted(indices: list[int]) -> list[int]:
            nonlocal found
            found = len(indices)
            return indices if frame_filter is None else frame_filter(indices)

        clip = self._video.get_clip(start_sec, end_sec, counted, video_dtype, **options)
        if self._frames and found != self._frames:
            raise VideoReadError(
                f"the clip has {found} frames, not {self._frames}", self.name, time=start_sec
            )
        if clip is None:
            return None
        placed: _PlacedClip = {
            **clip,
            "clip_start": float(start_sec),
            "clip_end": float(end_sec),
        }
        return placed

    def close(self) -> None:
        self._video.close()


def _moments(
    annotations: Mapping[str, Any],
    split: str | None,
    videos: Mapping[str, Mapping[str, Any]],
    filtered_labels: Collection[str] | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The uid of the video of each moment, and what is known of it."""
    for video in annotations["videos"]:
        uid = video["video_uid"]
        if uid not in videos or (split is not None and video["split"] != split):
            continue
        for clip in video["clips"]:
            labels: dict[tuple[float, float], set[str]] = {}
            for annotation in clip.get("annotations", []):
                for label in annotation["labels"]:
                    times = (label["video_start_time"], label["video_end_time"])
                    wanted = filtered_labels is None or label["label"] in filtered_labels
                    if wanted and times[1] > times[0]:
                        labels.setdefault(times, set()).add(label["label"])
            for (start, end), names in labels.items():
                yield (
                    uid,
                    {
                        "clip_uid": clip["clip_uid"],
                        "video_uid": uid,
                        "duration": videos[uid]["duration_sec"],
                        "clip_video_start_sec": clip["video_start_sec"],
                        "clip_video_end_sec": clip["video_end_sec"],
                        "labels": sorted(names),
                        "label_video_start_sec": start,
                        "label_video_end_sec": end,
                    },
                )


def _usable_videos(
    metadata: Mapping[str, Any], eligible: Collection[str] | None, imu: Ego4dImuDataBase | None
) -> dict[str, Mapping[str, Any]]:
    """The metadata of the videos to read, by uid."""
    videos = {
        video["video_uid"]: video
        for video in metadata["videos"]
        if not video["is_stereo"] and (eligible is None or video["video_uid"] in eligible)
    }
    if imu is None:
        return videos
    measured = {uid: video for uid, video in videos.items() if imu.has_imu(uid)}
    if len(measured) < len(videos):
        _log.warning(
            "%d of %d videos have no inertial measurements and are left out.",
            len(videos) - len(measured),
            len(videos),
        )
    return measured


def _audio_transform(name: str) -> Callable[[Tensor], Tensor]:
    if name not in AUDIO_TRANSFORMS:
        known = ", ".join(map(repr, AUDIO_TRANSFORMS))
        raise ValueError(f"audio_transform_type is {name!r}; it must be one of {known}.")
    kind, settings = AUDIO_TRANSFORMS[name]
    transforms = optional_import("torchaudio.transforms", extra="audio")
    return getattr(transforms, kind)(**settings)


def _read_json(path: PathLike) -> dict[str, Any]:
    with open_file(path) as file:
        return json.load(file)
