"""Data sets from one json file: videos alone, or annotated parts of long videos."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import RandomSampler

from pytorchvideo_clone.data.clip_sampling import ClipInfo, ClipInfoList, ClipSampler, RandomSource
from pytorchvideo_clone.data.datasets.annotations import read_json, under
from pytorchvideo_clone.data.files import PathLike
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, VideoSampler
from pytorchvideo_clone.data.video import Seconds

__all__ = ["UntrimmedClipSampler", "clip_recognition_dataset", "video_only_dataset"]


def video_only_dataset(
    data_path: PathLike,
    clip_sampler: ClipSampler,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    video_path_prefix: str = "",
    decode_audio: bool = True,
    decoder: str = "pyav",
) -> LabeledVideoDataset:
    """Make a data set of videos without labels.

    Args:
        data_path: json file with an object whose keys are the paths of the videos.
        clip_sampler: as in `labeled_video_dataset`, like all that follow.
        video_sampler: as there.
        transform: as there.
        video_path_prefix: as there.
        decode_audio: as there.
        decoder: as there.

    Raises:
        ValueError: if the file has another form, or names no video.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "videos.json").write_text('{"a.mp4": {}, "b.mp4": {}}')
    ...     video_only_dataset(f"{folder}/videos.json", make_clip_sampler("random", 2)).num_videos
    2
    """
    videos: list[tuple[str, dict[str, Any]]] = [
        (under(video_path_prefix, path), {}) for path in _videos(data_path)
    ]
    return LabeledVideoDataset(
        videos, clip_sampler, video_sampler, transform, decode_audio=decode_audio, decoder=decoder
    )


def clip_recognition_dataset(
    data_path: PathLike,
    clip_sampler: ClipSampler,
    video_sampler: VideoSampler = RandomSampler,
    transform: Callable[[dict[str, Any]], Any] | None = None,
    video_path_prefix: str = "",
    decode_audio: bool = True,
    decoder: str = "pyav",
) -> LabeledVideoDataset:
    """Make a data set of the parts of long videos in which hands act on objects.

    Samples have `clip_start_sec` and `clip_end_sec`, of the part, and the numbers `noun_label` and
    `verb_label`: the places of noun and verb among all nouns and all verbs of the file, in sorted
    order. A part whose noun or verb is unsure or missing is left out.

    Args:
        data_path: json file {path: {"benchmarks": {"forecasting_hands_objects": [part, ...]}}}; a
            part has "critical_frame_selection_parent_start_sec" and "..._end_sec", and "taxonomy",
            with "noun", "verb", "noun_unsure" and "verb_unsure".
        clip_sampler: applied to each part, as in `UntrimmedClipSampler`.
        video_sampler: as in `labeled_video_dataset`, like all that follow; it orders the parts.
        transform: as there.
        video_path_prefix: as there.
        decode_audio: as there.
        decoder: as there.

    Raises:
        ValueError: if the file has another form, or holds no such part.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from pytorchvideo_clone.data import make_clip_sampler
    >>> words = {"noun": "cup", "verb": "lift", "noun_unsure": False, "verb_unsure": False}
    >>> times = {f"critical_frame_selection_parent_{end}_sec": sec for end, sec in
    ...          [("start", 2.0), ("end", 8.0)]}
    >>> parts = {"forecasting_hands_objects": [{**times, "taxonomy": words}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "parts.json")
    ...     _ = path.write_text(json.dumps({"a.mp4": {"benchmarks": parts}}))
    ...     clip_recognition_dataset(path, make_clip_sampler("random", 2)).num_videos
    1
    """
    parts = [
        (under(video_path_prefix, path), part)
        for path, video in _videos(data_path).items()
        for part in _parts(path, video)
    ]
    if not parts:
        raise ValueError(f"{os.fspath(data_path)} holds no part with a sure noun and verb.")
    nouns, verbs = (
        {word: number for number, word in enumerate(sorted({part[key] for _, part in parts}))}
        for key in ("noun", "verb")
    )
    videos: list[tuple[str, dict[str, Any]]] = [
        (
            path,
            {
                "clip_start_sec": part["start"],
                "clip_end_sec": part["end"],
                "noun_label": nouns[part["noun"]],
                "verb_label": verbs[part["verb"]],
            },
        )
        for path, part in parts
    ]
    return LabeledVideoDataset(
        videos,
        UntrimmedClipSampler(clip_sampler),
        video_sampler,
        transform,
        decode_audio=decode_audio,
        decoder=decoder,
    )


class UntrimmedClipSampler(ClipSampler):
    """The clips that another sampler takes from the annotated part of a long video.

    The part is `annotation["clip_start_sec"]` to `annotation["clip_end_sec"]`, in seconds of the
    whole video; so are the clips.

    Args:
        clip_sampler: applied to the part as if it were a video.

    >>> import random
    >>> from pytorchvideo_clone.data.clip_sampling import UniformClipSampler
    >>> sampler = UntrimmedClipSampler(UniformClipSampler(2))
    >>> part = {"clip_start_sec": 10, "clip_end_sec": 15}
    >>> [int(clip.clip_start_sec) for clip in sampler.clips(100, part, random.Random(0))]
    [10, 12]
    """

    def __init__(self, clip_sampler: ClipSampler) -> None:
        super().__init__(clip_sampler._clip_duration)
        self._trimmed_clip_sampler = clip_sampler
        self.samples_per_video = clip_sampler.samples_per_video

    def __call__(
        self,
        last_clip_end_time: Seconds | None,
        video_duration: Seconds,
        annotation: Mapping[str, Any],
    ) -> ClipInfo | ClipInfoList:
        """As in `ClipSampler`."""
        begin = annotation["clip_start_sec"]
        end = annotation["clip_end_sec"]
        last = None if last_clip_end_time is None else last_clip_end_time - begin
        clip = self._trimmed_clip_sampler(last, end - begin, annotation)
        if isinstance(clip, ClipInfoList):
            return clip._replace(
                clip_start_sec=[start + begin for start in clip.clip_start_sec],
                clip_end_sec=[stop + begin for stop in clip.clip_end_sec],
            )
        return clip._replace(
            clip_start_sec=clip.clip_start_sec + begin, clip_end_sec=clip.clip_end_sec + begin
        )

    def reset(self) -> None:
        """As in `ClipSampler`."""
        self._trimmed_clip_sampler.reset()

    def _fresh(self, rng: RandomSource) -> ClipSampler:
        return UntrimmedClipSampler(self._trimmed_clip_sampler._fresh(rng))


def _videos(data_path: PathLike) -> dict[str, Any]:
    videos = read_json(data_path)
    if not isinstance(videos, dict) or not videos:
        raise ValueError(
            f"{os.fspath(data_path)} must hold a json object whose keys are paths of videos."
        )
    return videos


def _parts(path: str, video: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a video whose noun and verb are sure."""
    before = "critical_frame_selection_parent_"
    parts = []
    try:
        for part in video["benchmarks"]["forecasting_hands_objects"]:
            words = part["taxonomy"]
            sure = not (words["noun_unsure"] or words["verb_unsure"])
            if sure and words["noun"] and words["verb"]:
                ends = {"start": part[f"{before}start_sec"], "end": part[f"{before}end_sec"]}
                parts.append({**ends, "noun": words["noun"], "verb": words["verb"]})
    except KeyError as error:
        raise ValueError(f"the annotation of {path} has no {error}.") from error
    return parts
