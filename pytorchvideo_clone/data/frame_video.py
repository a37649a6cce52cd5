"""A video kept as one image file a frame."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import PurePath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from pytorchvideo_clone.data import files
from pytorchvideo_clone.data.decoders.frames import Frames, collect_frames, shrink
from pytorchvideo_clone.data.decoders.timestamps import secs_to_pts
from pytorchvideo_clone.data.stages import stage
from pytorchvideo_clone.data.video import (
    Clip,
    FrameFilter,
    OnDamage,
    Seconds,
    Video,
    VideoReadError,
    as_clip,
    check_on_damage,
)

__all__ = ["FrameVideo", "by_number", "read_image"]

# Network file systems fail now and then; PyTorchVideo tries as often.
_ATTEMPTS = 10
_MOST_THREADS = 16


class FrameVideo(Video):
    """A video kept as one image file a frame: frame k begins at k / fps seconds.

    Args:
        duration: seconds.
        fps: frames a second.
        video_frame_to_path_fn: maps a frame's index to its path.
        video_frame_paths: the paths in order; either these or the function.
        multithreaded_io: read the images of a clip in parallel, for storage that is slow to answer.

    Raises:
        AssertionError: if both or neither of the function and the paths are given.
    """

    def __init__(
        self,
        duration: Seconds,
        fps: float,
        video_frame_to_path_fn: Callable[[int], str] | None = None,
        video_frame_paths: Sequence[str] | None = None,
        multithreaded_io: bool = False,
    ) -> None:
        # PyTorchVideo's exception, raised so that python -O keeps it.
        if (video_frame_to_path_fn is None) == (video_frame_paths is None):
            raise AssertionError(
                "pass exactly one of video_frame_to_path_fn and video_frame_paths."
            )
        self._duration = duration
        self._fps = Fraction(fps)
        if video_frame_paths is not None:
            self._path_of: Callable[[int], str] = video_frame_paths.__getitem__
            self._count = len(video_frame_paths)
        else:
            assert video_frame_to_path_fn is not None
            self._path_of = video_frame_to_path_fn
            self._count = round(duration * self._fps)
        self._multithreaded_io = multithreaded_io

    @classmethod
    def from_directory(
        cls,
        path: files.PathLike,
        fps: float = 30.0,
        multithreaded_io: bool = False,
        path_order_cache: dict[str, list[str]] | None = None,
    ) -> "FrameVideo":
        """Take the files in a folder, in the order of the numbers in their names.

        Args:
            path: the folder, which holds images only (hidden files are left out).
            fps: frames a second.
            multithreaded_io: as for `FrameVideo`.
            path_order_cache: folder -> its paths in order; looked up, and filled.

        Raises:
            VideoReadError: if the folder is empty.
        """
        folder = str(path)
        cache = {} if path_order_cache is None else path_order_cache
        if folder not in cache:
            names = [name for name in files.list_dir(folder) if not name.startswith(".")]
            cache[folder] = [
                f"{folder.rstrip('/')}/{name}" for name in sorted(names, key=by_number)
            ]
        if not cache[folder]:
            raise VideoReadError("the folder holds no image", folder, "Pillow")
        return cls.from_frame_paths(cache[folder], fps, multithreaded_io)

    @classmethod
    def from_frame_paths(
        cls, video_frame_paths: Sequence[str], fps: float = 30.0, multithreaded_io: bool = False
    ) -> "FrameVideo":
        """Take these image files, in this order.

        Raises:
            AssertionError: if there are none.
        """
        if len(video_frame_paths) == 0:
            # PyTorchVideo's exception, raised so that python -O keeps it.
            raise AssertionError("video_frame_paths is empty: a frame video needs one image.")
        duration = float(len(video_frame_paths) / Fraction(fps))
        return cls(
            duration, fps, video_frame_paths=video_frame_paths, multithreaded_io=multithreaded_io
        )

    @property
    def name(self) -> str:
        """Name of the folder that the first frame lies in."""
        return PurePath(self._path_of(0)).parent.name

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return self._duration

    def get_clip(
        self,
        start_sec: Seconds,
        end_sec: Seconds,
        frame_filter: FrameFilter | None = None,
        video_dtype: torch.dtype = torch.float32,
        *,
        on_damage: OnDamage = "raise",
        short_side: int | None = None,
    ) -> Clip | None:
        """Read the frames that begin in [start_sec, end_sec).

        Args:
            start_sec: seconds, included.
            end_sec: seconds, excluded.
            frame_filter: maps the indices of the frames in the window, counted from the first frame
                of the video, to those to read.
            video_dtype: torch.float32 or torch.uint8.
            on_damage: "raise" or "pad", as in `Video.get_clip`; an image that is not there is
                damaged.
            short_side: as in `Video.get_clip`.

        Returns:
            `Clip` with `frame_indices`; None if the window begins outside the video.

        Raises:
            VideoReadError: if an image cannot be read or has another size; with "pad", if none can.
        """
        check_on_damage(on_damage)
        if not 0 <= start_sec <= self._duration:
            return None
        first = int(secs_to_pts(start_sec, 1 / self._fps, 0, "ceil"))
        last = secs_to_pts(min(end_sec, self._duration), 1 / self._fps, 0, "ceil")
        indices = list(range(first, int(min(last, self._count))))
        if frame_filter:
            indices = [int(index) for index in frame_filter(indices)]
        clip: Clip = {"video": None, "frame_indices": indices, "audio": None}
        if on_damage == "pad":
            clip["valid"] = None
        if indices:
            frames = self._read(indices, on_damage)
            clip["video"] = as_clip(shrink(frames.pictures, short_side), video_dtype)
            if on_damage == "pad":
                clip["valid"] = frames.valid
        return clip

    def _read(self, indices: list[int], on_damage: OnDamage) -> Frames:
        paths = {index: self._path_of(index) for index in indices}
        reading = {}
        if self._multithreaded_io:
            with ThreadPoolExecutor(min(len(paths), _MOST_THREADS)) as threads:
                reading = {index: threads.submit(read_image, paths[index]) for index in paths}
        first: tuple[str, torch.Size] | None = None

        def read_one(index: int) -> Tensor:
            nonlocal first
            with stage("decode"):  # and opening, which Pillow does as it decodes
                image = reading[index].result() if reading else read_image(paths[index])
            picture = torch.from_numpy(image)
            first = first or (paths[index], picture.shape)
            if picture.shape != first[1]:
                raise VideoReadError(
                    f"it is {picture.shape[1]}x{picture.shape[0]}, but the clip's first frame "
                    f"{first[0]} is {first[1][1]}x{first[1][0]}",
                    paths[index],
                    "Pillow",
                )
            return picture

        return collect_frames(indices, read_one, on_damage)


def by_number(name: str) -> list[tuple[int, int | str]]:
    """Sort key that compares runs of digits as numbers: img_2 before img_10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def read_image(path: str) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 RGB, upright as its EXIF orientation says.

    Raises:
        VideoReadError: if it cannot be read, or has more than twice `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    failure: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            with files.open_file(path) as file, Image.open(file) as image:
                upright = ImageOps.exif_transpose(image)
                if upright.mode.startswith("I;16"):  # Pillow would cut these off at 255
                    grey = (np.asarray(upright) >> 8).astype(np.uint8)
                    return np.repeat(grey[..., None], 3, axis=2)
                return np.array(upright.convert("RGB"))
        except FileNotFoundError as error:
            raise VideoReadError("the image does not exist", path, "Pillow") from error
        except OSError as error:
            failure = error
        except Exception as error:  # Pillow has no error of its own for what bytes make of it
            failure = error
            break
    raise VideoReadError(str(failure) or type(failure).__name__, path, "Pillow") from failure
