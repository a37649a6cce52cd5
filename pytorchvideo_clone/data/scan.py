"""Look at every video of a data set once: a manifest of what is good, a list of what is not."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.packets import PacketReader
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.lists.scanned import (
    ScannedVideo,
    append_row,
    is_manifest,
    open_manifest,
    read_manifest,
    rows_of,
    write_manifest,
)
from pytorchvideo_clone.data.lists.splits import read_labeled_videos
from pytorchvideo_clone.data.processes import start_pool
from pytorchvideo_clone.data.video import VideoReadError

__all__ = ["Check", "ScanReport", "ScannedVideo", "probe_video", "read_manifest", "scan_videos"]

Check = Literal["header", "ends", "all"]
_WINDOW = 10  # seconds that are decoded at once


@dataclass(frozen=True)
class ScanReport:
    """What a scan found.

    Attributes:
        good: videos that can be read, in the order of the source.
        bad: the others, with their `cause`.
        reused: how many were known from an earlier scan and not looked at again.
    """

    good: list[ScannedVideo]
    bad: list[ScannedVideo]
    reused: int


def scan_videos(
    source: files.PathLike,
    manifest: files.PathLike,
    *,
    check: Check = "ends",
    num_workers: int | None = None,
    time_limit_sec: float = 60,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ScanReport:
    """Look at every video of a folder or list, in parallel, and write a manifest.

    The manifest is a csv file of `ScannedVideo`, which `LabeledVideoPaths.from_path` takes for a
    list of videos; those that cannot be read are in a second one, `<manifest>.bad.csv`. A scan that
    was stopped goes on where it was. One that is repeated looks only at what is new or changed, or
    was looked at less closely.

    Args:
        source: a folder with one folder of videos a class, or of videos alone, or a list.
        manifest: the csv file to be written.
        check: "header" opens each file, "ends" decodes its first and last frames too, "all" decodes
            every frame.
        num_workers: processes; by default one a core.
        time_limit_sec: what takes longer is bad.
        on_progress: called with the numbers of videos done and of all.

    Raises:
        FileNotFoundError: if there is nothing at `source`.
        ValueError: if `check` is none of those, or a number is not positive.
    """
    _check_arguments(check, num_workers, time_limit_sec)
    target = Path(manifest)
    if target.exists() and target.stat().st_size and not is_manifest(target):
        raise ValueError(
            f"{target} is no manifest of a scan, and would be lost; give another name."
        )
    bad_file = target.with_suffix(".bad.csv")
    unfinished = target.with_suffix(".part.csv")
    wanted = _list_videos(source)
    # What was bad in an earlier scan is looked at again: it may have been mended.
    known = {row.path: row for row in _known(target, unfinished)}
    distinct = {video.path: video for video in wanted}  # a list may name a video several times
    rows: dict[str, ScannedVideo] = {}
    for video in distinct.values():
        before = known.get(video.path)
        if before is not None and _is_known(before, check):
            rows[video.path] = _relabelled(before, video)
    reused = len(rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    left = [video for path, video in distinct.items() if path not in rows]
    on_progress(reused, len(distinct))
    with open_manifest(unfinished, "ab") as file:
        for row in _probe_all(left, check, num_workers or os.cpu_count() or 1, time_limit_sec):
            rows[row.path] = row
            append_row(file, row)
            on_progress(len(rows), len(distinct))
    ordered = [_relabelled(rows[video.path], video) for video in wanted]
    report = ScanReport(
        [row for row in ordered if not row.cause], [row for row in ordered if row.cause], reused
    )
    write_manifest(target, report.good)
    write_manifest(bad_file, report.bad)
    unfinished.unlink()
    return report


def probe_video(path: str, check: Check = "ends") -> ScannedVideo:
    """Look at one video, as `scan_videos`.

    Returns:
        Its row; where it cannot be read, with a `cause`.
    """
    size, modified = _version(path)
    row = ScannedVideo(path, size=size, modified=modified, check=check)
    try:
        return replace(row, **_look(path, check))
    except VideoReadError as error:
        when = "" if error.time is None else f" at {float(error.time):.3f} s"
        return replace(row, cause=f"{error.cause}{when}")
    except OSError as error:
        return replace(row, cause=error.strerror or str(error))
    except Exception as error:  # whatever a library makes of one file must not stop the rest
        return replace(row, cause=f"{type(error).__name__}: {error}")


def _check_arguments(check: str, num_workers: int | None, time_limit_sec: float) -> None:
    if check not in get_args(Check):
        raise ValueError(f"check is {check!r}; it must be 'header', 'ends' or 'all'.")
    for name, value in (("num_workers", num_workers), ("time_limit_sec", time_limit_sec)):
        if value is not None and value <= 0:
            raise ValueError(f"{name} is {value}; it must be positive.")


def _list_videos(source: files.PathLike) -> list[ScannedVideo]:
    videos = read_labeled_videos(source)
    names = videos.class_names or []
    found = []
    for index in range(len(videos)):
        path, info = videos[index]
        label = -1 if info["label"] is None else info["label"]
        name = names[label] if label in range(len(names)) else ""
        found.append(ScannedVideo(path, label, name))
    return found


def _look(path: str, check: Check) -> dict[str, Any]:
    if not files.is_file(path):
        raise VideoReadError("there is no such file")
    with EncodedVideo.from_path(path, decode_audio=False) as video:
        found = _header(path)
        if check == "header":
            return found
        frame = 1 / Fraction(found["fps"]) if found["fps"] else Fraction(1, 30)
        first = video.get_clip(0, min(frame, video.duration), lambda indices: indices[:1])
        if first is None or first["video"] is None:
            raise VideoReadError("no frame begins it", time=0)
        found["height"], found["width"] = first["video"].shape[2:]
        if check == "all":
            for start in range(0, int(video.duration) + 1, _WINDOW):
                video.get_clip(start, start + _WINDOW, lambda indices: indices)
        elif _last_frame(video, 2) is None and _last_frame(video, _WINDOW) is None:
            raise VideoReadError(
                f"no frame is in the last {_WINDOW} s of its {float(video.duration):.3f} s"
            )
    return found


def _last_frame(video: EncodedVideo, seconds: int) -> object:
    clip = video.get_clip(video.duration - seconds, video.duration, lambda indices: indices[-1:])
    return None if clip is None else clip["video"]


def _header(path: str) -> dict[str, Any]:
    try:
        source: Any = files.local_path(path)
    except NotImplementedError:  # the scheme offers open files only
        source = files.open_file(path)
    reader = PacketReader(source)
    try:
        stream, codec = reader.stream, reader.stream.codec_context
        # A stream whose codec FFmpeg does not know has no context.
        audio = [a.codec_context for a in reader.container.streams.audio if a.codec_context]
        # Where the container does not say it, every packet is looked at.
        count = stream.frames or sum(1 for packet in reader.scan() if packet.pts is not None)
        return {
            "duration": float(reader.duration),
            "fps": float(reader.rate or 0),
            "height": codec.height,
            "width": codec.width,
            "codec": codec.codec.canonical_name,
            "num_frames": count,
            "audio_codec": audio[0].codec.canonical_name if audio else "",
        }
    finally:
        reader.close()


def _version(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _is_known(row: ScannedVideo, check: Check) -> bool:
    """Whether the file is as it was, and was looked at as closely as asked for."""
    checks = list(get_args(Check))  # the closest one last
    closely = row.check in checks and checks.index(row.check) >= checks.index(check)
    return closely and _version(row.path) == (row.size, row.modified)


def _relabelled(row: ScannedVideo, video: ScannedVideo) -> ScannedVideo:
    return replace(row, label=video.label, class_name=video.class_name)


def _probe_all(
    videos: Sequence[ScannedVideo], check: Check, num_workers: int, time_limit_sec: float
) -> Iterator[ScannedVideo]:
    """Probe in worker processes; one that hangs or dies costs its own video only."""
    waiting = list(reversed(videos))
    suspects: list[ScannedVideo] = []  # were being probed when a process died: now one by one
    while queue := suspects or waiting:
        pool = _Pool(1 if suspects else num_workers, check, time_limit_sec)
        try:
            yield from pool.run(queue)
        except BrokenProcessPool:
            if len(pool.running) == 1:
                yield replace(pool.running[0], cause="the decoder crashed the process")
            else:
                suspects += pool.running
        except TimeoutError:
            assert pool.late is not None
            waiting += [video for video in pool.running if video != pool.late]
            yield replace(pool.late, cause=f"it took longer than {time_limit_sec:g} s")
        finally:
            pool.stop()


class _Pool:
    """Worker processes that probe; as many videos are with them as there are processes.

    Attributes:
        running: the videos that are being probed.
        late: the one that took too long, after a TimeoutError.
    """

    def __init__(self, num_workers: int, check: Check, time_limit_sec: float) -> None:
        self._check, self._limit, self._size = check, time_limit_sec, num_workers
        self._pool = start_pool(num_workers, preload=__name__)
        self._jobs: dict[Future[ScannedVideo], tuple[ScannedVideo, float]] = {}
        self.late: ScannedVideo | None = None

    @property
    def running(self) -> list[ScannedVideo]:
        return [video for video, _ in self._jobs.values()]

    def run(self, queue: list[ScannedVideo]) -> Iterator[ScannedVideo]:
        """Probe the videos of `queue`, from its end, taking them out."""
        self._pool.submit(_version, "").result()  # starting a process is no video's time
        while queue or self._jobs:
            while queue and len(self._jobs) < self._size:
                job = self._pool.submit(probe_video, queue[-1].path, self._check)
                self._jobs[job] = queue.pop(), time.monotonic()
            done, _ = wait(self._jobs, timeout=0.5, return_when=FIRST_COMPLETED)
            for job in done:
                row = job.result()
                video, _ = self._jobs.pop(job)
                yield _relabelled(row, video)
            for video, begin in self._jobs.values():
                if time.monotonic() - begin > self._limit:
                    self.late = video
                    raise TimeoutError(video.path)

    def stop(self) -> None:
        """End the processes, also one that hangs."""
        if self._jobs:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _known(*manifests: Path) -> Iterator[ScannedVideo]:
    for manifest in manifests:
        if manifest.exists():
            with open_manifest(manifest, "rb") as file, suppress(ValueError):
                # A row that was cut off by a kill ends what is known.
                yield from rows_of(file, str(manifest))
